"""Where nets come from: records that fit their file's bytes or claim nothing, and what is said of each kind."""
import json
import os
import shutil

import pytest

from pain import notice
from pain.datasets import unbc
from pain.datasets.kinds import kind_of_people, kind_of_videos
from pain.provenance import (
    ARCHIVE,
    KINDS,
    OWN,
    SYNTHETIC,
    UNKNOWN,
    Data,
    Origin,
    Start,
    as_dict,
    from_dict,
    least_trustworthy,
    merged,
    origin_of,
    read_origin,
    record_of,
    start_from,
    write_csv_with_origin,
    write_origin,
)

FOLD = Origin(Data(SYNTHETIC, 4, 480, (300, 60, 50, 40, 20, 10), ("01-001-sy001",)), "smooth_l1", 400,
              Start("face_verification.caffemodel", "0" * 64, OWN), "caffe", "2026-11-26")
ORIGINS = [FOLD._replace(data=FOLD.data._replace(kind=kind)) for kind in KINDS] + [Origin()]


@pytest.fixture
def net(tmp_path):
    """A file with the record of FOLD."""
    path = tmp_path / "pain_iter_400.caffemodel"
    path.write_bytes(b"weights")
    write_origin(path, FOLD)
    return path


def test_a_table_is_nowhere_without_its_record(tmp_path, monkeypatch):
    """By the table a step is told done, and a kill may come at any time."""
    table, replace, there = tmp_path / "predictions.csv", os.replace, []

    def replace_and_look(partial, path):
        replace(partial, path)
        there.append(table.exists() and read_origin(table))
    monkeypatch.setattr(os, "replace", replace_and_look)
    for rows in [[(1, 2)], [(3, 4)]]:
        write_csv_with_origin(table, ("a", "b"), rows, FOLD)
    assert there == [False, FOLD, Origin(), FOLD]
    assert table.read_text() == "a,b\n3,4\n"


def test_a_record_says_where_the_file_comes_from(net):
    assert read_origin(net) == FOLD and FOLD.kind == SYNTHETIC
    assert [path.name for path in sorted(net.parent.iterdir())] == [net.name, "pain_iter_400.origin.json"]
    record = json.loads(record_of(net).read_text())
    assert record["data"]["kind"] == "synthetic" and record["data"]["histogram"] == [300, 60, 50, 40, 20, 10]
    elsewhere = net.parent / "copy"
    elsewhere.mkdir()
    for path in net, record_of(net):  # both together are as good elsewhere
        shutil.copy(str(path), str(elsewhere))
    assert read_origin(elsewhere / net.name) == FOLD


def test_a_file_that_was_changed_renamed_or_dropped_in_is_of_unknown_origin(net):
    other = net.parent / "other.caffemodel"
    shutil.copy(str(net), str(other))
    assert read_origin(other) == Origin() and Origin().kind == UNKNOWN
    other.write_bytes(b"other weights")
    other.replace(net)  # in the place of the one that was trained
    assert read_origin(net) == Origin()
    net.write_bytes(b"weights")
    assert read_origin(net) == FOLD
    with open(str(net), "ab") as file:
        file.write(b"\0")
    assert read_origin(net) == Origin()
    net.unlink()
    assert read_origin(net) == Origin()


@pytest.mark.parametrize("change", [
    lambda record: record.pop("sha256"), lambda record: record.pop("data"), lambda record: record.pop("start"),
    lambda record: record["data"].update(kind="certified"), lambda record: record["start"].update(kind=""),
    lambda record: record["data"].update(histogram=["many"]), lambda record: record["data"].update(histogram=5),
    lambda record: record.update(approved_by="me"), lambda record: record.update(data=[1])])
def test_a_record_of_something_else_claims_nothing(net, change):
    record = json.loads(record_of(net).read_text())
    change(record)
    record_of(net).write_text(json.dumps(record))
    assert read_origin(net) == Origin()


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"3", b"null", b"\xff\xfe", b"[" * 10 ** 5])
def test_a_record_that_is_none_claims_nothing(net, text):
    record_of(net).write_bytes(text)
    assert read_origin(net) == Origin()


@pytest.mark.parametrize("origin", ORIGINS, ids=lambda origin: origin.kind)
def test_as_json_and_back(origin):
    assert from_dict(json.loads(json.dumps(as_dict(origin)))) == origin


def test_several_nets_are_as_trustworthy_as_the_least(net):
    second = FOLD._replace(data=FOLD.data._replace(left_out=("02-002-sy002",)))
    both = merged([FOLD, second])
    assert both == FOLD._replace(data=FOLD.data._replace(left_out=("01-001-sy001", "02-002-sy002")))
    archive = Origin(Data(ARCHIVE, 25, 48391, unbc.HISTOGRAM, ("01-042-ll042",)), "smooth_l1", 5000)
    mixed = merged([archive, FOLD])
    assert mixed.mixed and mixed.kind == SYNTHETIC and mixed.training == "smooth_l1" and mixed.start == FOLD.start
    assert (mixed.iterations, mixed.data.subjects, mixed.data.frames, mixed.data.histogram) == (0, 0, 0, ())
    assert merged([archive, Origin()]).kind == UNKNOWN and merged([archive]) == archive
    assert merged([mixed, mixed]).mixed
    assert [least_trustworthy(KINDS[:i]) for i in range(1, 5)] == [ARCHIVE, OWN, UNKNOWN, SYNTHETIC]
    assert origin_of([net, net]) == FOLD
    assert origin_of([net, net.parent / "none.caffemodel"]).mixed


def test_what_a_training_starts_from_is_as_trustworthy_as_all_that_went_into_it(net):
    write_origin(net, FOLD._replace(data=Data(OWN), start=None))
    assert start_from(net)._replace(sha256="") == Start(net.name, "", OWN)
    write_origin(net, FOLD._replace(data=Data(OWN), start=Start("first", "", SYNTHETIC)))
    assert start_from(net).kind == SYNTHETIC
    write_origin(net, FOLD._replace(data=Data(SYNTHETIC), start=Start("first", "", ARCHIVE)))
    assert start_from(net).kind == SYNTHETIC
    record_of(net).unlink()
    assert start_from(net).kind == UNKNOWN


# What data is.

def archive():
    """{subject: frames}, as the archive has them: the names of two are known, and the numbers of all."""
    names = ["%03d-ab%03d" % (i, i) for i in range(43, 68)]
    names[0] = "042-ll042"
    names[-1] = "095-tv095"
    frames = dict(zip(names, unbc.FRAMES_PER_SUBJECT))
    frames["095-tv095"] += 7
    return frames


def test_only_what_looks_like_the_archive_is_the_archive(tmp_path):
    frames = archive()
    assert sum(frames.values()) == 48398 and kind_of_videos(tmp_path, frames) == ARCHIVE
    assert kind_of_videos(tmp_path, dict(frames, **{"042-ll042": 2134 - 42})) == ARCHIVE  # a few files lost
    assert kind_of_videos(tmp_path, dict(frames, **{"042-ll042": 2134 - 43})) == OWN
    assert kind_of_videos(tmp_path, {name: count for name, count in frames.items() if name != "050-ab050"}) == OWN
    assert kind_of_videos(tmp_path, {name.replace("ll", "xx"): count for name, count in frames.items()}) == OWN
    assert kind_of_videos(tmp_path, {"a": 10, "b": 20}) == OWN and kind_of_videos(tmp_path, {}) == OWN


def test_drawn_data_says_so(tmp_path):
    from pain.datasets.synthetic.folder import make_once
    make_once(tmp_path / "videos", draw=lambda folder, frames: None, frames=1)
    assert kind_of_videos(tmp_path / "videos", {"001-sy001": 1}) == SYNTHETIC
    assert kind_of_videos(tmp_path / "videos", archive()) == SYNTHETIC
    assert kind_of_people(tmp_path / "videos") == SYNTHETIC and kind_of_people(tmp_path) == OWN


# What is said.

def test_every_kind_has_its_sentences():
    for sentences in notice.LEADS, notice.NOTICES, notice.SHORT_NOTICES, notice.LEARNED_FROM:
        assert set(sentences) == set(KINDS)
    assert max(map(len, notice.SHORT_NOTICES.values())) <= 45
    assert "PSPI, what observers code as pain in the faces of patients with shoulder pain" in notice.notice(ORIGINS[0])


@pytest.mark.parametrize("origin", [origin for origin in ORIGINS if origin.kind != ARCHIVE],
                         ids=lambda origin: origin.kind)
def test_only_nets_of_the_archive_have_seen_patients(origin):
    said = [notice.notice(origin), notice.short_notice(origin), *notice.terminal_lines(origin)]
    assert not any("patient" in text or "shoulder" in text or "UNBC" in text for text in said)
    for text in said[0], said[1], said[3]:
        assert {SYNTHETIC: "synthetic", OWN: "own", UNKNOWN: "unknown origin"}[origin.kind] in text
    assert "not a medical device" in said[0]


def test_the_description_tells_all_that_is_known():
    assert notice.description(FOLD) == (
        "smooth_l1, fold 01-001-sy001, 400 iterations; learned from synthetic faces, drawn by a program: 4 subjects, "
        "480 frames (of intensities 0 to 5: 300, 60, 50, 40, 20, 10); fine-tuned from face_verification.caffemodel "
        "(its owner's own labelled data)")
    archive = Origin(Data(ARCHIVE, 25, 48391, unbc.HISTOGRAM, ("01", "02", "03")), "l1_center_l1", 5000)
    assert notice.description(archive) == (
        "l1_center_l1, 3 folds, 5,000 iterations; learned from the UNBC-McMaster archive: 25 subjects, 48,391 frames "
        "(of intensities 0 to 5: 40,022, 2,909, 2,351, 1,412, 1,044, 653)")
    assert "make train" in notice.description(Origin())


def test_a_synthetic_start_and_a_mixture_are_said():
    archive = Origin(Data(ARCHIVE), "smooth_l1", start=Start("trunk", "", SYNTHETIC))
    usual = notice.notice(archive._replace(start=None))
    assert notice.notice(archive) == usual + " It was fine-tuned from a net that had learned from synthetic faces."
    assert notice.notice(archive._replace(start=Start("face_model", "", UNKNOWN))) == usual
    mixed = notice.notice(merged([archive, Origin()]))
    assert notice.MIXED in mixed and notice.NOTICES[UNKNOWN] in mixed and "patients" not in mixed
