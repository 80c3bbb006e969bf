"""Record again what genuine Caffe computes for the tests:

    python engine/tests/record.py [FAMILY | solvers | scripts | prototexts | upgraded ...]
"""
import sys
import tempfile
from pathlib import Path

import genuine
from genuine import FAMILIES, HERE, record

for family in sys.argv[1:] or [*FAMILIES, "solvers", "scripts", "prototexts", "upgraded"]:
    if family == "solvers":
        with tempfile.TemporaryDirectory() as folder:
            genuine.record_solvers(genuine.RECORD, Path(folder))
    elif family == "scripts":
        for module in genuine.MODULES:
            genuine.record_programs(module, HERE / "recorded" / (module + ".npz"))
    elif family == "prototexts":
        with tempfile.TemporaryDirectory() as folder:
            genuine.record_prototexts(HERE / "recorded" / "prototexts.npz", folder)
    elif family == "upgraded":
        genuine.UPGRADED.mkdir(exist_ok=True)
        for path in genuine.OLD:
            genuine.upgrade_by_genuine_caffe(path, genuine.UPGRADED / path.name)
    else:
        record(family, HERE / "recorded" / (family + ".npz"))
