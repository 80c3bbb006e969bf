"""Folds trained and predicted on a cluster whose workers and scheduler are killed: the same as here, bit by bit?

    PYTHONPATH=.:tools:tests python -m fuzz.kill_cluster --runs 20

A real scheduler and four real workers, all on this machine, train 8 folds of the slim net and predict them. Every few
seconds a worker is killed (kill -9) and started again, and once in every run the scheduler, with which all workers go.
Every process that Caffe runs in is looked for ten times a second: never two in one folder. At the end the commands have
ended with status 0, predictions are byte for byte those of --where here, and none of the processes is left.
"""
import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from pain.prototxts import make_slim
from support.caffe_runs import make_folds_of_noise
from support.clusters import cluster
from support.project import ENGINE, ROOT

MARK = "KILLED_IN_A_CLUSTER"  # an environment variable of whatever a run starts
MOST = 3600  # seconds that a run may take
GONE = 60  # seconds in which what was killed, and what it had started, is gone
SOLVER = "prototxt/solvers/smooth_l1_center_l1_sampling.prototxt"


def prepare(folder, folds, iterations):
    """Make what is trained, and in here/ what it comes to without a cluster."""
    if not (folder / "prototxt").exists():
        make_folds_of_noise(folder, subjects=folds)
        make_slim(folder / "prototxt", 16, 12, "base_lr: 0.01 display: 1 average_loss: 1 snapshot: 5 max_iter: %d"
                  % iterations)
    for command in commands(folder, "here", "here"):
        subprocess.run(command, check=True, cwd=str(folder), stderr=subprocess.DEVNULL)


def commands(folder, models, where):
    """Those that train and predict."""
    common = "--folds", "folds", "--models", models, "--where", where
    return [[sys.executable, str(ROOT / "tools/train.py"), SOLVER, "--caffe", str(ENGINE / "caffe"), *common],
            [sys.executable, str(ROOT / "tools/predict.py"), SOLVER, *common]]


def processes(mark):
    """Those with this mark that have not ended, {number: (words of the command, folder)}."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            if state not in "ZX" and ("%s=%s" % (MARK, mark)).encode() in (process / "environ").read_bytes():
                found[int(process.name)] = ((process / "cmdline").read_bytes().decode().split("\0"),
                                            os.readlink(str(process / "cwd")))
    return found


def twice(mark):
    """The folders in which two trainings are running."""
    folders = Counter(folder for words, folder in processes(mark).values()
                      if "-solver" in words and not any("ending_with_parent" in word for word in words))
    return [folder for folder, count in folders.items() if count > 1]


class Killer:
    """Kills workers of a cluster every few seconds, and the scheduler once, while a command runs."""

    def __init__(self, dask, chance, every, mark):
        self.dask, self.chance, self.every, self.mark, self.killed = dask, chance, every, mark, Counter()
        self.scheduler_at, self.wrong = time.monotonic() + every * chance.uniform(1, 4), ""

    def see(self, process):
        """Go on until the process ends."""
        next_kill, deadline = time.monotonic() + self.every, time.monotonic() + MOST
        try:
            while process.poll() is None and not self.wrong:
                now = time.monotonic()
                if now > self.scheduler_at and not self.killed["scheduler"]:
                    self.dask.scheduler.kill()
                    self.killed["scheduler"] += 1
                elif now > next_kill:
                    self.chance.choice(self.dask.workers).kill()
                    self.killed["worker"] += 1
                    next_kill = now + self.every * self.chance.uniform(0.5, 1.5)
                self.dask.keep_up()
                both = twice(self.mark)
                self.wrong = "twice at once: %s" % both[0] if both else "takes too long" if now > deadline else ""
                time.sleep(0.1)
        finally:
            process.kill()


def run_once(folder, seed, every, workers=4):
    """One run. Returns what is wrong, or "", and what was killed, a Counter."""
    mark, models = "%d-%d" % (os.getpid(), seed), folder / "there"
    shutil.rmtree(str(models), ignore_errors=True)
    os.environ[MARK] = mark
    try:
        with cluster(folder, workers) as dask:
            killer = Killer(dask, random.Random(seed), every, mark)
            for command in commands(folder, "there", dask.address):
                with open(str(folder / "said"), "wb") as said, subprocess.Popen(
                        command, cwd=str(folder), stdout=said, stderr=said) as process:
                    killer.see(process)
                if process.returncode and not killer.wrong:
                    killer.wrong = (folder / "said").read_text()[-2000:]
                if killer.wrong:
                    break
        deadline = time.monotonic() + GONE
        while processes(mark).keys() - {os.getpid()} and time.monotonic() < deadline:
            time.sleep(0.1)
        left = {pid: said for pid, said in processes(mark).items() if pid != os.getpid()}
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    finally:
        del os.environ[MARK]
    wrong = killer.wrong + ("still running: %s" % left if left else "")
    return wrong or differences(folder), killer.killed


def differences(folder):
    """What is not as it is made here, or ""."""
    here, there = ({str(path.relative_to(folder / models)): path.read_bytes()
                    for path in (folder / models).rglob("predictions.csv")} for models in ("here", "there"))
    other = [name for name in here if there.get(name) != here[name]]
    leases = [str(path) for path in (folder / "there").rglob(".l*")]
    return "".join("\n  %s" % name for name in other + leases)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--folds", type=int, default=8, help="default: %(default)s")
    parser.add_argument("--iterations", type=int, default=30, help="of each fold (default: %(default)s)")
    parser.add_argument("--every", type=float, default=5, help="seconds between kills (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: %(default)s)")
    parser.add_argument("--work", type=Path, help="a folder for what is made here (default: for this time)")
    args = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    with contextlib.ExitStack() as ending:
        folder, failed = args.work or Path(ending.enter_context(tempfile.TemporaryDirectory())), 0
        prepare(folder, args.folds, args.iterations)
        for run in range(args.runs):
            begun = time.monotonic()
            wrong, killed = run_once(folder, args.seed + run, args.every)
            failed += bool(wrong)
            print("run %d: %d workers and %d scheduler killed in %.0f s: %s" % (
                run + 1, killed["worker"], killed["scheduler"], time.monotonic() - begun, wrong or "as here"),
                  flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
