"""Small nets beside each other on the same cores: tests/bench/waiting.py [ROUNDS]

SqueezeNet, one image: milliseconds of a forward and of the processor for it, medians of 1, 2 and 4 processes at once,
for genuine Caffe and for the engine, whose threads sleep after a short while of waiting, beside threads that sleep at
once and that never do (OMP_WAIT_POLICY), and those of OpenMP's own default.
"""
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.nets import squeezenet
from support.project import BVLC, ENGINE

FORWARD = """
import sys, time
import caffe
net = caffe.Net(sys.argv[1], caffe.TEST)
net.forward()
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    start = time.time(), time.process_time()
    net.forward()
    print(time.time() - start[0], time.process_time() - start[1])
"""
COUNT = 10  # forwards of each process
BVLC_PYTHON, ENGINE_PYTHON = BVLC / "python", ENGINE / "python"
KINDS = {"genuine": (BVLC_PYTHON, {}), "engine": (ENGINE_PYTHON, {}),
         "engine, passive": (ENGINE_PYTHON, {"OMP_WAIT_POLICY": "passive"}),
         "engine, active": (ENGINE_PYTHON, {"OMP_WAIT_POLICY": "active"}),
         "engine, OpenMP's": (ENGINE_PYTHON, {"KMP_BLOCKTIME": "0"})}  # GNU's OpenMP does not know the name: no choice


def at_once(kind, net, processes):
    """Forwards in so many processes at once: (seconds, seconds of the processor) of each."""
    python, chosen = KINDS[kind]
    environment = {name: value for name, value in os.environ.items()
                   if not any(part in name for part in ("OMP_", "KMP_", "_NUM_THREADS"))}
    environment.update(chosen, GLOG_minloglevel="2")
    running = [subprocess.Popen([str(python), "-c", FORWARD, str(net), str(COUNT)], env=environment,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                universal_newlines=True) for _ in range(processes)]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("\n")
        process.stdin.flush()
    return [tuple(map(float, line.split())) for process in running for line in process.communicate()[0].splitlines()]


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    kinds = [kind for kind, (python, _) in KINDS.items() if python.exists()]
    print("\nSqueezeNet in processes at once: medians of %d rounds" % rounds, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        net = Path(folder) / "net.prototxt"
        net.write_text(squeezenet())
        for processes in 1, 2, 4:
            found = {kind: [] for kind in kinds}
            for _ in range(rounds):
                for kind in kinds:
                    found[kind] += at_once(kind, net, processes)
            for kind in kinds:
                wall, processor = (1000 * statistics.median(values) for values in zip(*found[kind]))
                genuine = 1000 * statistics.median(wall for wall, _ in found[kinds[0]])
                print("%d at once   %-18s %7.0f ms, %5.0f ms of the processor; %.2f x" % (
                    processes, kind, wall, processor, genuine / wall), flush=True)


if __name__ == "__main__":
    main()
