"""Frames of a video, one after the other, as they are meant to be seen: upright, RGB, with square pixels.

    with open_video("visit.mp4") as video:      # or a folder of images, "-" for a pipe, "0" for a camera
        for frame in video.frames():
            frame.number, frame.time, frame.image

PyAV decodes: whatever FFmpeg reads, of any bit depth, with alpha or without, at any frame rate, turned by a flag.
"""
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from pain.errors import Problem
from pain.folders import contents
from pain.images import SUFFIXES, is_image, read_rgb


class Frame(NamedTuple):
    """A frame of a video."""

    number: int  # from 0
    time: float  # seconds from the first
    image: np.ndarray  # (height, width, 3) uint8 RGB
    start: float = 0.  # of the first frame on a player's clock, in seconds

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
MOST_PIXELS = 64e6  # of a frame: more is no video, but an attempt to fill the memory
ONE = 1 << 16  # of a display matrix, whose numbers have 16 bits after the point
SHORT = 1.  # a video that ends so many seconds before it should is damaged


class Video:
    """What open_video() gives. name: of the source; width, height: of the first frame; rate: frames a second, about;
    count: how many frames there will be, about, or None; live: whether it comes from a camera; damage: once the frames
    are all read, what is wrong with the file, or ""."""

    live, damage = False, ""

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

    def __init__(self, source, name, formats=None, **options):
        self.name = name
        if formats:
            options["options"] = {"format_whitelist": ",".join(formats), "protocol_whitelist": "file"}
        try:
            self.container = av.open(source, **options)
        except (av.FFmpegError, OSError) as error:
            raise Problem("%s: %s" % (name, said(error))) from error
        streams = [stream for stream in self.container.streams.video
                   if not stream.disposition & av.stream.Disposition.attached_pic]  # a record's cover
        if not streams:
            kinds = ", ".join(sorted({stream.type for stream in self.container.streams})) or "nothing"
            self.close()
            raise Problem("%s: there is no video in it, only %s" % (name, kinds))
        self.stream = streams[0]
        if self.stream.width * self.stream.height > MOST_PIXELS:
            self.close()
            raise Problem("%s: frames of %d x %d pixels; make them smaller" % (
                name, self.stream.width, self.stream.height))
        self.stream.thread_type = "AUTO"
        rates = self.stream.average_rate, self.stream.guessed_rate  # a raw DV's average is of the ticks of its clock
        self.rate = float(next((rate for rate in rates if rate and rate <= MOST_RATE), RATE))
        seconds = self.own_seconds() or (self.container.duration or 0) / av.time_base
        self.count = self.stream.frames or round(seconds * self.rate) or None
        self.ratio = float(self.stream.sample_aspect_ratio or 1)  # of a pixel's width to its height
        self.broken = 0
        self.decoded = self._decode()
        try:
            self.first = next(self.decoded, None)
        except Problem:
            self.close()
            raise
        if self.first is None:
            self.close()
            raise Problem("%s: there is not one frame in it that can be decoded" % name)
        self.height, self.width = self.first.image.shape[:2]

    def _decode(self):
        start, time, number, media_start, last = None, -1 / self.rate, 0, 0., 0.
        for picture in self._pictures():
            here = time + 1 / self.rate
            if picture.pts is not None:
                start = picture.time - here if start is None else start  # go on from frames that had no time
                here = max(picture.time - start, time + 1e-6) if number else 0.
                media_start = media_start if number else 0. if self.live else picture.time - self.clock_zero()
            time, last = here, float((picture.duration or 0) * (picture.time_base or 0)) or 1 / self.rate
            yield Frame(number, time, upright(picture, self.ratio), media_start)
            number += 1
        self.damage = self.damage_of(time + last)

    def own_seconds(self):
        """How long the picture's stream is, not the sound's, in seconds; None where the file does not say."""
        stream, tag = self.stream, self.stream.metadata.get("DURATION", "")  # Matroska's tag says when it ends
        if stream.duration:
            return float(stream.duration * stream.time_base)
        start = float((stream.start_time or 0) * stream.time_base) if self.own_clock() else 0
        if tag.count(":") == 2:
            hours, minutes, seconds = (float(part) for part in tag.split(":"))
            return 3600 * hours + 60 * minutes + seconds - start
        if len(self.container.streams) == 1 and self.container.duration:
            return self.container.duration / av.time_base - start
        return None

    def damage_of(self, read):
        """What is wrong with the file of which `read` seconds could be read, in a line, or ""."""
        whole, size = self.own_seconds() or 0, self.container.size
        if self.broken:
            return "%s: damaged: %d pieces of it could not be decoded" % (self.name, self.broken)
        if whole - read > SHORT or "DURATION" in self.stream.metadata and whole - read > 1.5 / self.rate:
            return "%s: damaged: it ends after %.1f of %.1f s" % (self.name, read, whole)
        if size > 0 and any(entry.pos + entry.size > size for entry in self.stream.index_entries):
            return "%s: damaged: its end is missing, after %.1f s" % (self.name, read)
        return ""

    def own_clock(self):
        """Whether players show the container's own clock."""
        return not OWN_CLOCK.isdisjoint(self.container.format.name.split(","))

    def clock_zero(self):
        """The time, in seconds as FFmpeg counts them, at which a player's clock is 0."""
        return 0. if self.own_clock() else (self.container.start_time or 0) / av.time_base

    def _pictures(self):
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError:
                self.broken += 1
                return
            broken = packet.is_corrupt  # a decoder with threads may keep silent
            try:
                for picture in packet.decode():
                    broken = broken or picture.is_corrupt
                    yield picture
            except av.FFmpegError:
                broken = True
            self.broken += broken

    def frames(self) -> Iterator[Frame]:
        yield self.first
        self.first = None
        yield from self.decoded

    def close(self) -> None:
        self.container.close()


class Folder(Video):
    """Images in the order of their names, numbers in them counting as numbers."""

    def __init__(self, path, rate):
        self.name = str(path)
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


def open_video(source: Path | str | int, formats: Sequence[str] | None = None, rate: float = RATE) -> Video:
    """The Video of a path, of a folder of images, of "-", standard input, or of a number, a camera's; for a `with`.

    formats: only files of these formats (FFmpeg's names), such as UPLOAD_FORMATS. rate: of a folder's images, a second.
    Raises Problem, one line that names the source, when it is missing, no video, or has no frame that can be decoded.
    """
    source = str(source)
    if source == "-":
        return Decoded(sys.stdin.buffer, "standard input", formats)
    if source.isdigit():
        return Camera(int(source))
    if Path(source).is_dir():
        return Folder(source, rate)
    return Decoded(source, source, formats)


def said(error):
    """What PyAV's error means for the user."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "may not be read; change its permissions"
    if isinstance(error, (av.error.InvalidDataError, av.error.ArgumentError)):  # this: of none of the formats asked for
        return "not a video that FFmpeg can read: another kind of file, empty, or cut short"
    return "cannot be opened: %s" % (getattr(error, "strerror", None) or error)


def upright(picture: av.VideoFrame, ratio: float = 1.) -> np.ndarray:
    """An av.VideoFrame as (height, width, 3) uint8 RGB, square pixels: widened by `ratio`, turned by its matrix."""
    image = picture.reformat(format="rgb24", width=max(1, round(picture.width * ratio))).to_ndarray()
    (xx, xy), (yx, yy) = display_matrix(picture)
    if xx == 0:
        image, xx, yy = image.transpose(1, 0, 2), yx, xy
    return np.ascontiguousarray(image[::yy, ::xx])


def display_matrix(picture: av.VideoFrame) -> np.ndarray:
    """Where a picture's right and down, (1, 0) and (0, 1), point when it is shown: (2, 2) int, a quarter turn or its
    mirror image. Any other matrix, be it a degree off, leaves the picture as it is stored: so do browsers."""
    for data in picture.side_data:
        if data.type.name == "DISPLAYMATRIX":
            matrix = np.frombuffer(bytes(data), np.int32).reshape(3, 3)[:2, :2]
            if (np.sort(np.abs(matrix)) == (0, ONE)).all() and np.linalg.det(matrix):
                return matrix // ONE
    return np.eye(2, dtype=int)
