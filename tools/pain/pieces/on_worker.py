"""What a Dask worker does. This module is sent to it as it is, so that a worker needs nothing of ours on its path."""
import hashlib
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

EVERY = 0.5  # seconds between two looks whether a piece is still wanted


def version(tools):
    """What tells the project's code in the folder `tools`, and beside it, from another version: a hash; "" for none."""
    tools, digest = Path(tools), hashlib.sha256()
    for folder in (tools / "pain", tools.parent / "layers", tools.parent / "engine" / "caffe"):
        for path in sorted(folder.rglob("*.py")):
            digest.update(str(path.relative_to(tools.parent)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest() if (tools / "pain").is_dir() else ""


def version_of(package):
    """Which version of a package is installed, or "no"."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "no"


def answer(token):
    """Answer the file `token` with another one beside it. Returns that one's path, or "", and why it could not."""
    folder, written = os.path.dirname(token), "%s.%s" % (token, uuid.uuid4().hex)
    try:
        with open(token) as file:
            text = file.read()
        with open(written, "w") as file:
            file.write(text)
    except FileNotFoundError:
        return "", "does not see %s as it is here; have all share one file system" % folder
    except OSError as error:
        return "", "cannot write in %s: %s" % (folder, error.strerror)
    return written, ""


def unfit(needs, dask_worker):
    """Why this worker cannot do a piece with these `needs`, as cluster.py has them, or ""."""
    most = dask_worker.memory_manager.memory_limit
    each = (most or 0) // at_once(needs, dask_worker)
    missing = [path for path in (needs["folder"], *needs["inputs"]) if not os.path.exists(path)]
    found = version(needs["tools"])
    if not found:
        return "has no project in %s; have all share one file system" % needs["tools"]
    if found != needs["version"]:
        return "has another version of the project in %s" % needs["tools"]
    if version_of("torch") != needs["torch"]:
        return "has %s torch, and here is %s; start it with the same Python environment" % (
            version_of("torch"), needs["torch"])
    if missing:
        return "does not see %s; have all share one file system" % missing[0]
    if most and each < needs["memory"]:
        return "has %.1f GB for a piece that takes %.1f GB; start it with fewer --nthreads, or more --memory-limit" % (
            each / 1e9, needs["memory"] / 1e9)
    if needs["gpu"] and dask_worker.state.total_resources.get("GPU", 0) > 1:
        return "has several GPUs; start one worker a GPU, with CUDA_VISIBLE_DEVICES and --resources GPU=1"
    return ""


def at_once(needs, worker):
    """How many such pieces a worker does at a time: one a thread, or one on its GPU."""
    return 1 if needs["gpu"] else worker.state.nthreads


def run_piece(pickled, needs, name, run):
    """Do a piece in a process of its own. Returns how it ended, and why.

    "done"; "failed", with what the user can mend; "occupied"; "unfit", with why this worker is; "died", with its last
    words. How far it is and what it says are told as events of the topic `run`. When the piece is wanted no more,
    because whoever wanted it has cancelled it or is gone, it is interrupted; when this worker is closed, told to end,
    which is quicker.
    """
    from dask.system import CPU_COUNT
    from distributed import get_worker
    worker = get_worker()
    why = unfit(needs, worker)
    if why:
        return "unfit", "%s %s" % (worker.address, why)
    cores = str(max(1, CPU_COUNT // at_once(needs, worker)))
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, (
        needs["tools"], os.environ.get("PYTHONPATH")))))
    for setting in "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS":
        environment.setdefault(setting, cores)
    command = [sys.executable, "-S", os.path.join(needs["tools"], "pain", "ending_with_parent.py"), str(os.getpid()),
               sys.executable, "-m", "pain.pieces.child", run, cores]
    ended, begun = None, threading.Event()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=needs["folder"], env=environment, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        threading.Thread(target=stop_when_unwanted, args=(process, worker, worker.get_current_task(), begun),
                         daemon=True).start()
        with process:
            try:
                process.stdin.write(pickled)
                process.stdin.close()
            except BrokenPipeError:  # it says why
                pass
            for line in process.stdout:
                begun.set()
                said = json.loads(line)
                if "ended" in said:
                    ended = said["ended"], said["why"]
                else:
                    worker.log_event(run, dict(said, name=name))
        log.seek(0)
        words = log.read().decode(errors="replace").split("\n")
    return ended or ("died", "; ".join(filter(None, words[-3:])) or "killed by signal %d" % -process.returncode)


def stop_when_unwanted(process, worker, key, begun):
    """Have the process of a piece end when its task, `key`, or this worker does. begun: that it hears SIGINT by now."""
    while process.poll() is None:
        running = worker.status.name in ("running", "paused")
        task = worker.state.tasks.get(key)
        if not running or task is None or task.state not in ("executing", "long-running"):
            try:
                os.kill(process.pid, signal.SIGINT if running and begun.is_set() else signal.SIGTERM)
            except ProcessLookupError:
                pass
            return
        time.sleep(EVERY)


def at_work(run):
    """How many pieces of the run are being done by this worker."""
    import psutil
    count = 0
    for process in psutil.Process().children():
        try:
            count += run in process.cmdline()
        except psutil.Error:  # it has ended
            pass
    return count
