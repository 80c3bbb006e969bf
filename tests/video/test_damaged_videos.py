"""What is no video, or a damaged one, or one that would fill the memory."""
import gc
import io
import weakref
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from pain.errors import Problem
from pain.video.source import UPLOAD_FORMATS, open_video
from support.videos import picture, read, refused, write, write_with_sound


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


def test_what_ffmpeg_cannot_decode(tmp_path):
    content = write(tmp_path / "a.mp4", [picture(48, 64)] * 3).read_bytes()
    (tmp_path / "a.mp4").write_bytes(content.replace(b"avc1\0", b"zzz1\0").replace(b"avc1", b"zzz1"))
    refused(tmp_path / "a.mp4", "no decoder", "convert it")


def mjpeg(path, *sizes):
    """An AVI of grey pictures of these sizes, width and height, whatever its head says of the first."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg", rate=25)
        (stream.width, stream.height), stream.pix_fmt = sizes[0], "yuvj420p"
        file.start_encoding()
        for i, size in enumerate(sizes):
            jpeg = io.BytesIO()
            Image.new("L", size, 90).save(jpeg, "JPEG")
            packet = av.Packet(jpeg.getvalue())
            packet.pts = packet.dts = i
            packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 25), stream, True
            file.mux(packet)
    return path


def test_frames_that_are_too_large(tmp_path):
    refused(write(tmp_path / "a.mp4", [picture(260, 72)], ratio=Fraction(255, 1)), "frames of 18360 x 260 pixels")
    refused(mjpeg(tmp_path / "a.avi", (8200, 8000)), "frames of 8200 x 8000 pixels")
    with open_video(mjpeg(tmp_path / "b.avi", (64, 48), (64, 48), (8200, 8000), (64, 48))) as opened:
        assert [frame.image.shape for frame in opened.frames()] == [(48, 64, 3)] * 3
        assert opened.damage == "%s: damaged: 1 piece of it could not be decoded" % (tmp_path / "b.avi")


def test_a_folders_images_may_not_be_too_large_either(tmp_path):
    Image.new("L", (8200, 8000)).save(str(tmp_path / "1.png"))
    with pytest.raises(Problem, match="1.png: unreadable: 8200 x 8000 pixels"):
        read(tmp_path)


def test_frames_are_freed_at_once(tmp_path):
    """Not only when Python looks for circles."""
    path = write(tmp_path / "a.mkv", [picture(48, 64)] * 20)
    gc.collect()
    gc.disable()
    try:
        before = sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())
        with open_video(path) as opened:
            for _ in opened.frames():
                pass
            assert sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects()) - before < 4
    finally:
        gc.enable()


def test_a_closed_video_holds_no_decoder(tmp_path):
    path = write(tmp_path / "a.mkv", [picture(48, 64)] * 20)
    gc.collect()
    gc.disable()
    try:
        with open_video(path) as opened:
            pass
        opened = weakref.ref(opened)
        assert opened() is None
    finally:
        gc.enable()


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
