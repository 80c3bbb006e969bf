"""Videos as they are read: against what was encoded, for every kind that people have."""
import io
import os
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from pain.errors import Problem
from pain.video.source import UPLOAD_FORMATS, Decoded, open_video
from support.project import SHARED, needs_shared
from support.videos import CORNERS, picture, read, refused, set_matrix, write, write_with_sound


def corners(image):
    """The colours in the corners of an image, (4, 3)."""
    h, w = image.shape[0] // 6, image.shape[1] // 6
    return np.array([image[y, x] for y in (h, -h) for x in (w, -w)], int)


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


def test_a_picture_with_exif_is_turned_as_it_says(tmp_path):
    """FFmpeg gives its EXIF as side data that PyAV does not know."""
    image, exif = Image.fromarray(picture(96, 128)), Image.Exif()
    exif[0x112], exif[0x10f] = 6, "a camera"
    image.save(str(tmp_path / "a.jpg"), exif=exif, quality=95)
    frame, = read(tmp_path / "a.jpg")
    near(frame.image, corners(np.rot90(picture(96, 128), -1)))


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


def test_times_rise_by_what_a_curve_tells_apart(tmp_path, monkeypatch):
    path, decoded = write(tmp_path / "a.mkv", [picture(48, 64)] * 8, times=[1000 + 333 * i for i in range(8)]), \
        Decoded._pictures

    def pictures(video):
        for i, frame in enumerate(decoded(video)):
            frame.pts += {3: 1 << 60, 4: -333, 5: -666, 6: -5000}.get(i, 0)
            yield frame
    monkeypatch.setattr(Decoded, "_pictures", pictures)
    for field in "time", "media_time":
        times = ["%.6f" % getattr(frame, field) for frame in read(path)]
        assert (np.diff(np.array(times, float)) > 0).all() and float(times[-1]) - float(times[0]) == 333 * 7 / 1000


def test_a_raw_dv_has_the_rate_of_its_frames(tmp_path):
    path = write(tmp_path / "a.dv", [np.full((576, 720, 3), 90, np.uint8)] * 12, "dvvideo")
    with open_video(path) as opened:
        assert (opened.rate, opened.count) == (25, 12)
        np.testing.assert_allclose([frame.time for frame in opened.frames()], np.arange(12) / 25, atol=1e-3)
        assert not opened.damage


def test_cameras(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for source in "93", 93:
        with pytest.raises(Problem, match="^camera 93: "):
            read(source)
    refused("093", "no such file")
    refused("\u00b2", "no such file")  # a digit, for Python
    write(tmp_path / "93.mkv", [picture(48, 64)]).rename(tmp_path / "93")
    Image.new("RGB", (9, 8)).save(str(tmp_path / "a.png"))
    (tmp_path / "042").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "042" / "a.png")
    assert read("93")[0].image.shape == (48, 64, 3) and read("042")[0].image.shape == (8, 9, 3)


@pytest.mark.parametrize("name", ["P1:visit.mp4", "http:visit.mp4", "data:.mp4", "50%d.mp4", "a b#?.mp4", "-a.mp4",
                                  os.fsdecode(b"M\xfcller.mp4")])
def test_a_file_may_be_called_anything(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.mp4", [picture(48, 64)] * 2).rename(name)
    assert len(read(name)) == len(read(tmp_path / name, formats=UPLOAD_FORMATS)) == 2
    with open_video(name) as opened, pytest.raises(Problem, match="no such file"):
        opened.name.encode()
        read(name + ".none")


def test_an_address_is_asked_for():
    refused("http://127.0.0.1:9/visit.mp4", "cannot be opened: Connection refused")


def two_videos(path, *sizes):
    """A file of several videos, with sound in between, of as many frames as they are wide."""
    with av.open(str(path), "w") as file:
        streams = []
        for width, height in sizes:
            streams.append(file.add_stream("libx264", rate=25))
            streams[-1].width, streams[-1].height, streams[-1].pix_fmt = width, height, "yuv420p"
            sound = file.add_stream("aac", rate=8000)
        for stream in streams:
            for _ in range(stream.width // 16):
                image = np.zeros((stream.height, stream.width, 3), np.uint8)
                file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            file.mux(stream.encode())
        file.mux(sound.encode())
    return path


def test_the_largest_video_of_several(tmp_path):
    path = two_videos(tmp_path / "a.mkv", (32, 32), (64, 48), (64, 48))
    for number, width in (None, 64), (0, 32), (2, 64):
        with open_video(path, stream=number) as opened:
            assert (opened.width, opened.stream) == (width, 2 if number is None else number)
            assert len(list(opened.frames())) == width // 16
            assert bool(opened.note) == (number is None)
    assert all(words in open_video(path).note for words in ("0 of 32 x 32 pixels, 2 of 64 x 48", "this is 2; --stream"))
    refused(path, "--stream 1 is no video", "0 of 32 x 32", stream=1)
    with open_video(write(tmp_path / "b.mp4", [picture(48, 64)])) as opened:
        assert opened.stream is None and opened.note == ""
    with pytest.raises(Problem, match="--stream"):
        open_video(tmp_path, stream=0)


def test_a_title_in_any_encoding(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as file:
        file.metadata["title"] = "M(ller"
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.metadata["title"] = "M(ller"
        file.mux(stream.encode(av.VideoFrame.from_ndarray(picture(48, 64), format="rgb24")))
        file.mux(stream.encode())
    content = (tmp_path / "a.mkv").read_bytes()
    assert content.count(b"M(ller") == 2
    (tmp_path / "a.mkv").write_bytes(content.replace(b"M(ller", b"M\xfcller"))
    assert len(read(tmp_path / "a.mkv")) == 1


@needs_shared
@pytest.mark.parametrize("name, count, size", [("single_face.mp4", 72, (360, 640)), ("no_face.mp4", 95, (540, 960)),
                                               ("face_noface.mov", 169, (540, 960))])
def test_the_shared_videos(name, count, size):
    with open_video(SHARED / "video" / name) as opened:
        frames = list(opened.frames())
        assert opened.damage == ""
    assert len(frames) == count and frames[0].image.shape[:2] == size
    assert (np.diff([frame.time for frame in frames]) > 0).all()
