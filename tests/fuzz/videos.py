"""Videos, in the containers that people have: each is read to its end, as the page and the command line read it, and
annotated with a curve of nobody."""
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from fuzz.formats import Format
from pain.errors import Problem
from pain.video.curve import no_face, read_curve
from pain.video.curve_folder import record_curve
from pain.video.source import UPLOAD_FORMATS, open_video

FRAMES, SIZE = 24, (48, 64)
# file: the codecs of picture and sound, and the picture's pixels
KINDS = {"h264.mp4": ("libx264", "aac", "yuv420p"), "prores.mov": ("prores_ks", "pcm_s16le", "yuv422p10le"),
         "h264.mkv": ("libx264", "aac", "yuv420p"), "vp9.webm": ("libvpx-vp9", "libopus", "yuv420p"),
         "mpeg4.avi": ("mpeg4", "libmp3lame", "yuv420p"), "h264.ts": ("libx264", "aac", "yuv420p"),
         "mpeg1.mpg": ("mpeg1video", "mp2", "yuv420p"), "wmv2.asf": ("wmv2", "libmp3lame", "yuv420p"),
         "a.gif": ("gif", None, "rgb8"), "a.mjpeg": ("mjpeg", None, "yuvj420p"), "a.dv": ("dvvideo", None, "yuv420p")}


def write(folder, name):
    """A small video of moving noise, with a tone where there is sound."""
    codec, sound, pix_fmt = KINDS[name]
    height, width = (576, 720) if codec == "dvvideo" else SIZE
    random, image, packets = np.random.RandomState(0), np.zeros((height, width, 3), np.uint8), []
    with av.open(str(folder / name), "w") as file:
        picture = file.add_stream(codec, rate=25)
        picture.height, picture.width, picture.pix_fmt = height, width, pix_fmt
        tone = file.add_stream(sound, rate=48000, layout="mono") if sound else None
        for i in range(2 if codec == "dvvideo" else FRAMES):
            image[:, i:i + width // 3] = random.randint(0, 256, (height, 1, 3))
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            packets += picture.encode(frame)
        if tone:
            frame = av.AudioFrame.from_ndarray(np.sin(np.arange(48000, dtype=np.float32) / 20)[None], "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
            packets += tone.encode(frame) + tone.encode()
        for packet in sorted(packets + picture.encode(), key=lambda packet: packet.dts * packet.time_base):
            file.mux(packet)
    return folder / name


class Nobody:
    """An estimator that finds nobody."""

    def run(self, frames, *_):
        for frame in frames:
            yield frame, [no_face(frame.number, frame.time, 1, frame.media_time)]


def rate():
    """What the page and the command do to a video, without nets. Raises Problem when the video is refused."""
    path = sys.argv[1]
    try:
        with open_video(Path(path).resolve(), formats=UPLOAD_FORMATS) as video:
            assert 0 < video.rate <= 1000 and (video.count is None or video.count > 0), (video.rate, video.count)
    except Problem as problem:
        assert "\n" not in str(problem), problem
    with open_video(path) as video:
        recorded = list(record_curve(Nobody(), video, Path("out"), {"source": path}, annotate=True))
    print(len(recorded))


def curve(folder, said):
    """Whether the curve is one, and of all frames."""
    _, rows = read_curve(folder / "out" / "curve.csv")
    return None if len(rows) == int(said) else "%d rows of %s frames" % (len(rows), said)


FORMATS = [Format(name, lambda folder, name=name: write(folder, name), rate, [name], check=curve) for name in KINDS]
