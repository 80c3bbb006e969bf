"""The one thread in which everything happens that the nets do: videos in turn, live pictures between their frames."""
import contextlib
import threading
import time
from collections import deque
from concurrent.futures import Future
from typing import Any, NamedTuple

from pain.errors import Problem
from pain.faces.detector import BATCH
from pain.page.job import BUG, CANCELLED, DONE, FAILED, LOG, RUNNING, UNFINISHED, WAITING
from pain.video.curve import CurveWriter, write_curve
from pain.video.source import UPLOAD_FORMATS, open_video


class Nets(NamedTuple):
    """Nets that a video can be rated with."""

    estimator: Any  # as load_estimator() makes it
    about: dict  # what each of their curves is of


class Worker(threading.Thread):
    """The thread that estimates: `queue` of Jobs in turn, and single pictures in between.

    nets: Nets by name, of which the first look at the pictures; with_options: (estimator, Options) -> the estimator of
    a job, else they all have the one.
    """

    def __init__(self, nets, with_options=None):
        super().__init__(name="worker", daemon=True)
        self.nets, self.with_options = nets, with_options or (lambda same, _: same)
        self.estimator = next(iter(nets.values())).estimator
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
            estimator = self.with_options(self.nets[job.options.model].estimator, job.options)
            with open_video(job.video, formats=UPLOAD_FORMATS) as video, \
                    contextlib.closing(self.writer(job, video)) as writer, \
                    contextlib.closing(estimator.run(video.frames())) as estimated:
                for _, rows in estimated:
                    if job.cancelled:
                        break
                    writer.write(rows)
                    job.done += 1
                    self.take_pictures()
                job.damage = video.damage.replace(str(job.video), job.name)
            if not job.cancelled:
                job.finish()
        except Problem as problem:
            state, job.error = FAILED, job.shown(problem)
        except OSError as error:
            state, job.error = FAILED, "%s: its curve cannot be written: %s" % (job.name, error.strerror)
        except Exception:  # a bug; the server lives on, for its other videos
            if not self.ending:  # for then threads may find no others to work with
                LOG.exception("%s", job.name)
            state, job.error = FAILED, "%s: %s" % (job.name, BUG)
        with self.turn:
            self.current, job.ended = None, time.monotonic()
            job.state = CANCELLED if job.cancelled else state
            if job.cancelled:
                job.remove_files()

    def writer(self, job, video):
        """A CurveWriter of a job's log, beside which it stands what it is of."""
        calibrated = {} if job.options.calibrated else {"calibration": None}
        about = dict(self.nets[job.options.model].about, source=job.name, size=job.size(), stream=video.stream,
                     width=video.width, height=video.height, min_face=job.options.min_face, track=job.options.track,
                     batch=BATCH, **calibrated)
        write_curve(job.log, about, [])
        return CurveWriter(job.log, about)

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

    def put(self, job):
        """Let a job wait for its turn."""
        with self.turn:
            self.queue.append(job)
            self.turn.notify()

    def place(self, job):
        """How many videos come before this one."""
        with self.turn:
            return self.queue.index(job) + (self.current is not None) if job in self.queue else 0

    def move(self, job, place):
        """Let a job that waits be the one of this place, from 0, among those that do."""
        with self.turn:
            if job in self.queue:
                self.queue.remove(job)
                self.queue.insert(place, job)

    def cancel(self, job):
        """Take a job out of its turn. Returns whether it waited or ran."""
        with self.turn:
            unfinished = job.state in UNFINISHED
            job.cancelled = True
            if job.state == WAITING:
                self.queue.remove(job)
                job.state = CANCELLED
        return unfinished

    def end(self):
        """Stop, the video in hand cancelled."""
        with self.turn:
            self.ending = True
            if self.current:
                self.current.cancelled = True
            self.turn.notify()
        self.join(3)
