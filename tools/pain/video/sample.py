"""A drawn video of a face that grimaces, with its labels."""
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np

from pain.datasets import pspi as pspi_module
from pain.datasets.synthetic import faces, videos
from pain.video.encoder import CODECS, encoder

RATE, SECONDS = 25, 12
SEED = 5  # whose grimace goes through all intensities


def draw(seed: int = SEED, frames: int = RATE * SECONDS) -> Iterator[tuple[np.ndarray, int]]:
    """Draw the frames: yields (image (240, 320, 3) uint8 RGB, its intensity 0..5)."""
    rng, face = np.random.RandomState(seed), faces.Face()
    who = faces.subject(face, rng)
    course = videos.courses(rng, frames, strong=True)
    for aus, pose in zip(course, videos.poses(rng, frames)):
        image = faces.render(face, who, aus, pose) + who.grain * rng.standard_normal(
            (faces.HEIGHT, faces.WIDTH, 1))
        pspi = pspi_module.pspi(**{au.lower(): round(intensity) for au, intensity in aus.items()})
        yield np.round(255 * image.clip(0, 1)).astype(np.uint8), pspi_module.quantise(pspi)


def write_video(path: Path | str, images: Iterable[np.ndarray], rate: float = RATE) -> None:
    """Write images (height, width, 3; uint8 RGB; even sizes) as an MP4 that plays while it is still being loaded."""
    codec = encoder()
    options = dict(CODECS[codec], threads="1")
    flags = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open("file:%s" % path, "w", format="mp4", options=flags) as container:
        stream = None
        for image in images:
            if stream is None:
                stream = container.add_stream(codec, rate=rate, options=options)
                stream.height, stream.width, stream.pix_fmt = *image.shape[:2], "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
