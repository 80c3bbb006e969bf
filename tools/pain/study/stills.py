"""Stills of the frames of a study that are worth a look, from its videos, where these are still there."""
from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image

from pain.errors import Problem
from pain.study.people import StudyPerson
from pain.video.curve_folder import files_of
from pain.video.source import RATE, open_video

WIDTH, QUALITY = 300, 80  # pixels; of JPEG


class Still(NamedTuple):
    """A frame as a picture."""

    address: str  # a data address
    media_time_s: float
    why: str


def stills_of(people: Sequence[StudyPerson]) -> list[Still]:
    """Stills of the suspects of whoever is in one curve, in the order of the frames.

    Raises Problem when the video is not there any more, is another one, or has no such frame.
    """
    about = people[0].about
    suspects = {suspect.frame: suspect for one in people for suspect in one.sketch.suspects}
    if not suspects:
        return []
    source, stills = str(about.get("source") or ""), []
    if not about.get("size"):
        raise Problem("%s: no file that can be read again" % source)
    with open_video(source, rate=about.get("rate") or RATE, stream=about.get("stream")) as video:
        if sum(file.stat().st_size for file in files_of(video)) != about.get("size"):
            raise Problem("%s: another video than the one that was rated" % source)
        for frame in video.frames():
            if frame.number in suspects:
                suspect = suspects.pop(frame.number)
                stills.append(Still(as_address(frame.image), suspect.media_time_s, suspect.why))
            if not suspects:
                return stills
    raise Problem("%s: ends before frame %d" % (source, min(suspects)))


def as_address(image):
    """An image, (height, width, 3) uint8 RGB, as the data address of a small JPEG."""
    picture, content = Image.fromarray(image), io.BytesIO()
    picture.thumbnail((WIDTH, WIDTH))
    picture.save(content, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode("ascii")
