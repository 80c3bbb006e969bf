"""Live pictures: each answered with its rows, between the frames of a video, and none kept."""
import contextlib
import io
import json
import struct

import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from pain.page import uploads
from pain.page.worker import Nets, Worker
from support.pages import Light, named, wait
from support.processes import PATIENCE


def jpeg(level, size=(64, 48)):
    file = io.BytesIO()
    Image.new("RGB", size, (level,) * 3).save(file, "JPEG")
    return file.getvalue()


def between_frames(served, line):
    """The answer to a picture while the frames of a video go on, one by one."""
    def answer():
        served.estimator.steps.release()
        with contextlib.suppress(TimeoutError):
            return line.recv(timeout=0.05)
    return json.loads(wait(answer))


def test_live_pictures(served, grey):
    served.estimator.gate.clear()
    job = served.upload(grey)
    served.until(job, "running")
    with connect(served.origin.replace("http", "ws") + "/api/live", origin=served.origin) as line:
        moments = []
        for level in 51, 204:
            line.send(jpeg(level))
            answer = named(between_frames(served, line))
            moments.append(answer["time"])
            assert (answer["width"], answer["height"]) == (64, 48)
            assert answer["rows"][0]["intensity"] == pytest.approx(level / 51, abs=0.05)
            assert answer["rows"][0]["time_s"] == round(moments[-1], 6)
        assert 0 <= moments[0] < moments[1]
        line.send(b"no picture")
        assert "no whole JPEG" in json.loads(line.recv(timeout=PATIENCE))["error"]
        line.send(jpeg(9)[:-200])
        assert "no whole JPEG" in json.loads(line.recv(timeout=PATIENCE))["error"]
        line.send(jpeg(9, (2000, 8)))
        assert "pixels a side" in json.loads(line.recv(timeout=PATIENCE))["error"]
        content = bytearray(jpeg(9))
        size = content.index(b"\xff\xc0") + 5
        for sides in 65000, 0:
            content[size:size + 4] = struct.pack(">HH", sides, sides)
            line.send(bytes(content))
            assert "no whole JPEG" in json.loads(line.recv(timeout=PATIENCE))["error"]
        line.send("a text")
        assert "a text is no picture" in json.loads(line.recv(timeout=PATIENCE))["error"]
        served.estimator.rate_picture = lambda *_: 1 / 0
        line.send(jpeg(9))
        assert "something went wrong here" in between_frames(served, line)["error"]
        del served.estimator.rate_picture
        line.send(jpeg(204))
        assert between_frames(served, line)["rows"]
    with connect(served.origin.replace("http", "ws") + "/api/live") as line:
        line.send(bytes(uploads.PICTURE_BYTES + 1))
        with pytest.raises(ConnectionClosed):
            line.recv(timeout=PATIENCE)
    served.estimator.gate.set()
    served.until(job, "done")
    assert [path.name for path in served.files()] == ["curve.about.json", "curve.csv", "video"]  # no picture was kept


def test_pictures_without_end_do_not_stop_a_video():
    worker = Worker({"": Nets(Light(), {})})
    worker.estimator.rate_picture = worker.picture  # each asks for the next one
    worker.picture(None, 0.)
    worker.take_pictures()
    assert len(worker.pictures) == 1
