"""curve.json: strict JSON, whole or not there."""
import json

import numpy as np
import pytest

from pain.notice import notice
from pain.provenance import ARCHIVE, KINDS, Data, Origin, as_dict
from pain.video.curve import INTERPOLATED, no_face, write_json
from pain.video.smoothing import Filter
from pain.video.summary import summary
from support.curves import BOX, curve, row


def read_strictly(path):
    def none_such(name):
        raise AssertionError("%s is no JSON" % name)
    return json.loads(path.read_text(encoding="utf-8"), parse_constant=none_such)


def test_json(tmp_path):
    rows = [row(0, 0., 1.25), row(1, 0.1, np.nan, doubt="blur"), no_face(2, 0.2, 0), row(3, 0.3, 2., face=INTERPOLATED)]
    about = {"source": "ü.mp4", "models": ["a"]}
    write_json(tmp_path / "new" / "curve.json", about, Filter("median", 0.5), summary(about, rows), rows)
    made = read_strictly(tmp_path / "new" / "curve.json")
    assert made["notice"] == notice(Origin()) and made["about"] == about and made["summary"] == summary(about, rows)
    assert made["smoothing"] == {"kind": "median", "seconds": 0.5}
    first, doubted, nobody, guessed = made["curve"]
    assert (first["frame"], first["time_s"], first["person"], first["face"]) == (0, 0, 1, "found")
    assert first["box"] == BOX.tolist() and first["landmarks"]["right_eye"] == [2, 3] and first["intensity"] == 1.25
    assert first["doubt"] is first["smoothed"] is doubted["intensity"] is nobody["box"] is nobody["landmarks"] is None
    assert doubted["doubt"] == "blur" and guessed["confidence"] is None and len(guessed["landmarks"]) == 5
    write_json(tmp_path / "empty.json", {}, None, summary({}, []), [])
    empty = read_strictly(tmp_path / "empty.json")
    assert empty["curve"] == [] and empty["smoothing"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_the_nets_learned_from(tmp_path, kind):
    origin = Origin(Data(kind), "mse", 400)
    write_json(tmp_path / "curve.json", {"origin": as_dict(origin)}, None, {}, curve([0, 1], [1, 2]))
    text = (tmp_path / "curve.json").read_text(encoding="utf-8")
    assert json.loads(text)["notice"] == notice(origin) and ("patients" in text) == (kind == ARCHIVE)


def test_json_is_whole_or_not_there(tmp_path):
    (tmp_path / "curve.json").write_text("old")
    with pytest.raises(ValueError):
        write_json(tmp_path / "curve.json", {}, None, {"mean": float("nan")}, curve([0], [1]))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("curve.json", "old")]
