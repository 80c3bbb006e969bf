"""Record again what genuine Caffe computes for the tests:

    python engine/tests/record.py [FAMILY | solvers | scripts | upgraded ...]
"""
import sys
import tempfile
from pathlib import Path

import test_pycaffe
import test_solvers
import test_upgrade
from test_parity import FAMILIES, HERE, record

for family in sys.argv[1:] or [*FAMILIES, "solvers", "scripts", "upgraded"]:
    if family == "solvers":
        with tempfile.TemporaryDirectory() as folder:
            test_solvers.record(test_solvers.RECORD, Path(folder))
    elif family == "scripts":
        for module in test_pycaffe.MODULES:
            test_pycaffe.record(module, HERE / "recorded" / (module + ".npz"))
    elif family == "upgraded":
        test_upgrade.UPGRADED.mkdir(exist_ok=True)
        for path in test_upgrade.OLD:
            test_upgrade.upgrade_by_genuine_caffe(path, test_upgrade.UPGRADED / path.name)
    else:
        record(family, HERE / "recorded" / (family + ".npz"))
