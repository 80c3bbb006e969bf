"""What comes from a browser: names, videos, the camera's pictures."""
import asyncio
import io
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
from PIL import Image
from starlette.exceptions import HTTPException

from pain.errors import Problem
from pain.images import MANGLED

MB = 10 ** 6
PICTURE_BYTES, PICTURE_SIDE = 4 * MB, 1920  # that a live picture may have: bytes, and pixels each way
TABLE_BYTES, EPISODES_BYTES, CURVE_BYTES = 20 * MB, 2 * MB, 200 * MB  # that what is put beside a video may have
PATIENCE, LEAST = 30, 16000  # seconds in which an upload brings at least so many bytes, or is given up
KINDS = "MP4, MOV, M4V, 3GP, MKV, WebM, AVI, MPEG, MTS, Ogg, FLV, WMV or GIF"  # pain.video.source.UPLOAD_FORMATS
PHOTOGRAPHS = b"heic", b"heix", b"mif1", b"avif"  # the brands of what else is in MP4's container
BEGINNINGS = (4, b"ftyp", "video/mp4"), (0, b"\x1aE\xdf\xa3", "video/webm"), (0, b"OggS", "video/ogg"), (
    0, b"RIFF", "video/x-msvideo"), (0, b"\0\0\1\xba", "video/mpeg"), (
    0, b"GIF8", "image/gif")


def kind_of(path: Path | str) -> str:
    """The media type of a video file, by how it begins."""
    with open(str(path), "rb") as file:
        start = file.read(16)
    return next((kind for at, magic, kind in BEGINNINGS if start[at:at + len(magic)] == magic),
                "application/octet-stream")


def is_photograph(path: Path | str) -> bool:
    """Whether this is a still picture, of a telephone, say, which FFmpeg takes for a video of one frame."""
    with open(str(path), "rb") as file:
        return file.read(12)[4:] in [b"ftyp" + brand for brand in PHOTOGRAPHS]


async def at_pace(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks as they come. Raises HTTPException when fewer than LEAST bytes come in PATIENCE seconds."""
    chunks, left, size = aiter(chunks), PATIENCE, 0
    while True:
        began = time.monotonic()
        try:
            chunk = await asyncio.wait_for(anext(chunks), left)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise HTTPException(408, "The rest does not come; see to the connection, and send it again.") from None
        size += len(chunk)
        left -= time.monotonic() - began
        if size >= LEAST:
            left, size = PATIENCE, 0
        yield chunk


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
    except MANGLED:
        raise Problem("the camera's picture is no whole JPEG; start the camera again") from None
