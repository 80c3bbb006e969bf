"""Interlaced and HDR videos: by the formulas of BT.2100, and by what has to be left of two fields."""
from itertools import chain

import av
import numpy as np
import pytest

from pain.video import picture_filters
from pain.video.picture_filters import as_shown
from pain.video.source import open_video
from support.videos import picture, write

COLORS = np.array([(0, 0, 0), (64, 64, 64), (128, 128, 128), (200, 200, 200), (235, 235, 235), (200, 140, 110),
                   (120, 80, 60), (40, 90, 160), (180, 60, 60)])
SIDE, WHITE = 16, 203  # pixels of a patch of colour; cd/m2 of white in HDR, by BT.2408
TO_2020 = np.array([(0.6274, 0.3293, 0.0433), (0.0691, 0.9195, 0.0114), (0.0164, 0.0880, 0.8956)])  # BT.2087
LUMA = np.array([0.2627, 0.6780, 0.0593])  # of BT.2020


def as_pq(light):
    """BT.2100's code of light in cd/m2."""
    power = (light / 10000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def as_hlg(light):
    """BT.2100's code of light in cd/m2 on a display of 1000."""
    seen = light / 1000
    scene = seen * np.maximum(seen @ LUMA, 1e-9)[:, None] ** (1 / 1.2 - 1)
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene),
                    0.17883277 * np.log(np.maximum(12 * scene, 1) - 0.28466892) + 0.55991073)


def write_hdr(path, code, transfer, frames=2):
    """Losslessly encode patches, (N, 3) codes 0..1 of red, green and blue, as BT.2020 with 10 bits."""
    luma = code @ LUMA
    blue, red = ((code[:, i] - luma) / (2 * (1 - LUMA[i])) for i in (2, 0))
    planes = np.round([64 + 876 * luma, 512 + 896 * blue, 512 + 896 * red]).astype(np.uint16)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = SIDE * len(code), SIDE, "yuv444p10le"
        context = stream.codec_context
        context.color_primaries = context.colorspace = 9  # BT.2020
        context.color_trc, context.color_range = transfer, 1
        frame = av.VideoFrame(stream.width, stream.height, "yuv444p10le")
        for plane, values in zip(frame.planes, planes):
            lines = np.zeros((SIDE, plane.line_size // 2), np.uint16)
            lines[:, :stream.width] = values.repeat(SIDE)
            plane.update(lines.tobytes())
        for i in range(frames):
            frame.pts = i
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


@pytest.mark.parametrize("name, transfer, code", [("PQ", 16, as_pq), ("HLG", 18, as_hlg)])
def test_hdr_is_tone_mapped(tmp_path, name, transfer, code):
    light = WHITE * (COLORS / 255.) ** 2.4 @ TO_2020.T  # BT.1886
    light = np.append(light, [[4 * WHITE] * 3], 0)  # a lamp
    with open_video(write_hdr(tmp_path / "a.mkv", code(light), transfer)) as video:
        frames = list(video.frames())
        assert video.note == "%s: HDR (%s), tone-mapped to SDR" % (tmp_path / "a.mkv", name) and not video.damage
    for frame in frames:
        found = frame.image[SIDE // 2, SIDE // 2::SIDE].astype(int)
        assert np.abs(found - [*COLORS, (255, 255, 255)]).max() <= 8, found
    assert [frame.time for frame in frames] == pytest.approx([0, 0.04])


def test_what_this_ffmpeg_cannot_do_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_filters, "TO_SDR", ("scale", "out_transfer_of_another_version=bt709"))
    monkeypatch.setattr(picture_filters, "DEINTERLACE", ("no_such_filter", ""))
    with open_video(write_hdr(tmp_path / "a.mkv", np.full((3, 3), 0.5), 16)) as video:
        assert len(list(video.frames())) == 2 and "does not tone-map to SDR" in video.note
    with open_video(write_interlaced(tmp_path / "b.mp4")) as video:
        assert len(list(video.frames())) == FRAMES and "does not deinterlace" in video.note


FRAMES, HEIGHT, WIDTH = 12, 96, 160


def fields():
    """Frames of a bar that moves from one field to the next."""
    images = np.full((FRAMES, HEIGHT, WIDTH, 3), 40, np.uint8)
    for i, image in enumerate(images):
        image[::2, 10 * i:10 * i + 30] = image[1::2, 10 * i + 5:10 * i + 35] = 220
    return images


def write_interlaced(path, **options):
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"x264-params": "interlaced=1:tff=1", "crf": "5"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for image in fields():
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(stream.encode())
    return path


def combing(image):
    """How much more neighbouring lines differ than every other line does."""
    image = image.astype(float)
    return np.abs(np.diff(image, axis=0)).mean() - np.abs(image[2:] - image[:-2]).mean()


def test_interlaced_frames_are_deinterlaced_and_keep_their_times(tmp_path):
    with open_video(write_interlaced(tmp_path / "a.mp4")) as video:
        frames = list(video.frames())
        assert video.note == "%s: interlaced, deinterlaced" % (tmp_path / "a.mp4") and not video.damage
    assert [frame.time for frame in frames] == pytest.approx(np.arange(FRAMES) / 25, abs=1e-3)
    for i, frame in enumerate(frames):
        assert combing(fields()[i]) > 10 and combing(frame.image) < 3
        left = np.flatnonzero(frame.image[HEIGHT // 2, :, 0] > 130)[0]
        assert 10 * i - 2 <= left <= 10 * i + 7  # this frame's bar, and not its neighbour's


def pictures(path):
    with av.open(str(path)) as file:
        return list(file.decode(video=0))


def test_progressive_frames_stay_as_they_are_until_one_is_interlaced(tmp_path):
    plain = pictures(write(tmp_path / "a.mp4", [picture(HEIGHT, WIDTH, 30 * i) for i in range(5)]))
    other = pictures(write(tmp_path / "c.mp4", [picture(48, 64)] * 3))
    interlaced = pictures(write_interlaced(tmp_path / "b.mp4"))
    notes, whole = [], plain + interlaced + other + interlaced
    seen = list(as_shown(iter(whole), notes))
    assert [id(given) for given, _ in seen] == [id(given) for given in whole] and len(notes) == 1
    assert all(shown is given for given, shown in chain(seen[:5], seen[5 + FRAMES:8 + FRAMES]))
    for given, shown in chain(seen[5:5 + FRAMES], seen[8 + FRAMES:]):
        assert combing(shown.to_ndarray(format="rgb24")) < 3 < combing(given.to_ndarray(format="rgb24"))
