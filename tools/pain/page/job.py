"""A video on the page's server: its files, how far it is, and what people have put beside it.

A Job's files stand in a folder of its own, under names of ours: what a client calls its video is only ever shown.

    video                 as it came, but for the sample, which is elsewhere
    curve.csv             and curve.about.json: of the whole video, once it is done
    measured.csv          where the curve is smoothed: as it grew, before that
    curve.json            with a summary; annotated.mp4: the video with its curve; both made when they are asked for
    labels.csv            a person's labels; episodes.csv: the episodes that they have marked
"""
import contextlib
import json
import logging
import os
import secrets
import shutil
import time
from pathlib import Path

from pain.errors import Problem
from pain.labels.reading import Labels, parse_labels
from pain.page.options import USUAL
from pain.page.uploads import KINDS, is_photograph
from pain.provenance import origin_said
from pain.video import whole_curve
from pain.video.annotate import Annotator
from pain.video.curve import about_file, read_curve, write_curve, write_json
from pain.video.exports import FORMS, write_exports
from pain.video.smoothing import smooth
from pain.video.source import UPLOAD_FORMATS, open_video
from pain.video.summary import summary

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
EXPORTS = "tab", "boris", "vtt"  # of FORMS, those that need no other package
UNFINISHED = WAITING, RUNNING
BUG = "something went wrong here; the server's terminal says what"
LOG = logging.getLogger(__name__)  # which, unlike print(), outlives its terminal


class Job:
    """One video and its curve.

    name: what to call it; folder: its own; session: whose it is; options: an Options; video: the file; labels: a file
    of labels, or None; labels_name: what to call that; expected: bytes that the video will have.
    state: one of the five above; error: why it failed, a line; damage: what is wrong with the file, or ""; done: frames
    estimated; total: frames, as the file says, or None; width, height: pixels; episodes: a list of dicts, as
    parse_episodes() gives them; cancelled: it is to end, for it was removed.
    """

    def __init__(self, name, folder, session="", options=USUAL, video=None, labels=None):
        self.id = secrets.token_urlsafe(16)
        self.name, self.folder, self.session, self.options = name, Path(folder), session, options
        self.labels, self.labels_name, self.episodes, self.expected = labels, "labels.csv", [], 0
        self.video = video or self.folder / "video"
        self.state, self.error, self.damage, self.cancelled = WAITING, "", "", False
        self.done, self.total, self.width, self.height = 0, None, None, None
        self.started = self.ended = None
        self.use()

    def use(self):
        """Somebody asks for it."""
        self.used = time.monotonic()

    def idle(self):
        """Seconds since somebody asked for it."""
        return time.monotonic() - self.used

    @property
    def log(self):
        """The curve as it grows."""
        return self.folder / ("measured.csv" if self.options.filter else "curve.csv")

    @property
    def curve(self):
        """The curve as it is: the whole one, or its log."""
        return self.folder / "curve.csv" if self.state == DONE else self.log

    @property
    def annotated(self):
        return self.folder / "annotated.mp4"

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

    def size(self):
        """How many bytes its files have, or will have."""
        sizes = 0
        for entry in os.scandir(str(self.folder)) if self.folder.exists() else ():
            try:
                sizes += entry.stat().st_size
            except OSError:  # renamed or removed meanwhile
                pass
        return max(sizes, self.expected)

    def remove_files(self):
        self.cancelled = True
        shutil.rmtree(str(self.folder), ignore_errors=True)

    # What is made of the log.

    def finish(self):
        """Make the log a whole curve, where that differs. Raises Problem or OSError."""
        if self.options.filter:
            about, rows = read_curve(self.log)
            write_curve(self.folder / "curve.csv", about, smooth(rows, *self.options.smoothing), self.options.smoothing)

    def write_summary(self):
        """Make curve.json, unless it is there. Returns its path. Raises Problem or OSError."""
        path = self.folder / "curve.json"
        if not path.exists():
            about, rows = read_curve(self.curve)
            write_json(path, about, self.options.smoothing, summary(about, rows, self.options.thresholds), rows)
        return path

    def export(self):
        """Write the curve for other programs, as export_curve.py does; not where nobody has an intensity."""
        with contextlib.suppress(Problem):
            write_exports(whole_curve.read_curve(self.folder), self.folder, EXPORTS, self.options.thresholds)

    def annotate(self):
        """Make annotated.mp4, unless it is there. Raises Problem, also when the job is removed meanwhile, or OSError.
        """
        if self.annotated.exists():
            return
        about, rows = read_curve(self.curve)
        rows_of = {}
        for row in rows:
            rows_of.setdefault(row.frame, []).append(row)
        with open_video(self.video, formats=UPLOAD_FORMATS) as video, Annotator(
                self.annotated, video.width, video.height, video.rate, origin_said(about), video) as annotator:
            for frame in video.frames():
                if self.cancelled:
                    raise Problem("%s: removed" % self.name)
                if frame.number in rows_of:
                    annotator.add(frame.image, frame.media_time, rows_of[frame.number])

    def made(self):
        """The paths of what there is of it to take away, but for the video and the labels."""
        paths = [self.curve, about_file(self.curve), *(self.folder / name for name in (
            "curve.json", "episodes.csv", "annotated.mp4", *(FORMS[form][0] for form in EXPORTS)))]
        return [path for path in paths if path.exists()]

    # What people put beside it.

    def put_labels(self, content: bytes, name: str) -> list[Labels]:
        """Keep a file of labels. Returns those of each rater. Raises Problem when they are none, or of several videos.
        """
        read = parse_labels(content, name)
        if len({labels.video for labels in read}) > 1:
            raise Problem("%s: of several videos; take a table of one." % name)
        path = self.folder / "labels.csv"
        path.write_bytes(content)
        self.labels, self.labels_name = path, name
        return read

    def read_labels(self) -> list[Labels] | None:
        """The labels that are kept. Raises Problem or OSError."""
        return parse_labels(Path(self.labels).read_bytes(), self.labels_name) if self.labels else None

    def put_episodes(self, content: bytes) -> None:
        """Keep episodes: a JSON object of `episodes` and `csv`, the text of their table. Raises Problem."""
        self.episodes, text = parse_episodes(content)
        (self.folder / "episodes.csv").write_text(text, encoding="utf-8", newline="")


def parse_episodes(content: bytes) -> tuple[list[dict], str]:
    """The episodes that the page sends, dicts of name, person, first and last (frames), and their table as CSV text.

    Raises Problem when it sends something else.
    """
    kinds = {"name": str, "person": int, "first": int, "last": int}
    try:
        given = json.loads(content)
        episodes, text = given["episodes"], given["csv"]
        if not isinstance(text, str) or not all(
                one.keys() == kinds.keys() and all(type(one[key]) is kinds[key] for key in kinds)
                and 0 <= one["first"] < one["last"] for one in episodes):
            raise ValueError
        text.encode()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Problem("these are no episodes of this page; load it again") from None
    return episodes, text
