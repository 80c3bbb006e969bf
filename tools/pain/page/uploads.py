"""What comes from a browser: names, videos, the camera's pictures."""
import io
from pathlib import Path

import numpy as np
from PIL import Image

from pain.errors import Problem

MB = 10 ** 6
PICTURE_BYTES, PICTURE_SIDE = 4 * MB, 1920  # that a live picture may have: bytes, and pixels each way
TABLE_BYTES = 20 * MB  # that a table of labels may have
BEGINNINGS = (4, b"ftyp", "video/mp4"), (0, b"\x1aE\xdf\xa3", "video/webm"), (0, b"OggS", "video/ogg"), (
    0, b"RIFF", "video/x-msvideo"), (0, b"\0\0\1\xba", "video/mpeg")


def kind_of(path: Path | str) -> str:
    """The media type of a video file, by how it begins."""
    with open(str(path), "rb") as file:
        start = file.read(16)
    return next((kind for at, magic, kind in BEGINNINGS if start[at:at + len(magic)] == magic),
                "application/octet-stream")


def printable(name: str) -> str:
    """A name as one line of text that is safe to show."""
    return "".join(c for c in name if c.isprintable())[:120].strip() or "video"


def read_picture(data: bytes) -> np.ndarray:
    """A JPEG file's bytes as (height, width, 3) uint8 RGB. Raises Problem when they are none, or too large."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            if max(picture.size) > PICTURE_SIDE:
                raise Problem("the camera's picture has more than %d pixels a side; send a smaller one" % PICTURE_SIDE)
            return np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError):
        raise Problem("the camera's picture is no whole JPEG; start the camera again") from None
