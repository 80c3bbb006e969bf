"""Videos waiting, being estimated, and kept for a while: one worker thread, one queue, and files that go away again.

A Job's files stand in a folder of its own, under names of ours, below a private folder: what a client calls its video
is only ever shown. Everything that the nets do happens in the one Worker, live pictures between the frames of a video.
"""
import contextlib
import logging
import secrets
import shutil
import tempfile
import threading
import time
from collections import deque
from concurrent.futures import Future
from pathlib import Path

from pain.errors import Problem
from pain.page.private_folder import private_folder
from pain.page.uploads import KINDS, is_photograph
from pain.video.curve import CurveWriter
from pain.video.source import UPLOAD_FORMATS, open_video

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
QUEUE = 8  # videos that may wait; those that are still on their way here do not count, for they may never come
BUG = "something went wrong here; the server's terminal says what"
LOG = logging.getLogger(__name__)  # which, unlike print(), outlives its terminal


class Full(Exception):
    """QUEUE videos wait already."""


class Job:
    """One video and its curve.

    name: what to call it; folder: its own; video: the file; labels: a CSV file of labels, or None.
    state: one of the five above; error: why it failed, a line; damage: what is wrong with the file, or ""; done: frames
    estimated; total: frames, as the file says, or None; width, height: pixels; used: when someone last asked for it.
    """

    def __init__(self, name, folder, video=None, labels=None):
        self.id = secrets.token_urlsafe(16)
        self.name, self.folder, self.labels = name, Path(folder), labels
        self.video = video or self.folder / "video"
        self.curve = self.folder / "curve.csv"
        self.state, self.error, self.damage, self.cancelled = WAITING, "", "", False
        self.done, self.total, self.width, self.height = 0, None, None, None
        self.started = self.ended = None
        self.used = time.monotonic()

    def check(self):
        """Decode the video's first frame. Raises Problem, in words for the page, when it cannot be done."""
        try:
            if is_photograph(self.video):
                raise Problem("%s: a photograph" % self.name)
            with open_video(self.video, formats=UPLOAD_FORMATS) as video:
                self.width, self.height, self.total = video.width, video.height, video.count
        except Problem as problem:
            raise Problem("%s. Videos are taken as %s." % (self.shown(problem), KINDS)) from problem
        except Exception as error:
            LOG.exception("%s", self.name)
            raise Problem("%s: %s" % (self.name, BUG)) from error

    def shown(self, problem):
        """The text of a Problem with the video's given name in the place of our file's."""
        return str(problem).replace(str(self.video), self.name)

    def rate(self):
        """Frames a second so far, or None."""
        return self.done / max(1e-3, (self.ended or time.monotonic()) - self.started) if self.done else None

    def remove_files(self):
        shutil.rmtree(str(self.folder), ignore_errors=True)


class Worker(threading.Thread):
    """The thread that estimates: `queue` of Jobs in turn, and single pictures in between.

    estimator: as load_estimator() makes it; about: a dict for the head of each curve.csv.
    """

    def __init__(self, estimator, about):
        super().__init__(name="worker", daemon=True)
        self.estimator, self.about = estimator, about
        self.turn = threading.Condition()  # holds for all below, and for the jobs' states
        self.queue, self.pictures, self.current, self.ending = deque(), deque(), None, False

    def run(self):
        while True:
            with self.turn:
                self.turn.wait_for(lambda: self.ending or self.pictures or self.queue)
                if self.ending:
                    return
                job = self.current = None if self.pictures else self.queue.popleft()
                if job:
                    job.state, job.started = RUNNING, time.monotonic()
            if job:
                self.work(job)
            self.take_pictures()

    def work(self, job):
        """Estimate a job's video, frame by frame, until it ends, fails or is cancelled."""
        state = DONE
        try:
            with open_video(job.video, formats=UPLOAD_FORMATS) as video, \
                    contextlib.closing(CurveWriter(job.curve, dict(self.about, source=job.name))) as writer, \
                    contextlib.closing(self.estimator.run(video.frames())) as estimated:
                for _, rows in estimated:
                    if job.cancelled:
                        break
                    writer.write(rows)
                    job.done += 1
                    self.take_pictures()
                job.damage = video.damage.replace(str(job.video), job.name)
        except Problem as problem:
            state, job.error = FAILED, job.shown(problem)
        except OSError as error:
            state, job.error = FAILED, "%s: its curve cannot be written: %s" % (job.name, error.strerror)
        except Exception:  # a bug; the server lives on, for its other videos
            LOG.exception("%s", job.name)
            state, job.error = FAILED, "%s: %s" % (job.name, BUG)
        with self.turn:
            self.current, job.ended = None, time.monotonic()
            job.state = CANCELLED if job.cancelled else state
            if job.cancelled:
                job.remove_files()

    def take_pictures(self):
        """Estimate the pictures that wait; not those that come meanwhile, or no video would ever get on."""
        for _ in range(len(self.pictures)):
            image, moment, future = self.pictures.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(self.estimator.rate_picture(image, moment))
            except Exception as error:
                future.set_exception(error)

    def picture(self, image, moment):
        """Ask for the Rows of a picture, (height, width, 3) uint8 RGB, at `moment`, seconds. Returns a Future."""
        future = Future()
        with self.turn:
            self.pictures.append((image, moment, future))
            self.turn.notify()
        return future

    def end(self):
        """Stop, the video in hand cancelled."""
        with self.turn:
            self.ending = True
            if self.current:
                self.current.cancelled = True
            self.turn.notify()
        self.join(3)


class Jobs:
    """All Jobs by id. `keep`: seconds after which one that nobody asks for is removed.

    Use it as a context: it makes a private folder, starts the worker, and leaves nothing behind.
    """

    def __init__(self, worker, keep):
        self.worker, self.keep, self.of, self.ending = worker, keep, {}, contextlib.ExitStack()

    def __enter__(self):
        self.folder = self.ending.enter_context(private_folder())
        self.ending.callback(self.worker.end)
        self.worker.start()
        return self

    def __exit__(self, *_):
        self.ending.close()

    @contextlib.contextmanager
    def new(self, name, video=None, labels=None):
        """Give a Job to fill; queued when that went well, gone otherwise. Raises Full."""
        if len(self.worker.queue) >= QUEUE:
            raise Full
        self.folder.mkdir(0o700, exist_ok=True)  # systems tidy up among temporary files
        job = Job(name, tempfile.mkdtemp(dir=self.folder), video, labels)
        try:
            yield job
        except BaseException:
            job.remove_files()
            raise
        self.of[job.id] = job
        with self.worker.turn:
            self.worker.queue.append(job)
            self.worker.turn.notify()

    def get(self, key, uses=True):
        """The Job of this id, or None. Who asks and `uses` it keeps it from being removed."""
        job = self.of.get(key)
        if job and job.state in (DONE, FAILED) and not job.video.exists():  # not by us
            self.drop(job)
            return None
        if job and uses:
            job.used = time.monotonic()
        return job

    def place(self, job):
        """How many videos come before this one."""
        with self.worker.turn:
            return list(self.worker.queue).index(job) + (self.worker.current is not None) \
                if job in self.worker.queue else 0

    def remove(self, job):
        """Remove a job's files. One that is not done is cancelled, and stays to say so; another is gone."""
        with self.worker.turn:
            job.cancelled = job.state in (WAITING, RUNNING)
            if job.state == WAITING:
                self.worker.queue.remove(job)
                job.state = CANCELLED
        if not job.cancelled:
            self.of.pop(job.id, None)
        job.remove_files()  # and what the worker still writes it removes itself

    def remove_old(self):
        """Remove what nobody has asked for in a while; not what still waits or runs."""
        for job in list(self.of.values()):
            if job.state not in (WAITING, RUNNING) and time.monotonic() - job.used > self.keep:
                self.drop(job)

    def drop(self, job):
        """Forget a job, and remove its files."""
        self.of.pop(job.id, None)
        job.remove_files()
