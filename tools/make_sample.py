"""A short video to try things on: 12 seconds of a drawn subject who grimaces, with labels right by construction.

    python tools/make_sample.py sample.mp4      writes sample.mp4 and, of the same frames, sample.csv: frame,label

H.264, or else MPEG-4, at 25 frames a second. The same every time.
"""
from pathlib import Path

import av
import numpy as np

import make_synthetic
import unbc
from annotate import CODECS, encoder
from cli import Parser, Problem, replacing, run, write_csv

RATE, SECONDS = 25, 12
SEED = 5  # whose grimace goes through all intensities


def draw(seed=SEED, frames=RATE * SECONDS):
    """Draw the frames: yields (image (240, 320, 3) uint8 RGB, its intensity 0..5)."""
    rng, face = np.random.RandomState(seed), make_synthetic.Face()
    who = make_synthetic.subject(face, rng)
    course = make_synthetic.courses(rng, frames, strong=True)
    for aus, pose in zip(course, make_synthetic.poses(rng, frames)):
        image = make_synthetic.render(face, who, aus, pose) + who.grain * rng.standard_normal(
            (make_synthetic.HEIGHT, make_synthetic.WIDTH, 1))
        pspi = unbc.pspi(**{au.lower(): round(intensity) for au, intensity in aus.items()})
        yield np.round(255 * image.clip(0, 1)).astype(np.uint8), unbc.quantise(pspi)


def write_video(path, images, rate=RATE):
    """Write images (height, width, 3; uint8 RGB; even sizes) as an MP4 that plays while it is still being loaded."""
    codec = encoder()
    options = dict(CODECS[codec], threads="1")
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as container:
        stream = None
        for image in images:
            if stream is None:
                stream = container.add_stream(codec, rate=rate, options=options)
                stream.height, stream.width, stream.pix_fmt = *image.shape[:2], "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def main():
    parser = Parser(__doc__)
    parser.add_argument("out", metavar="OUT.mp4", help="the video to write; its labels go beside it, as OUT.csv")
    out = Path(parser.parse_args().out)
    if out.suffix.lower() != ".mp4":
        raise Problem("%s: the video is an MP4; end its name in .mp4" % out)
    labels = []

    def images():
        for image, label in draw():
            labels.append(label)
            yield image

    with replacing(out) as partial:
        write_video(partial, images())
    write_csv(out.with_suffix(".csv"), ("frame", "label"), enumerate(labels))
    print("%s: %d frames, intensities %d to %d" % (out, len(labels), min(labels), max(labels)))


if __name__ == "__main__":
    run(main)
