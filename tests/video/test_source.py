"""Videos as they are read: against what was encoded, for every kind that people have, and every kind that is none."""
import io
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from pain.errors import Problem
from pain.video.source import UPLOAD_FORMATS, Decoded, open_video
from support.project import SHARED, needs_shared
from support.videos import CORNERS, picture, set_matrix, write, write_with_sound


def corners(image):
    """The colours in the corners of an image, (4, 3)."""
    h, w = image.shape[0] // 6, image.shape[1] // 6
    return np.array([image[y, x] for y in (h, -h) for x in (w, -w)], int)


def read(source, **options):
    with open_video(source, **options) as opened:
        return list(opened.frames())


def near(image, expected, most=28):
    assert image.dtype == np.uint8 and image.flags.c_contiguous
    assert np.abs(corners(image) - expected).max() < most, corners(image)


@pytest.mark.parametrize("name, codec, pix_fmt", [
    ("a.mp4", "libx264", "yuv420p"), ("a.mp4", "libx265", "yuv420p10le"), ("a.mkv", "ffv1", "bgra"),
    ("a.mkv", "ffv1", "yuva420p"), ("a.webm", "libvpx-vp9", "yuv420p"), ("a.avi", "mpeg4", "yuv420p"),
    ("a.mov", "prores_ks", "yuv422p10le"), ("a.mkv", "libx264", "yuv444p"), ("a.avi", "mjpeg", "yuvj420p"),
    ("a.gif", "gif", "rgb8"), ("a.ts", "mpeg2video", "yuv420p")])
def test_what_was_encoded_is_read(tmp_path, name, codec, pix_fmt):
    write(tmp_path / name, [picture(96, 128)] * 7, codec, pix_fmt)
    frames = read(tmp_path / name)
    assert [frame.number for frame in frames] == list(range(7))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(7) / 25, atol=2e-3)
    for frame in frames:
        assert frame.image.shape == (96, 128, 3)
        near(frame.image, CORNERS, 100 if pix_fmt == "rgb8" else 28)


def test_grey_is_rgb(tmp_path):
    frame, *_ = read(write(tmp_path / "a.mkv", [picture(48, 64)] * 2, "ffv1", "gray"))
    assert frame.image.shape == (48, 64, 3) and (np.ptp(frame.image.astype(int), 2) <= 1).all()


@pytest.mark.parametrize("height, width", [(1, 1), (37, 53), (2, 200), (241, 3)])
def test_odd_sizes(tmp_path, height, width):
    image = np.random.RandomState(0).randint(0, 256, (height, width, 3)).astype(np.uint8)
    frame, = read(write(tmp_path / "a.mkv", [image], "ffv1", "bgr0"))
    assert np.array_equal(frame.image, image)


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_phones_flag_turns_the_frames(tmp_path, rotation):
    with open_video(write(tmp_path / "a.mp4", [picture(96, 128)] * 3, rotation=rotation)) as opened:
        frames = list(opened.frames())
        size = (96, 128) if rotation == 180 else (128, 96)
        assert (opened.height, opened.width) == frames[0].image.shape[:2] == size
    near(frames[0].image, corners(np.rot90(picture(96, 128), rotation // 90)))  # the flag counts counterclockwise


ONE = 1 << 16


@pytest.mark.parametrize("matrix, expected", [  # as headless Chromium shows them
    ((-ONE, 0, 0, ONE), "GRWB"), ((ONE, 0, 0, -ONE), "BWRG"), ((0, ONE, ONE, 0), "RBGW"),
    ((0, -ONE, -ONE, 0), "WGBR"), ((0, ONE, -ONE, 0), "BRWG"), ((-ONE, 0, 0, -ONE), "WBGR"),
    ((ONE, 0, 0, ONE), "RGBW"),
    ((65287, 5712, -5712, 65287), "RGBW"), ((65287, -5712, 5712, 65287), "RGBW"),  # 5 degrees, either way
    ((5712, 65287, -65287, 5712), "RGBW"), ((-65287, -5712, -5712, 65287), "RGBW"),  # 85; 5 and mirrored
    ((11, ONE, -ONE, 11), "RGBW"), ((2 * ONE, 0, 0, 2 * ONE), "RGBW"), ((0, 0, 0, 0), "RGBW")])
def test_a_display_matrix_is_followed_as_browsers_do(tmp_path, matrix, expected):
    path = set_matrix(write(tmp_path / "a.mp4", [picture(96, 128)] * 2, rotation=90), *matrix)
    frame, *_ = read(path)
    assert frame.image.shape == ((128, 96, 3) if matrix[0] == 0 == matrix[3] and any(matrix) else (96, 128, 3))
    near(frame.image, CORNERS[["RGBW".index(letter) for letter in expected]])


def test_pixels_that_are_not_square_are_widened(tmp_path):
    frame, *_ = read(write(tmp_path / "a.mp4", [picture(96, 64)] * 2, ratio=Fraction(2, 1)))
    assert frame.image.shape == (96, 128, 3)
    near(frame.image, CORNERS)


def test_a_variable_rate_keeps_its_times(tmp_path):
    times = [0, 40, 80, 500, 540, 1700]
    frames = read(write(tmp_path / "a.mkv", [picture(48, 64)] * 6, times=times))
    np.testing.assert_allclose([frame.time for frame in frames], np.array(times) / 1000, atol=2e-3)


def test_times_count_from_the_first_frame(tmp_path):
    frames = read(write(tmp_path / "a.mkv", [picture(48, 64)] * 3, times=[5000, 5040, 5090]))
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.04, 0.09], atol=2e-3)


@pytest.mark.parametrize("name, codecs, start, sound, expected", [  # as headless Chromium counts, where it plays them
    ("a.mp4", ("libx264", "aac"), 3, 0, 3), ("a.mov", ("libx264", "aac"), 3, 0, 3),
    ("a.mkv", ("libx264", "aac"), 3, 0, 3), ("a.webm", ("libvpx-vp9", "libopus"), 3, 0, 3),
    ("a.mp4", ("libx264", "aac"), 0, 2, 0), ("a.webm", ("libvpx-vp9", "libopus"), 0, 0, 0),
    ("a.mp4", ("libx264", "aac"), 5, 5, 5), ("a.webm", ("libvpx-vp9", "libopus"), 5, 4.5, 5),
    ("a.ts", ("libx264", "aac"), 3, 0, 3), ("a.ts", ("libx264", "aac"), 50, 48, 2)])
def test_the_players_clock(tmp_path, name, codecs, start, sound, expected):
    images = [np.full((48, 64, 3), level, np.uint8) for level in range(20, 220, 20)]
    frames = read(write_with_sound(tmp_path / name, images, start, sound, codecs=codecs))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(10) / 25, atol=2e-3)
    np.testing.assert_allclose([frame.media_time for frame in frames], expected + np.arange(10) / 25, atol=0.03)


def test_a_picture_that_begins_at_0_has_one_clock(tmp_path):
    for frame in read(write_with_sound(tmp_path / "a.mp4", [picture(48, 64)] * 30)):
        assert frame.media_time == frame.time  # to the bit


def test_a_folder_is_read_in_the_order_of_its_numbers(tmp_path):
    for number in 2, 10, 1:
        Image.fromarray(np.full((8, 9, 3), number, np.uint8)).save(str(tmp_path / ("f%d.png" % number)))
    (tmp_path / "notes.txt").write_text("no image")
    frames = read(tmp_path, rate=10)
    assert [frame.image[0, 0, 0] for frame in frames] == [1, 2, 10]
    assert [frame.time for frame in frames] == [0, 0.1, 0.2]


def test_standard_input(tmp_path, monkeypatch):
    path = write(tmp_path / "a.mkv", [picture(48, 64)] * 4)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(path.open("rb")))
    assert len(read("-")) == 4


def test_frames_without_times_at_the_start_are_a_usual_frame_apart(tmp_path, monkeypatch):
    path, decoded = write(tmp_path / "a.mkv", [picture(48, 64)] * 8), Decoded._pictures

    def pictures(video):
        for i, frame in enumerate(decoded(video)):
            if i < 3:
                frame.pts = None
            yield frame
    monkeypatch.setattr(Decoded, "_pictures", pictures)
    np.testing.assert_allclose([frame.time for frame in read(path)], np.arange(8) / 25, atol=2e-3)


def test_a_raw_dv_has_the_rate_of_its_frames(tmp_path):
    path = write(tmp_path / "a.dv", [np.full((576, 720, 3), 90, np.uint8)] * 12, "dvvideo")
    with open_video(path) as opened:
        assert (opened.rate, opened.count) == (25, 12)
        np.testing.assert_allclose([frame.time for frame in opened.frames()], np.arange(12) / 25, atol=1e-3)
        assert not opened.damage


# What is no video, or a damaged one.

def refused(source, *words, **options):
    with pytest.raises(Problem) as caught:
        read(source, **options)
    text = str(caught.value)
    assert text.startswith(str(source)) and "\n" not in text and all(word in text for word in words), text


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video at all\n" * 50)
    (tmp_path / "noise.mkv").write_bytes(np.random.RandomState(0).bytes(5000))
    (tmp_path / "folder").mkdir()
    whole = write(tmp_path / "whole.mp4", [picture(48, 64)] * 20).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[:len(whole) // 2])
    for name in "empty.mp4", "text.mp4", "noise.mkv", "cut.mp4":
        refused(tmp_path / name, "not a video")
    refused(tmp_path / "none.mp4", "no such file")
    refused(tmp_path / "folder", "no images")
    (tmp_path / "folder" / "a.png").write_bytes(b"no image")
    with pytest.raises(Problem, match="a.png: unreadable"):
        read(tmp_path / "folder")


def test_an_image_that_cannot_be_read_is_a_frame_that_shows_nothing(tmp_path):
    for i in range(8, 13):
        Image.fromarray(np.full((48, 64, 3), i, np.uint8)).save(str(tmp_path / ("%d.png" % i)))
    for name in "8.png", "11.png":
        (tmp_path / name).write_bytes(b"no image")
    for name in "._9.png", "Thumbs.db", ".DS_Store", "notes.txt":
        (tmp_path / name).write_bytes(b"no frame")
    (tmp_path / "13.png").mkdir()
    with open_video(tmp_path, rate=10) as opened:
        frames = list(opened.frames())
        assert [frame.image[0, 0, 0] for frame in frames] == [0, 9, 10, 0, 12]
        assert {frame.image.shape for frame in frames} == {(48, 64, 3)}
        assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
        assert opened.damage == "%s: 2 of 5 images could not be read (8.png, 11.png)" % tmp_path


def test_no_camera():
    with pytest.raises(Problem, match="^camera 93: "):
        read("93")


def test_sound_alone_is_no_video(tmp_path):
    with av.open(str(tmp_path / "a.m4a"), "w") as file:
        stream = file.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.rate = 8000
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    refused(tmp_path / "a.m4a", "no video in it, only audio")


def test_a_video_without_frames(tmp_path):
    with av.open(str(tmp_path / "a.avi"), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 64, 48
        file.start_encoding()
    with pytest.raises(Problem, match="not one frame|not a video"):
        read(tmp_path / "a.avi")


def test_damage_is_told_when_all_is_read(tmp_path):
    noise = np.random.RandomState(0).randint(0, 256, (200, 48, 64, 3)).astype(np.uint8)
    whole = write(tmp_path / "whole.mp4", noise, movflags="faststart").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[:len(whole) // 2])
    with open_video(tmp_path / "cut.mp4") as opened:
        count = sum(1 for _ in opened.frames())
        assert 20 < count < 180 and "damaged" in opened.damage and opened.count == 200
    with open_video(tmp_path / "whole.mp4") as opened:
        assert sum(1 for _ in opened.frames()) == 200 and not opened.damage


@pytest.mark.parametrize("name, codecs", [("a.webm", ("libvpx-vp9", "libopus")), ("a.mkv", ("libx264", "aac")),
                                          ("a.mp4", ("libx264", "aac")), ("a.ts", ("libx264", "aac"))])
@pytest.mark.parametrize("start", [0, 3])
def test_longer_sound_is_no_damage(tmp_path, name, codecs, start):
    path = write_with_sound(tmp_path / name, [picture(48, 64)] * 30, start, seconds=5 + start, codecs=codecs)
    with open_video(path) as opened:
        assert sum(1 for _ in opened.frames()) == 30 and opened.damage == ""


@pytest.mark.parametrize("name, codecs", [("a.webm", ("libvpx-vp9", "libopus")), ("a.mkv", ("libx264", "aac")),
                                          ("a.mp4", ("libx264", "aac"))])
def test_a_file_cut_in_its_last_second_is_damaged(tmp_path, monkeypatch, name, codecs):
    noise = np.random.RandomState(0).randint(0, 256, (50, 48, 64, 3)).astype(np.uint8)
    whole = write_with_sound(tmp_path / "whole.mkv" if name != "a.mp4" else tmp_path / name, noise, codecs=codecs)
    if name == "a.mp4":  # its index in front, as in what streams
        with av.open(str(whole)) as source, av.open(str(tmp_path / "whole.mp4"), "w",
                                                    options={"movflags": "faststart"}) as copy:
            streams = {stream.index: copy.add_stream_from_template(stream) for stream in source.streams}
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    copy.mux(packet)
        whole = tmp_path / "whole.mp4"
    content = whole.read_bytes()
    for share in 0.96, 0.9, 0.8:
        (tmp_path / name).write_bytes(content[:int(share * len(content))])
        with open_video(tmp_path / name) as opened:
            count = sum(1 for _ in opened.frames())
            assert 35 < count < 50 and opened.damage.startswith("%s: damaged: " % (tmp_path / name)), (share, count)
    with open_video(whole) as opened:
        assert sum(1 for _ in opened.frames()) == 50 and opened.damage == ""


def test_uploads_may_not_name_other_files(tmp_path):
    inner = write(tmp_path / "inner.mp4", [picture(48, 64)] * 3)
    assert len(read(inner, formats=UPLOAD_FORMATS)) == 3
    for name, text in [("list.mp4", "ffconcat version 1.0\nfile %s\n"),
                       ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n%s\n#EXT-X-ENDLIST\n")]:
        (tmp_path / name).write_text(text % inner.name)
        refused(tmp_path / name, formats=UPLOAD_FORMATS)


@needs_shared
@pytest.mark.parametrize("name, count, size", [("single_face.mp4", 72, (360, 640)), ("no_face.mp4", 95, (540, 960)),
                                               ("face_noface.mov", 169, (540, 960))])
def test_the_shared_videos(name, count, size):
    with open_video(SHARED / "video" / name) as opened:
        frames = list(opened.frames())
        assert opened.damage == ""
    assert len(frames) == count and frames[0].image.shape[:2] == size
    assert (np.diff([frame.time for frame in frames]) > 0).all()
