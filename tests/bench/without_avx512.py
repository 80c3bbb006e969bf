"""Benchmarks as on a CPU without AVX-512, where this one has it: tests/bench/without_avx512.py

What computes is told to leave it alone. ONNX Runtime cannot be told.
"""
import os
import subprocess
import sys
from pathlib import Path

from bench.machine import cpu

IMITATION = {"ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ATEN_CPU_CAPABILITY": "avx2",
             "OPENBLAS_CORETYPE": "Haswell"}
ROUNDS = {"engine": 1, "training": 2, "runtimes": 3, "small": 3}


def main():
    if "avx512f" not in cpu()[1]:
        return
    print("\nAs without AVX-512 (%s):" % " ".join("%s=%s" % pair for pair in IMITATION.items()), flush=True)
    for name, rounds in ROUNDS.items():
        subprocess.run([sys.executable, str(Path(__file__).with_name(name + ".py")), str(rounds)],
                       env=dict(os.environ, **IMITATION), check=True)


if __name__ == "__main__":
    main()
