"""Pieces done by the workers of a Dask cluster that see the same file system.

    tcp://host:8786     a scheduler that is running there, with its workers
    slurm               workers that Slurm starts, `jobs` at the most, as Dask's own configuration says (jobqueue.slurm)
    ssh:hosts.txt       workers on these hosts, a line each; the scheduler is on the first

Dask's scheduler gives the pieces to the workers, and a dead worker's piece to another. Each is done in a process of its
own (child.py) from what its files say.
"""
from __future__ import annotations

import contextlib
import functools
import logging
import os
import pickle
import queue
import time
import uuid
from pathlib import Path

from pain.errors import Problem, needed_for
from pain.leases import Occupied
from pain.pieces import on_worker
from pain.pieces.where import Where, patience
from pain.progress import write
from pain.project import PACKAGE

TRIES = 3  # that a piece may come to a bad end, one after the other without having gone on
EVERY, CONNECTING, RETURN = 5, 10, 600  # seconds: between two looks; to connect; for a scheduler to come back
TOKEN = ".shared."  # begins the name of a file by which it is found out whether all see the same folder


class Cluster(Where):
    """The workers of a Dask cluster. make: of what is started for this command alone, a call that starts it."""

    def __init__(self, address=None, make=None):
        with needed_for("--where"):
            import cloudpickle
            import distributed
        self.distributed, self.address, self.make = distributed, address, make
        cloudpickle.register_pickle_by_value(on_worker)
        for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # what matters is said here
        self.cluster, self.client, self.run = None, None, uuid.uuid4().hex

    def __enter__(self):
        self.cluster = self.make and self.make()
        self.client = self.connect()
        if "dashboard" in self.client.scheduler_info()["services"]:
            write("dashboard: " + self.client.dashboard_link)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):  # a scheduler that is gone
            self.client.close(timeout=CONNECTING)
        if self.cluster:
            self.cluster.close(timeout=CONNECTING)

    def connect(self):
        """A Client of the scheduler. Raises Problem if there is none."""
        try:
            return self.distributed.Client(self.cluster or self.address, timeout=CONNECTING, set_as_default=False)
        except (OSError, ValueError) as error:
            raise Problem("--where %s: no Dask scheduler there: %s" % (self.address, error)) from error

    def prepare(self, piece):
        try:
            return piece.prepare()
        except Occupied:  # a worker may just be putting away what an earlier command has wanted; the next one will wait
            return piece.done()

    def work(self, pieces, update, failed):
        for attempt in range(TRIES, -1, -1):
            try:
                self.check(pieces)
                break
            except Problem:
                raise
            except Exception:  # Dask's own, of many kinds, of a worker or a scheduler that is gone meanwhile
                if self.client.status != "running":
                    self.come_back()
                elif not attempt:
                    raise
        Attempts(self, pieces, update, failed).see_through()

    def check(self, pieces):
        """Wait for a worker. Raises Problem, with a line a worker, if one of those that are there is not fit."""
        if not self.client.nthreads():
            write("%s: no worker yet; waiting for one" % (self.address or "the cluster"))
        self.client.wait_for_workers(1)
        versions = self.client.get_versions()
        here = python_of(versions["client"])
        unfit = {worker: "has Python %s, and here is %s" % (python_of(said), here)
                 for worker, said in versions["workers"].items() if python_of(said) != here}
        if not unfit:
            unfit = self.ask_all(pieces)
        if unfit:
            raise Problem("; ".join("%s %s" % pair for pair in sorted(unfit.items())))
        resources = [worker["resources"] for worker in self.client.scheduler_info()["workers"].values()]
        if pieces[0].gpu is not None and not any(offered.get("GPU") for offered in resources):
            raise Problem("--gpu: no worker offers a GPU; start one worker a GPU, with --resources GPU=1")

    def ask_all(self, pieces):
        """Why workers cannot do the pieces, {address: text}."""
        token = Path(nearest(pieces[0].outputs[0])).resolve() / (TOKEN + self.run)
        try:
            token.write_text(self.run)
            said = {worker: why or (not os.path.exists(written)) * (
                "has another %s than there is here; have all share one file system" % token.parent)
                    for worker, (written, why) in self.client.run(on_worker.answer, str(token)).items()}
            if not any(said.values()):
                said = self.client.run(on_worker.unfit, needs(*pieces))
        finally:
            for path in token.parent.glob(token.name + "*"):
                path.unlink()
        return {worker: why for worker, why in said.items() if why}

    def come_back(self):
        """Wait for a scheduler where one is gone. Raises Problem if none comes."""
        gone = Problem("%s: the scheduler is gone; the same command goes on once there is one"
                       % (self.address or "the cluster"))
        with contextlib.suppress(Exception):
            self.client.close(timeout=1)
        if self.cluster:
            raise gone
        write("%s: the scheduler is gone; waiting for another one there" % self.address)
        deadline = time.monotonic() + RETURN
        while time.monotonic() < deadline:
            with contextlib.suppress(Problem):
                self.client = self.connect()
                return
            time.sleep(1)
        raise gone


class Attempts:
    """Pieces given to a cluster, again and again until each is done or has failed."""

    def __init__(self, cluster, pieces, update, failed):
        self.cluster, self.update, self.failed, self.left = cluster, update, failed, {p.name: p for p in pieces}
        self.at = {piece.name: piece.done() for piece in pieces}  # how far each is
        self.begun_at, self.tries = dict(self.at), dict.fromkeys(self.at, 0)
        self.running, self.ended = {}, queue.Queue()  # {future: name}; futures
        self.said, self.unfit = set(), set()

    def see_through(self):
        try:
            self.going_on(self.begin, self.left)
            while self.left:
                try:
                    self.going_on(self.handle, self.ended.get(timeout=EVERY))
                except queue.Empty:
                    self.going_on(self.look_around)
        except BaseException as error:
            self.stop(patience(error))
            raise
        finally:
            with contextlib.suppress(Exception):
                self.cluster.client.unsubscribe_topic(self.cluster.run)

    def going_on(self, step, *arguments):
        """Take a step, and begin again where the scheduler is gone meanwhile, of which Dask tells in many ways."""
        try:
            step(*arguments)
        except Problem:
            raise
        except Exception:
            if self.cluster.client.status == "running":
                raise
            self.going_on(self.begin_again)

    def begin(self, names):
        """Give all these pieces to the scheduler that there is now."""
        self.cluster.client.subscribe_topic(self.cluster.run, self.hear)
        for name in list(names):
            self.submit(name)

    def begin_again(self):
        """Give all that is left to another scheduler, once there is one."""
        self.running.clear()
        self.cluster.come_back()
        self.begin(self.left)

    def submit(self, name):
        piece = self.left[name]
        fit = [worker for worker in self.cluster.client.nthreads() if worker not in self.unfit] if self.unfit else None
        future = self.cluster.client.submit(
            by_value(on_worker.run_piece), pickle.dumps(piece), needs(piece), name, self.cluster.run, pure=False,
            key="%s-%s" % (name, uuid.uuid4().hex), workers=fit,
            resources=None if piece.gpu is None else {"GPU": 1})
        self.running[future] = name
        future.add_done_callback(self.ended.put)

    def hear(self, event):
        """Take what a worker tells of a piece."""
        said = event[1]
        if "said" in said:
            write(said["said"])
        elif said["name"] in self.at and said["at"] > self.at[said["name"]]:
            self.update(said["at"] - self.at[said["name"]])
            self.at[said["name"]] = said["at"]

    def handle(self, future):
        """Take what became of a piece."""
        name = self.running.pop(future, None)
        if name is None:  # of a scheduler that is gone
            return
        if future.status == "cancelled":
            self.begin_again()
            return
        how, why = self.outcome(future)
        piece = self.left[name]
        if how == "done" and all(os.path.exists(str(path)) for path in piece.outputs):
            self.hear((0, {"name": name, "at": piece.length}))
            del self.left[name]
        elif how in ("failed", "done"):
            self.failed[piece] = Problem(why or "%s: was made, and is not to be seen here; have all share one file "
                                         "system" % piece.outputs[0])
            del self.left[name]
        else:
            self.try_again(name, how, why)

    def outcome(self, future):
        """How a piece ended, and why: as run_piece() says, or "died"."""
        try:
            return future.result(timeout=60)
        except Exception as error:  # KilledWorker; a worker gone with what it had to say; a fault
            return "died", "%s: %s" % (type(error).__name__, error)

    def try_again(self, name, how, why):
        """Give a piece to the scheduler once more, unless it came to a bad end too often."""
        piece, done = self.left[name], self.left[name].done()
        self.tries[name] = 1 if done > self.begun_at[name] else self.tries[name] + 1
        self.begun_at[name] = done
        if how == "unfit":
            self.unfit.add(why.split(" ")[0])
            self.say(why)
        if self.tries[name] > TRIES:
            self.failed[piece] = Problem("given up after %d times: %s" % (self.tries[name], why))
            del self.left[name]
        else:
            self.submit(name)

    def look_around(self):
        """Say once if no worker is there; find out if no scheduler is."""
        if self.cluster.client.status == "closed":
            self.begin_again()
        with contextlib.suppress(OSError, TimeoutError):  # it is connecting again
            if not self.cluster.client.nthreads():
                self.say("no worker is left; waiting for others")

    def say(self, text):
        if text not in self.said:
            self.said.add(text)
            write(text)

    def stop(self, seconds):
        """Have the workers stop what they do for this run, with what there is of it, and wait for it so long."""
        with contextlib.suppress(Exception):  # a scheduler that is gone: the workers go with it
            self.cluster.client.cancel(list(self.running), force=True)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and any(self.cluster.client.run(
                    on_worker.at_work, self.cluster.run, on_error="ignore").values()):
                time.sleep(0.5)


def by_value(function):
    """A function of a module that is registered to be pickled by value as one that Dask pickles so in a graph, too."""
    return lambda *arguments: function(*arguments)


@functools.lru_cache(maxsize=None)
def project():
    """The project here, as needs() has it."""
    tools = PACKAGE.parent
    return {"tools": str(tools), "version": on_worker.version(tools), "torch": on_worker.version_of("torch")}


def needs(*pieces):
    """What on_worker.unfit() has to know of pieces, which are of one kind."""
    inputs = dict.fromkeys(os.path.abspath(str(path)) for piece in pieces for path in piece.inputs)
    return dict(project(), folder=os.getcwd(), inputs=list(inputs), memory=max(piece.memory() for piece in pieces),
                gpu=pieces[0].gpu is not None)


def python_of(versions):
    """The Python of a machine, as 3.11, of what get_versions() says of it."""
    return ".".join(dict(versions["host"])["python"].split(".")[:2])


def nearest(path):
    """The folder nearest to a path, above it, that is there."""
    return next(parent for parent in Path(os.path.abspath(str(path))).parents if parent.is_dir())
