"""A video with what was found in it: boxes, landmarks and intensities on the picture, the running curve below it.

    with Annotator("annotated.mp4", 640, 480, 25) as annotator:
        annotator.add(image, time, rows)        # each frame, with the Rows it has in curve.csv

With the video's sound, if it is told where that is. Written as H.264 in an MP4 that browsers play while it loads, or as
MPEG-4 Visual where FFmpeg was built without an encoder of H.264; Annotator.codec says which. Every frame has its own
time, whatever the frame rate does.
"""
from collections import deque
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from PIL import Image, ImageColor, ImageDraw, ImageFont

from pain.datasets.pspi import CLASSES
from pain.errors import Problem
from pain.files import replacing
from pain.notice import short_notice
from pain.plots import color_of
from pain.provenance import NOT_KNOWN, Origin
from pain.video.curve import NONE, Row
from pain.video.encoder import CODECS, encoder
from pain.video.sound import sound_of
from pain.video.source import Video
from pain.video.tracks import pauses

MOST_PIXELS = 3840 * 2160  # of a picture, without the curve
RATE = 25  # frames a second, where nothing says how many
TICKS = 60000  # of timestamps, a second: MPEG-4 Visual has 65535 at the most
LONGEST = 2000 * TICKS  # of a pause, a longer one is cut: MP4 has room for some, which B-frames add up
SECONDS = 10.  # of the curve
BT709 = 1  # FFmpeg's number for the colours of HDTV, which players take for granted
FINE = 2  # the strip is drawn so many times as large, for smooth lines
PAPER, GRID, INK, NOBODY = "#ffffff", "#e2e2e2", "#666666", "#555555"


class Annotator:
    """Writes the video `path`, frame by frame: it is there once close() was called, and not at all after discard().

    width, height: of the first frame; frames of another size are fitted into it, and large ones made smaller. rate:
    frames a second, about; origin: of the nets, which decides what is said of them below the curve; video: the Video
    whose sound it has, too.
    """

    def __init__(self, path: Path | str, width: int, height: int, rate: float | None, origin: Origin = NOT_KNOWN,
                 video: Video | None = None):
        smaller = min(1, (MOST_PIXELS / (width * height)) ** 0.5)
        width, height = max(1, int(smaller * width)), max(1, int(smaller * height))
        self.path, self.width, self.height, self.ticks, self.cut = path, width, height, -1, 0
        self.unit = max(8, 4 + min(width, height) // 54)  # pixels: the height of small letters
        self.large, self.small = (ImageFont.load_default(size * self.unit) for size in (2, 1.4))
        self.strip = Strip(width + width % 2, 8 * self.unit + height % 2, self.unit,
                           short_notice(origin))
        self.to_yuv = VideoReformatter()
        self.codec, rate = encoder(), Fraction(max(1, rate or RATE)).limit_denominator(1001)
        with ExitStack() as closing:
            partial = closing.enter_context(replacing(path))
            self.container = closing.enter_context(av.open("file:%s" % partial, "w", options={"movflags": "faststart"}))
            self.stream = self.container.add_stream(self.codec, rate=rate, options=dict(CODECS[self.codec]))
            self.stream.width, self.stream.height = self.strip.width, height + self.strip.height
            self.stream.pix_fmt, self.stream.codec_context.gop_size = "yuv420p", max(1, round(2 * rate))
            self.stream.codec_context.colorspace, self.stream.codec_context.color_range = BT709, ColorRange.MPEG
            self.stream.codec_context.color_primaries = self.stream.codec_context.color_trc = BT709
            self.stream.codec_context.time_base = self.stream.time_base = Fraction(1, TICKS)
            self.sound = video and sound_of(video, self.container)
            if self.sound:
                closing.callback(self.sound.close)
            self.closing = closing.pop_all()

    def add(self, image: np.ndarray, time: float, rows: list[Row]) -> None:
        """Write a frame, and the sound before it.

        image: (height, width, 3) uint8 RGB; time: in seconds on a player's clock; rows: the frame's, in its pixels.
        """
        canvas = np.zeros((self.stream.height, self.stream.width, 3), np.uint8)
        canvas[:self.height, :self.width] = self.picture(image, rows)
        canvas[:self.height, self.width:] = canvas[:self.height, self.width - 1:self.width]
        canvas[self.height:] = self.strip.draw(time, rows)
        frame = self.to_yuv.reformat(av.VideoFrame.from_ndarray(canvas, format="rgb24"), format="yuv420p",
                                     dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
        ticks = round(time * TICKS) - self.cut
        if -1 < self.ticks < ticks - LONGEST:
            self.cut += ticks - LONGEST - self.ticks
        self.ticks = max(self.ticks + 1, round(time * TICKS) - self.cut)
        frame.pts, frame.time_base = self.ticks, Fraction(1, TICKS)
        self.container.mux(self.stream.encode(frame))
        if self.sound:
            self.sound.write(self.ticks / TICKS)

    def picture(self, image, rows):
        """The frame with what was found in it, (height, width, 3) uint8 of the first frame's size."""
        height, width = image.shape[:2]
        scale, corner, picture = 1., (0, 0), Image.fromarray(image)
        if (width, height) != (self.width, self.height):
            scale = min(self.width / width, self.height / height)
            fitted = picture.resize([max(1, round(scale * width)), max(1, round(scale * height))], Image.BILINEAR)
            picture = Image.new("RGB", (self.width, self.height))
            corner = (self.width - fitted.width) // 2, (self.height - fitted.height) // 2
            picture.paste(fitted, corner)
        pen, faces = ImageDraw.Draw(picture), [row for row in rows if row.face != NONE]
        for row in faces:
            self.draw_face(pen, row, lambda points: scale * (np.asarray(points) + 0.5) - 0.5 + corner, len(faces) > 1)
        if not faces:
            self.draw_tag(pen, "no face", self.small, self.unit // 2, self.unit // 2, NOBODY)
        return np.asarray(picture)

    def draw_face(self, pen, row, placed, several):
        """Draw the box, the landmarks and the tag of a Row. placed: from its pixels to the picture's, (N, 2)."""
        color, points = color_of(row.person), placed(row.landmarks)
        if row.box is None:  # interpolated: the tag goes above where the forehead is, about
            left, bottom = points.min(axis=0)[0], points.max(axis=0)[1]
            top = points.min(axis=0)[1] - np.ptp(points[:, 1])
        else:
            (left, top), (right, bottom) = np.round(placed([row.box[:2], row.box[:2] + row.box[2:]]))
            thick = max(3, self.unit // 5)
            for grow, style in (1, dict(outline="white", width=thick + 2)), (0, dict(outline=color, width=thick)):
                outside = thick // 2 + grow
                pen.rectangle([left - outside, top - outside, right + outside, bottom + outside], **style)
        radius = max(2.5, self.unit / 4)
        for x, y in points:
            pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=color, outline="white")
        text = row.doubt or ("-" if np.isnan(shown(row)) else "%.1f" % shown(row))
        font = self.small if row.doubt else self.large
        self.draw_tag(pen, "%d: %s" % (row.person, text) if several else text, font, left, top, color, bottom)

    def draw_tag(self, pen, text, font, left, top, color, bottom=None):
        """Write `text` on `color`, above a box from `top` to `bottom`, or below it where there is no room."""
        width, height = font.getlength(text) + self.unit, font.size * 1.3
        if bottom is not None:
            over = top - height - self.unit // 3
            top = over if over >= 0 else min(bottom + self.unit // 3, self.height - height)
        left = max(0, min(left, self.width - width))
        pen.rounded_rectangle([left, top, left + width, top + height], self.unit // 3, fill=color)
        bright = np.dot(ImageColor.getrgb(color), (0.299, 0.587, 0.114)) > 140
        pen.text((left + width / 2, top + height / 2), text, "black" if bright else "white", font, "mm")

    def close(self) -> None:
        """Finish the file and give it its name. Raises Problem when there was no frame."""
        with self.closing:
            if self.ticks < 0:
                raise Problem("%s: a video of no frames; take one that has some" % self.path)
            self.container.mux(self.stream.encode(None))
            if self.sound:
                self.sound.end()

    def discard(self) -> None:
        """Give up: no file comes of it, and one that was there before stays. After close() it does nothing."""
        self.closing.__exit__(InterruptedError, InterruptedError(), None)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.close()
        else:
            self.discard()


class Strip:
    """The curve of the last SECONDS, with the time and a short notice below. width, height, unit: in pixels."""

    def __init__(self, width, height, unit, notice):
        self.width, self.height, self.history = width, height, deque()
        unit *= FINE
        self.line, self.right, self.low = max(2, unit // 5), FINE * width - unit, FINE * height - 1.9 * unit
        self.left, self.high, self.baseline = 1.6 * unit, 0.7 * unit, FINE * height - 0.4 * unit
        self.font = ImageFont.load_default(unit)
        self.paper = Image.new("RGB", (FINE * width, FINE * height), PAPER)
        pen = ImageDraw.Draw(self.paper)
        for intensity in range(CLASSES):
            y = self.y(intensity)
            pen.line([(self.left, y), (self.right, y)], GRID, FINE)
            if intensity in (0, CLASSES - 1):
                pen.text((self.left - unit // 3, y), str(intensity), INK, self.font, "rm")
        room, size = self.right - self.left - self.font.getlength("  00:00.0"), unit
        while size > 4 * FINE and ImageFont.load_default(size).getlength(notice) > room:
            size -= 1
        pen.text((self.left, self.baseline), notice, INK, ImageFont.load_default(size), "ls")

    def y(self, intensity):
        """Where an intensity lies, in fine pixels from the top."""
        return self.low + (self.high - self.low) * intensity / (CLASSES - 1)

    def draw(self, time, rows):
        """The strip at a time, in seconds, (height, width, 3) uint8. rows: of the frame of that time."""
        self.history.append((time, {row.person: shown(row) for row in rows if not np.isnan(shown(row))}))
        while self.history[0][0] < time - SECONDS:
            self.history.popleft()
        image = self.paper.copy()
        pen = ImageDraw.Draw(image)
        for person in sorted({person for _, values in self.history for person in values}):
            for run in self.runs(person, time):
                pen.line(run, color_of(person), self.line, "curve")
            if person in self.history[-1][1]:
                (x, y), radius = run[-1], 1.3 * self.line
                pen.ellipse([x - radius, y - radius, x + radius, y + radius], color_of(person))
        pen.text((self.right, self.baseline), "%d:%04.1f" % divmod(int(10 * time) / 10, 60), INK, self.font, "rs")
        return np.asarray(image.reduce(FINE))

    def runs(self, person, now):
        """The lines of a person's curve, up to where it is missing: lists of (x, y) in fine pixels."""
        runs, joined = [], False
        pause = np.append(False, pauses(np.array([time for time, _ in self.history])))
        for (time, values), paused in zip(self.history, pause):
            joined = joined and not paused
            if person in values:
                point = self.right - (self.right - self.left) * (now - time) / SECONDS, self.y(values[person])
                if joined:
                    runs[-1].append(point)
                else:
                    runs.append([point])
            joined = person in values
        return runs


def shown(row: Row) -> float:
    """The intensity that is shown of a Row: the smoothed one where there is one."""
    return row.intensity if np.isnan(row.smoothed) else row.smoothed
