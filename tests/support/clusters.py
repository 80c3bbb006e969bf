"""A Dask scheduler and its workers, real processes on this machine."""
import contextlib
import os
import socket
import subprocess
import sys

from support.processes import wait_until
from support.project import ROOT

LIMIT = "2GB"  # of a worker's memory


class Cluster:
    """A scheduler and so many workers of one thread, all in the folder `folder`, to be started, killed, and closed."""

    def __init__(self, folder, count):
        self.folder, self.workers, self.scheduler = folder, [], None
        with contextlib.closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address, self.count = "tcp://127.0.0.1:%d" % self.port, count
        self.environment = dict(os.environ, PYTHONPATH=str(ROOT / "tests" / "support"), OMP_NUM_THREADS="1")

    def start(self, name, *arguments):
        log = open(str(self.folder / (name + ".log")), "a")
        with log:
            return subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_" + name, *arguments], stdout=log,
                                    stderr=log, cwd=str(self.folder), env=self.environment)

    def start_scheduler(self):
        self.scheduler = self.start("scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")

    def start_worker(self):
        self.workers.append(self.start("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                                       "--memory-limit", LIMIT, "--host", "127.0.0.1"))

    def keep_up(self):
        """Start again what has ended, as whoever keeps a cluster does."""
        if self.scheduler is None or self.scheduler.poll() is not None:
            self.start_scheduler()
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < self.count:
            self.start_worker()

    def close(self):
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.wait()

    def wait_for_workers(self):
        """Wait until the workers are with the scheduler."""
        log = self.folder / "worker.log"
        wait_until(lambda: log.exists() and log.read_text().count("Registered to:") >= self.count, "no workers")


@contextlib.contextmanager
def cluster(folder, count):
    """Give a Cluster that is running, and end it."""
    made = Cluster(folder, count)
    try:
        made.keep_up()
        yield made
    finally:
        made.close()
