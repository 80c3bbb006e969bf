"""Videos to read, and nets to rate them with."""
from fractions import Fraction

import av
import caffe
import numpy as np
import pytest

from support.caffe_runs import write_slim_nets
from support.project import PAIN

CORNERS = np.array([(230, 30, 30), (30, 200, 30), (40, 40, 220), (240, 240, 240)])  # from the top left, row by row


def picture(height, width, level=90):
    """An image with a colour of its own in each corner, and a `level` of grey between them."""
    image = np.full((height, width, 3), level, np.uint8)
    h, w = height // 3, width // 3
    image[:h, :w], image[:h, -w:], image[-h:, :w], image[-h:, -w:] = CORNERS
    return image


def write(path, images, codec="libx264", pix_fmt="yuv420p", rate=25, times=None, rotation=0, ratio=None,
          **options):
    """Encode images (H, W, 3) uint8 into a video; `times` in ms, a frame each, for one of variable rate."""
    with av.open(str(path), "w", options=options) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        if ratio:
            stream.codec_context.sample_aspect_ratio = ratio
        if rotation:
            stream.set_display_rotation(rotation)
        for i, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if times:
                frame.pts, frame.time_base = times[i], Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


# The nets, and the whole.

@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """The folder of two slim nets with random weights, as a variant of two folds, and their prototxt above it."""
    root = tmp_path_factory.mktemp("trained")
    (root / "prototxt").mkdir()
    write_slim_nets(root / "prototxt")
    for seed, fold in enumerate(("01-a", "02-b"), 1):
        folder = root / "models" / "smooth_l1" / fold
        folder.mkdir(parents=True)
        caffe.set_random_seed(seed)
        net = caffe.Net(str(root / "prototxt" / PAIN.name), caffe.TEST, stages=["deploy"])
        for iteration in 9, 10:
            net.save(str(folder / ("pain_iter_%d.caffemodel" % iteration)))
    return root / "models" / "smooth_l1"
