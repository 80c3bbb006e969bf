"""What machine and versions the benchmarks that follow are of: tests/bench/machine.py"""
import datetime
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SETS = {"AVX2": "avx2", "AVX-512": "avx512f", "AVX-512 BF16": "avx512_bf16", "AMX": "amx_tile"}  # /proc/cpuinfo's names
PACKAGES = {"PyTorch": "torch", "ONNX Runtime": "onnxruntime", "OpenVINO": "openvino", "TensorFlow": "tensorflow-cpu",
            "NumPy": "numpy"}
CHOICES = "OMP_", "KMP_", "OPENBLAS_", "MKL_", "ONEDNN_", "ATEN_", "DNNL_", "GLIBC_TUNABLES"


def cpu():
    """The CPU's model, and the set of its flags."""
    lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
    facts = {name.strip(): value.strip() for name, _, value in lines}
    return facts.get("model name", platform.machine()), set(facts.get("flags", "").split())


def installed(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def main():
    model, flags = cpu()
    chosen = ["%s=%s" % pair for pair in sorted(os.environ.items()) if pair[0].startswith(CHOICES)]
    print("%s, %s, %d cores, %.0f GiB, %s, load %.1f" % (
        datetime.date.today(), model, os.cpu_count(),
        os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30,
        ", ".join("%s%s" % ("" if flag in flags else "no ", name) for name, flag in SETS.items()), os.getloadavg()[0]))
    print("Python %s, %s" % (platform.python_version(),
                             ", ".join("%s %s" % (name, installed(package)) for name, package in PACKAGES.items())))
    print("chosen in the environment: %s\n" % (", ".join(chosen) or "nothing"), flush=True)


if __name__ == "__main__":
    main()
