"""Videos to read, and nets to rate them with."""
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from pain.errors import Problem
from pain.video.source import open_video
from support.caffe_runs import save_random_net, write_slim_nets

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


def write_with_sound(path, images, start=0., sound=0., seconds=2., codecs=("libx264", "aac"), rate=25):
    """Encode images (H, W, 3) uint8 that begin `start` seconds into the file, and silence that begins at `sound`."""
    with av.open(str(path), "w") as file:
        picture, silence = file.add_stream(codecs[0], rate=rate), file.add_stream(codecs[1], rate=48000)
        picture.height, picture.width = images[0].shape[:2]
        picture.pix_fmt, silence.codec_context.layout = "yuv420p", "mono"
        kind, packets = silence.codec_context.format.name, []
        for i, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(start * 1000) + i * 1000 // rate, Fraction(1, 1000)
            packets += picture.encode(frame)
        for i in range(round(50 * seconds)):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.float32 if kind[:3] == "flt" else np.int16),
                                               format=kind, layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, round(48000 * sound) + 960 * i, Fraction(1, 48000)
            packets += silence.encode(frame)
        packets += [*picture.encode(), *silence.encode()]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            file.mux(packet)
    return path


def set_matrix(path, *matrix):
    """Write the 2 x 2 display matrix, xx, xy, yx, yy, of 16 bits after the point, into an MP4 that has one."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44  # of version 0
    content[at:at + 36] = struct.pack(">9i", *matrix[:2], 0, *matrix[2:], 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def read(source, **options):
    """All frames of a video."""
    with open_video(source, **options) as opened:
        return list(opened.frames())


def refused(source, *words, **options):
    """Assert that a video is refused in one line, with these words in it."""
    with pytest.raises(Problem) as caught:
        read(source, **options)
    text = str(caught.value)
    assert text.startswith(str(source)) and "\n" not in text and all(word in text for word in words), text


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
        save_random_net(root / "prototxt", seed, *(folder / ("pain_iter_%d.caffemodel" % iteration)
                                                   for iteration in (9, 10)))
    return root / "models" / "smooth_l1"
