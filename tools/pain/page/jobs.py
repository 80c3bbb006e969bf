"""All videos on the page's server: whose they are, how much room they have, and files that go away again."""
import contextlib
import os
import shutil
import tempfile
import threading
from pathlib import Path

from pain.errors import Problem
from pain.page.job import DONE, FAILED, UNFINISHED, Job
from pain.page.options import USUAL
from pain.page.private_folder import private_folder
from pain.page.uploads import MB

QUEUE = 100  # videos that may wait; those that are still on their way here do not count, for they may never come
QUOTA = 20000 * MB  # of the kept files
WARNED = 0.8  # of the quota, from which on the page warns


class Full(Problem):
    """There is no place for a video. status: HTTP's."""

    def __init__(self, text, status):
        super().__init__(text)
        self.status = status


class Jobs:
    """All Jobs by id. `keep`: seconds after which one that nobody asks for is removed; quota: bytes of all their files.

    Use it as a context: it makes a private folder, starts the worker, and leaves nothing behind.
    """

    def __init__(self, worker, keep, quota=QUOTA):
        self.worker, self.keep, self.quota, self.of, self.coming = worker, keep, quota, {}, set()
        self.ending, self.annotating = contextlib.ExitStack(), threading.Lock()

    def __enter__(self):
        self.folder = self.ending.enter_context(private_folder())
        self.ending.callback(self.end)
        self.worker.start()
        return self

    def __exit__(self, *_):
        self.ending.close()

    def end(self):
        for job in list(self.of.values()):
            job.cancelled = True
        self.worker.end()

    @contextlib.contextmanager
    def new(self, name, session="", options=USUAL, video=None, labels=None):
        """Give a Job to fill; queued when that went well, gone otherwise. Raises Full."""
        if len(self.worker.queue) >= QUEUE:
            raise Full("%d videos are waiting already; try again when one is done." % QUEUE, 503)
        self.folder.mkdir(0o700, exist_ok=True)  # systems tidy up among temporary files
        job = Job(name, tempfile.mkdtemp(dir=self.folder), session, options, video, labels)
        self.coming.add(job)
        try:
            yield job
        except BaseException:
            job.remove_files()
            raise
        finally:
            self.coming.discard(job)
        job.expected = 0
        job.use()
        self.of[job.id] = job
        self.worker.put(job)

    @contextlib.contextmanager
    def again(self, job, options):
        """Give a Job of the same video, with its labels, for other options; as new() does. Raises Full or OSError."""
        uploaded = job.video.parent == job.folder
        with self.new(job.name, job.session, options, None if uploaded else job.video, job.labels) as other:
            other.width, other.height, other.total = job.width, job.height, job.total
            other.labels_name = job.labels_name
            if uploaded:
                link(job.video, other.video)
            if job.labels and job.labels.parent == job.folder:
                other.labels = other.folder / "labels.csv"
                shutil.copyfile(str(job.labels), str(other.labels))
            yield other

    def get(self, key, uses=True):
        """The Job of this id, or None. Who asks and `uses` it keeps it from being removed."""
        job = self.of.get(key)
        if job and self.is_lost(job):
            self.drop(job)
            return None
        if job and uses:
            job.use()
        return job

    @staticmethod
    def is_lost(job):
        """Whether something else has removed its files."""
        return job.state in (DONE, FAILED) and not job.video.exists()

    def of_session(self, session):
        """The Jobs of a session in the order in which they are rated."""
        mine = [job for job in list(self.of.values()) if job.session == session and not self.is_lost(job)]
        return sorted(mine, key=lambda job: (job.started is None, job.started or self.worker.place(job)))

    def annotate(self, job):
        """Make a job's annotated.mp4, after others'. Raises Problem or OSError."""
        with self.annotating:
            job.annotate()

    # Their going.

    def remove(self, job):
        """Remove a job's files. One that is not done is cancelled, and stays to say so; another is gone."""
        if not self.worker.cancel(job):
            self.of.pop(job.id, None)
        job.remove_files()  # and what the worker still writes it removes itself

    def remove_old(self):
        """Remove what nobody has asked for in a while; not what still waits or runs."""
        for job in list(self.of.values()):
            if job.state not in UNFINISHED and job.idle() > self.keep:
                self.drop(job)

    def drop(self, job):
        """Forget a job, and remove its files."""
        self.of.pop(job.id, None)
        job.remove_files()

    def kept(self):
        """How many bytes all files have, with those of the videos that are still on their way here."""
        return sum(job.size() for job in {*self.of.values(), *self.coming})

    def make_room(self, more):
        """Remove the videos that are done and have been unused longest, until so many more bytes fit into the quota.

        Raises Full, and removes none, where even so they would not.
        """
        sizes = {job: job.size() for job in {*self.of.values(), *self.coming}}
        spare = self.quota - sum(sizes.values())
        done = sorted((job for job in sizes if job.id in self.of and job.state not in UNFINISHED),
                      key=lambda job: job.used)
        if more > spare + sum(sizes[job] for job in done):
            raise Full("There is no room for this video: all together may have %d MB here (--quota-mb), and the others "
                       "are not done yet." % (self.quota // MB), 507)
        for job in done:
            if more <= spare:
                return
            spare += sizes[job]
            self.drop(job)


def link(path: Path, other: Path) -> None:
    """Let `other` be the same file, or a copy of it where there are no links."""
    try:
        os.link(str(path), str(other))
    except OSError:
        shutil.copyfile(str(path), str(other))
