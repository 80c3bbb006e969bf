import os
import sys

os.environ.setdefault("GLOG_minloglevel", "2")

from scripts import run_all  # noqa: E402

run_all(*sys.argv[1:])
