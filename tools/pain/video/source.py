"""Frames of a video, one after the other, as they are meant to be seen: upright, RGB, with square pixels.

    with open_video("visit.mp4") as video:      # or a folder of images, "-" for a pipe, 0 for a camera
        for frame in video.frames():
            frame.number, frame.time, frame.image

PyAV decodes: whatever FFmpeg reads, of any bit depth, with alpha or without, at any frame rate, turned by a flag.
"""
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.sidedata.sidedata import SideData, SideDataContainer, Type

from pain.errors import Problem
from pain.folders import contents
from pain.images import MOST_PIXELS, SUFFIXES, is_image, read_rgb, too_large
from pain.video.picture_filters import as_shown


class Frame(NamedTuple):
    """A frame of a video."""

    number: int  # from 0
    time: float  # seconds from the first
    image: np.ndarray  # (height, width, 3) uint8 RGB
    start: float = 0.  # of the first frame on a player's clock, in seconds
    turned: int | None = 0  # degrees clockwise by which people in it are: 0, 90, 180, 270; None where nothing tells

    @property
    def media_time(self) -> float:
        """Seconds on a player's clock, a browser's currentTime: its picture may begin later than its sound."""
        return self.start + self.time


# What a file from a stranger may be: containers that name no other file and no address.
UPLOAD_FORMATS = ("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg", "ogg", "flv",
                  "asf", "gif")
RATE = 25  # frames a second, where nothing says how many
CAMERAS = {"linux": ("v4l2", "/dev/video%d"), "darwin": ("avfoundation", "%d:none"), "win32": ("dshow", "video=%d")}
# FFmpeg's names of the containers whose own clock browsers show, wherever the first frame is on it. Players show others
# from their earliest stream's start: a broadcast's clock, for one, begins anywhere.
OWN_CLOCK = {"mov", "matroska"}
MOST_RATE = 1000  # frames a second
MOST_THREADS = "4"  # that decode: each holds frames
DURATION = re.compile(r"(\d{1,6}):(\d\d):(\d\d\.?\d*)")  # Matroska's tag, which says when a stream ends
CAMERA = re.compile("0|[1-9][0-9]{0,2}")
LATEST = 4e9  # seconds, beyond the clocks of this century: a later frame has no time
SHORTEST = 2e-6  # seconds from a frame to the next, which 6 decimals still tell apart
ONE = 1 << 16  # of a display matrix, whose numbers have 16 bits after the point
SHORT = 1.  # a video that ends so many seconds before it should is damaged


class Video:
    """What open_video() gives. name: of the source; width, height: of the first frame; rate: frames a second, about;
    count: how many frames there will be, about, or None; live: whether it comes from a camera; damage: once the frames
    are all read, what is wrong with the file, or ""; stream: of which stream of the file it is, None where there is no
    choice; note: on that choice, and on pictures that were made as a screen shows them, or ""; file: its path, if it
    can be read a second time, or None."""

    live, damage, stream, note, file = False, "", None, "", None

    def frames(self) -> Iterator[Frame]:
        """Yield every Frame. Once only."""
        raise NotImplementedError

    def close(self) -> None:
        """Be done with it; may be called at any time."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Decoded(Video):
    """What PyAV reads."""

    def __init__(self, source, name, formats=None, stream=None, **options):
        self.name = name
        if formats:
            options["options"] = {"format_whitelist": ",".join(formats), "protocol_whitelist": "file"}
        try:
            self.container = av.open(source, metadata_errors="replace", **options)
        except (av.FFmpegError, OSError) as error:
            raise Problem("%s: %s" % (name, said(error))) from error
        try:
            self._begin(stream)
        except Problem:
            self.close()
            raise

    def _begin(self, stream):
        """Choose the picture's stream, and decode its first frame."""
        self.picture = self._choose(stream)
        self.picture.thread_type = "AUTO"
        self.picture.codec_context.options = {"max_pixels": "%d" % MOST_PIXELS, "threads": MOST_THREADS}
        rates = self.picture.average_rate, self.picture.guessed_rate  # a raw DV's average is of the ticks of its clock
        self.rate = float(next((rate for rate in rates if rate and 0 < rate <= MOST_RATE), RATE))
        seconds = self.own_seconds() or (self.container.duration or 0) / av.time_base
        self.count = self.picture.frames or max(0, round(seconds * self.rate)) or None
        self.ratio = float(self.picture.sample_aspect_ratio or 1)  # of a pixel's width to its height
        self.broken = 0
        size = round(self.picture.width * self.ratio), self.picture.height
        if too_large(*size):
            raise Problem("%s: frames of %d x %d pixels; make them smaller" % (self.name, *size))
        notes = []
        self.decoded = self._decode(notes)
        self.first = next(self.decoded, None)
        if self.first is None:
            raise Problem("%s: there is not one frame in it that can be decoded" % self.name)
        self.note = "; ".join([*filter(None, [self.note]), *("%s: %s" % (self.name, note) for note in notes)])
        self.height, self.width = self.first.image.shape[:2]

    def _choose(self, number):
        """The stream of this number in the file, or else the largest picture."""
        streams = {stream.index: stream for stream in self.container.streams.video
                   if not stream.disposition & av.stream.Disposition.attached_pic}  # a record's cover
        if not streams:
            kinds = ", ".join(sorted({stream.type for stream in self.container.streams})) or "nothing"
            raise Problem("%s: there is no video in it, only %s" % (self.name, kinds))
        known = {index: stream for index, stream in streams.items() if stream.codec_context is not None}
        sizes = ", ".join("%d of %d x %d pixels" % (index, stream.width, stream.height)
                          for index, stream in known.items())
        if number is not None and number not in streams:
            raise Problem("%s: --stream %d is no video; there is %s" % (self.name, number, sizes or "none"))
        if not known or number not in (None, *known):
            raise Problem("%s: FFmpeg has no decoder for its kind of video; convert it, to H.264 for one" % self.name)
        if number is None:
            number = max(known, key=lambda index: known[index].width * known[index].height)
            if len(known) > 1:
                self.note = "%s: of its videos, %s, this is %d; --stream takes another" % (self.name, sizes, number)
        self.stream = number if len(known) > 1 else None
        return known[number]

    def _decode(self, notes):
        start, time, number, media_start, last = None, -1 / self.rate, 0, 0., 0.
        for picture, shown in as_shown(self._pictures_in_bounds(), notes):
            here = time + 1 / self.rate
            if picture.pts is not None and abs(picture.time) < LATEST:
                start = picture.time - here if start is None else start  # go on from frames that had no time
                here = max(picture.time - start, time + SHORTEST) if number else 0.
                media_start = media_start if number else 0. if self.live else picture.time - self.clock_zero()
            time, last = here, float((picture.duration or 0) * (picture.time_base or 0)) or 1 / self.rate
            yield Frame(number, time, upright(shown, self.ratio, display_matrix(picture)), media_start)
            number += 1
        self.damage = self.damage_of(time + last)

    def own_seconds(self):
        """How long the picture's stream is, not the sound's, in seconds; None where the file does not say."""
        stream, tag = self.picture, DURATION.fullmatch(self.picture.metadata.get("DURATION", ""))
        if stream.duration:
            return float(stream.duration * stream.time_base)
        start = float((stream.start_time or 0) * stream.time_base) if self.own_clock() else 0
        if tag:
            hours, minutes, seconds = map(float, tag.groups())
            return 3600 * hours + 60 * minutes + seconds - start
        if len(self.container.streams) == 1 and self.container.duration:
            return self.container.duration / av.time_base - start
        return None

    def damage_of(self, read):
        """What is wrong with the file of which `read` seconds could be read, in a line, or ""."""
        whole, size = self.own_seconds() or 0, self.container.size
        if self.broken:
            return "%s: damaged: %d piece%s of it could not be decoded" % (
                self.name, self.broken, "s" * (self.broken > 1))
        if whole - read > SHORT or "DURATION" in self.picture.metadata and whole - read > 1.5 / self.rate:
            return "%s: damaged: it ends after %.1f of %.1f s" % (self.name, read, whole)
        if size > 0 and any(entry.pos + entry.size > size for entry in self.picture.index_entries):
            return "%s: damaged: its end is missing, after %.1f s" % (self.name, read)
        return ""

    def own_clock(self):
        """Whether players show the container's own clock."""
        return not OWN_CLOCK.isdisjoint(self.container.format.name.split(","))

    def clock_zero(self):
        """The time, in seconds as FFmpeg counts them, at which a player's clock is 0."""
        return 0. if self.own_clock() else (self.container.start_time or 0) / av.time_base

    def _pictures(self):
        for pictures, broken in decoded(self.container, self.picture):
            yield from pictures
            self.broken += broken

    def _pictures_in_bounds(self):
        for picture in self._pictures():
            if too_large(picture.width * self.ratio, picture.height):
                self.broken += 1
            else:
                yield picture

    def frames(self) -> Iterator[Frame]:
        yield self.first
        self.first = None
        yield from self.decoded

    def close(self) -> None:
        self.container.close()
        self.decoded = self.first = None  # which hold the decoder and its threads


class Folder(Video):
    """Images in the order of their names, numbers in them counting as numbers."""

    def __init__(self, path, rate):
        self.name = as_text(path)
        self.paths = [file for file in contents(path) if is_image(file) and file.is_file()]
        if not self.paths:
            raise Problem("%s: no images in this folder (%s)" % (path, ", ".join(SUFFIXES)))
        self.rate, self.count = rate, len(self.paths)
        self.height, self.width = self._first_readable().shape[:2]

    def _first_readable(self):
        first = None
        for path in self.paths:
            try:
                return read_rgb(path)
            except Problem as problem:
                first = first or problem
        raise Problem("%s: not one image in this folder can be read; %s" % (self.name, first))

    def frames(self) -> Iterator[Frame]:
        unreadable = []
        for number, path in enumerate(self.paths):
            try:
                image = read_rgb(path)
            except Problem:  # a frame like any other, in which nobody is to be seen
                image = np.zeros((self.height, self.width, 3), np.uint8)
                unreadable.append(path.name)
            yield Frame(number, number / self.rate, image)
        if unreadable:
            named = ", ".join(unreadable[:3]) + (", ..." if len(unreadable) > 3 else "")
            self.damage = "%s: %d of %d images could not be read (%s)" % (
                self.name, len(unreadable), len(self.paths), named)


class Camera(Decoded):
    """A camera of this machine, by number."""

    live = True

    def __init__(self, number):
        system = "linux" if sys.platform.startswith("linux") else sys.platform
        if system not in CAMERAS:
            raise Problem("camera %d: on %s cameras cannot be read; record a video instead" % (number, sys.platform))
        kind, name = CAMERAS[system]
        try:
            super().__init__(name % number, "camera %d" % number, format=kind)
        except Problem:
            raise Problem("camera %d: there is none, or another program has it; cameras are numbered from 0"
                          % number) from None
        self.count = None


def open_video(source: Path | str | int, formats: Sequence[str] | None = None, rate: float = RATE,
               stream: int | None = None) -> Video:
    """The Video of a path, an address (rtsp://...), a folder of images, "-", standard input, or a number, a camera's;
    for a `with`. The text "0" is a camera only where nothing is called so.

    formats: only files of these formats (FFmpeg's names), such as UPLOAD_FORMATS. rate: of a folder's images, a second.
    stream: the number of the picture's stream in the file, as ffprobe counts them; unless given, the largest picture's.
    Raises Problem, one line that names the source, when it is missing, no video, or has no frame that can be decoded.
    """
    if isinstance(source, int):
        return Camera(source)
    source = str(source)
    if source == "-":
        return Decoded(sys.stdin.buffer, "standard input", formats, stream)
    if Path(source).is_dir():
        if stream is not None:
            raise Problem("%s: a folder, which has no --stream %d; leave that out" % (source, stream))
        return Folder(source, rate)
    if not Path(source).exists():
        if CAMERA.fullmatch(source):
            return Camera(int(source))
        if "://" in source:
            return Decoded(source, source, formats, stream)
    video = Decoded("file:" + source, as_text(source), formats, stream)  # so that a colon is not a protocol's
    video.file = source if Path(source).is_file() else None
    return video


def as_text(path: Path | str) -> str:
    """A path as text that can be printed and drawn, in whatever encoding it is: M\\xfcller.mp4 of Latin-1."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def decoded(container: av.container.InputContainer,
            stream: av.stream.Stream) -> Iterator[tuple[list[av.frame.Frame], bool]]:
    """Yield (frames, broken) a packet of a stream: what is in it, and whether it is damaged.

    A decoder with threads may keep silent about that, and is not all that is asked.
    """
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, IndexError):  # PyAV's at the end, of streams that began midway
            return
        except av.FFmpegError:
            yield [], True
            return
        try:
            frames = packet.decode()
        except av.FFmpegError:
            yield [], True
        else:
            yield frames, packet.is_corrupt or any(frame.is_corrupt for frame in frames)


def said(error):
    """What PyAV's error means for the user."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "may not be read; change its permissions"
    if isinstance(error, (av.error.InvalidDataError, av.error.ArgumentError)):  # this: of none of the formats asked for
        return "not a video that FFmpeg can read: another kind of file, empty, or cut short"
    return "cannot be opened: %s" % (getattr(error, "strerror", None) or error)


def upright(picture: av.VideoFrame, ratio: float, matrix: np.ndarray) -> np.ndarray:
    """An av.VideoFrame as (height, width, 3) uint8 RGB, square pixels: widened by `ratio`, turned by a matrix."""
    image = picture.reformat(format="rgb24", width=max(1, round(picture.width * ratio))).to_ndarray()
    (xx, xy), (yx, yy) = matrix
    if xx == 0:
        image, xx, yy = image.transpose(1, 0, 2), yx, xy
    return np.ascontiguousarray(image[::yy, ::xx])


def display_matrix(picture: av.VideoFrame) -> np.ndarray:
    """Where a picture's right and down, (1, 0) and (0, 1), point when it is shown: (2, 2) int, a quarter turn or its
    mirror image. Any other matrix, be it a degree off, leaves the picture as it is stored: so do browsers."""
    for data in known_side_data(picture):
        if data.type == Type.DISPLAYMATRIX:
            matrix = np.frombuffer(bytes(data), np.int32).reshape(3, 3)[:2, :2]
            if (np.sort(np.abs(matrix)) == (0, ONE)).all() and np.linalg.det(matrix):
                return matrix // ONE
    return np.eye(2, dtype=int)


def known_side_data(picture: av.VideoFrame) -> list[SideData]:
    """A picture's side data up to the first that is of a kind unknown to PyAV, which its list fails on (EXIF, for one).

    Not picture.side_data, whose list and picture hold each other in memory until Python looks for such circles.
    """
    listed = SideDataContainer.__new__(SideDataContainer)
    try:
        listed.__init__(picture)
    except ValueError:
        return list(listed)[:-1]
    return list(listed)
