"""Every step of the data's way killed at random moments and started again: as if it had never been killed?

    make kills KILLS="--kills 100 --step folds train"

A kill is SIGKILL, SIGTERM, SIGHUP or SIGINT, to the command alone or, as from a terminal, to all that is in its group.
Ten seconds later none of its processes is left, and there was no traceback. After the next run there is in its folder,
byte for byte, what an uninterrupted run makes, and nothing else. Nets are slim; MTCNN is the real one.
"""
import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from support.caffe_runs import make_folds_of_noise
from support.project import ENGINE, ROOT, run_tool

SIGNALS = signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT
MARK = "KILLED_AT_RANDOM"  # an environment variable, by which whatever a command has started is found
GONE = 10  # seconds after a kill
MOST = 600  # seconds that a run may take
OF_THE_RUN = {"train.log", "lock.mdb", "identities.json"}  # files that say when what happened
VARIANT = "smooth_l1_center_l1_sampling"
SOLVER = "base_lr: 0.01 max_iter: 12 display: 1 average_loss: 1 snapshot: 3"


class Step(NamedTuple):
    """A command of tools/, its arguments, relative to the folder of prepare(), and the folder that it makes there."""
    tool: str
    arguments: str
    out: str
    after: tuple = ()  # the steps whose output it reads


STEPS = {
    "synthetic": Step("make_synthetic.py", "drawn --subjects 2 --videos 1 --frames 6", "drawn"),
    "people": Step("make_people.py", "people --people 3 --images 2 --jobs 2", "people"),
    "align": Step("align_faces.py", "drawn --out faces --jobs 2", "faces", ("synthetic",)),
    "align_people": Step("align_people.py", "people --out people_faces --jobs 2", "people_faces", ("people",)),
    "identities": Step("make_identities.py", "people --out identities --jobs 2 --least 1", "identities", ("people",)),
    "folds": Step("make_folds.py", "--aligned aligned --out made --jobs 2", "made"),
    "train": Step("train.py", "prototxt/solvers/%s.prototxt --folds folds --models models --jobs 2 --caffe %s"
                  % (VARIANT, ENGINE / "caffe"), "models"),
    "predict": Step("predict.py", "prototxt/solvers/%s.prototxt --folds folds --models models" % VARIANT, "models",
                    ("train",)),
    "osvr": Step("osvr.py", "--aligned faces --folds face_folds --models rows --cache cache --jobs 2 --loss 2", "rows",
                 ("synthetic", "align", "face_folds")),
    "face_folds": Step("make_folds.py", "--aligned faces --out face_folds", "face_folds", ("synthetic", "align")),
    "video": Step("predict_video.py", "drawn/Images/001-sy001/sy001t1aaaff --model models/%s --out curve --annotate "
                  "--resume" % VARIANT, "curve", ("train", "synthetic")),
    "sample": Step("make_sample.py", "sample.mp4", ""),
    "report": Step("report.py", "models/%s --out report --draws 20" % VARIANT, "report", ("train", "predict")),
}


def prepare(folder, name):
    """Put what the step `name` reads into `folder`."""
    make_folds_of_noise(folder)
    commands = [("make_slim.py", "prototxt", "--divide", 16, "--batch", 12, "--solver", SOLVER)]
    for tool, *arguments in commands + [(STEPS[earlier].tool, *STEPS[earlier].arguments.split())
                                        for earlier in STEPS[name].after]:
        done = run_tool(tool, *arguments, cwd=str(folder))
        assert done.returncode == 0, done.stderr


def start(step, folder, mark):
    """Start the step's command in a session of its own, its signals as a process usually has them."""
    def as_usual():
        for number in SIGNALS[1:]:
            signal.signal(number, signal.SIG_DFL)

    return subprocess.Popen([sys.executable, str(ROOT / "tools" / step.tool), *step.arguments.split()], cwd=str(folder),
                            env=dict(os.environ, **{MARK: mark}), start_new_session=True, preexec_fn=as_usual,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            universal_newlines=True)


def still_running(mark):
    """The processes that were started with this mark, and have not ended: {number: command}."""
    running = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if ("%s=%s" % (MARK, mark)).encode() in (process / "environ").read_bytes().split(b"\0"):
                running[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended meanwhile
            pass
    return running


def contents(folder):
    """What is in a folder, {path: SHA-256, or where a link leads}, without what only says when it was made."""
    return {str(path.relative_to(folder)): os.readlink(str(path)) if path.is_symlink()
            else hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.name not in OF_THE_RUN and (path.is_symlink() or path.is_file())}


def kill(step, folder, number, after, group):
    """Start the step, kill it `after` seconds. Returns what is wrong with how it ends, or ""."""
    mark = "%d-%s" % (os.getpid(), random.random())
    process = start(step, folder, mark)
    try:
        error = process.communicate(timeout=after)[1]  # it was quicker
    except subprocess.TimeoutExpired:
        (os.killpg if group else os.kill)(process.pid, number)
        killed = time.monotonic()
        while still_running(mark) and time.monotonic() < killed + GONE:
            time.sleep(0.1)
        left = still_running(mark)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        error = process.communicate()[1]
        if left:
            return "still running: %s" % left
    return error if "Traceback" in error else ""


def finish(step, folder):
    """Run the step to its end. Returns the contents() of what it has made."""
    process = start(step, folder, "")
    error = process.communicate(timeout=MOST)[1]
    assert process.returncode == 0, error
    return contents(folder / step.out)


def differences(made, expected):
    """What is wrong with the contents() of a folder, or ""."""
    return "".join("\n  %s: %s" % (path, "left behind" if path not in expected else "missing" if path not in made
                                   else "other bytes") for path in sorted(set(made) | set(expected))
                   if made.get(path) != expected.get(path))


def kill_step(name, kills, seed=0, say=print):
    """Kill the step so many times. Returns what went wrong, a list of texts."""
    step, wrong, chance = STEPS[name], [], random.Random("%s %d" % (name, seed))
    with tempfile.TemporaryDirectory() as work:
        ready, folder = Path(work) / "ready", Path(work) / "at work"
        ready.mkdir()
        prepare(ready, name)
        shutil.copytree(str(ready), str(folder), symlinks=True)
        begun = time.monotonic()
        expected = finish(step, folder)
        seconds = time.monotonic() - begun
        for i in range(kills):
            number, after, group = SIGNALS[i % len(SIGNALS)], chance.uniform(0.3, seconds), chance.random() < 0.5
            shutil.rmtree(str(folder))
            shutil.copytree(str(ready), str(folder), symlinks=True)
            said = kill(step, folder, number, after, group) + differences(finish(step, folder), expected)
            say("%s %d: %s after %.2f of %.2f s%s: %s" % (name, i, signal.Signals(number).name, after, seconds, ", the "
                                                         "group" * group, said or "as if it had never been"))
            wrong += [said] * bool(said)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=100, help="of each step (default: %(default)s)")
    parser.add_argument("--step", nargs="+", choices=list(STEPS), default=list(STEPS), help="default: all")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: %(default)s)")
    args = parser.parse_args()
    wrong = [said for name in args.step for said in kill_step(name, args.kills, args.seed)]
    print("%d kills, of which %d went wrong" % (len(args.step) * args.kills, len(wrong)))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
