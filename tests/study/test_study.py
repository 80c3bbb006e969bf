"""A study's table: figures by hand, whoever belongs to whom, and the command on a folder with a bad curve."""
import json
import os
import sys

import numpy as np
import pandas
import pytest

from pain.errors import Problem
from pain.people_tables import parse_people_table
from pain.study.participants import Named, columns_of, partners, read_participants
from pain.study.people import find_curves, people_of
from pain.study.table import study_table, write_parquet, write_study
from pain.video.curve import INTERPOLATED, no_face, write_curve
from pain.video.whole_curve import Curve, read_curve
from pain.video_names import name_pattern, said_by
from support.curves import curve, row
from support.project import assert_one_line_error, run_tool

NETS = {"models/a.caffemodel": "0123456789abcdef"}


def write(folder, source, rows, **about):
    folder.mkdir(parents=True, exist_ok=True)
    write_curve(folder / "curve.csv", dict(source=source, models=NETS, **about), rows)


def wave(seed, frames=60, rate=10.):
    """A random curve, some of it missing or doubted."""
    random = np.random.RandomState(seed)
    values = np.clip(1.8 + 1.4 * np.sin(np.arange(frames) / 8 + seed) + random.normal(0, 0.3, frames), 0, 5).round(6)
    rows = curve(np.arange(frames) / rate + 0.5, values)
    rows[7:9] = [row(i, i / rate + 0.5, np.nan, doubt=why) for i, why in ((7, "pose"), (8, "blur"))]
    rows[9] = row(9, 9 / rate + 0.5, values[9], face=INTERPOLATED)
    rows[10:13] = [no_face(i, i / rate + 0.5, 0) for i in range(10, 13)]
    return rows


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Curves of two arms of two people, of nobody, and one that is cut in its middle; participants; what came out."""
    folder = tmp_path_factory.mktemp("study")
    names = ["sub-%s_ses-2_task-%s" % (sub, task) for sub in ("01", "02") for task in ("arm", "leg")]
    for seed, name in enumerate(names):
        write(folder / "curves" / name, "videos/%s.mp4" % name, wave(seed))
    write(folder / "curves" / "Zo\u00eb 3", "=Zo\u00eb 3.mov", [no_face(i, i / 10, 0) for i in range(5)])
    write(folder / "curves" / "bad", "bad.mp4", wave(9))
    lines = (folder / "curves/bad/curve.csv").read_text().splitlines(True)
    (folder / "curves/bad/curve.csv").write_text("".join(lines[:20] + lines[25:]))
    (folder / "participants.tsv").write_bytes(
        "participant_id\tGroup\tAge\tmean\r\nsub-1\tpatient\t61,5\t4\r\nsub-09\tcontrol\tn/a\t5\r\n".encode("utf-16"))
    done = run_tool("study.py", folder / "curves", "--participants", folder / "participants.tsv",
                    "--above", "2", "1.5", "--out", folder / "out")
    return folder, done


def test_a_bad_curve_is_named_and_the_others_are_done(study):
    folder, done = study
    assert done.returncode == 1 and "Traceback" not in done.stderr
    left_out, failed = done.stderr.splitlines()[-2:]
    assert "bad/curve.csv: line 21: frame 24 in the place of frame 19" in left_out
    assert failed.startswith("study.py: 1 of 6 curves left out")
    table = pandas.read_csv(folder / "out/study.csv", dtype={"sub": str})
    assert list(table["sub"].fillna("")) == ["", "01", "01", "02", "02"] and list(table["task"])[1:3] == ["arm", "leg"]
    assert list(table["video"])[:2] == ["'=Zo\u00eb 3.mov", "videos/sub-01_ses-2_task-arm.mp4"]
    assert set(table["notice"]) == {"net of unknown origin, not a medical device"}
    for text in ("in no row of %s: Zo\u00eb 3; sub-02_ses-2_task-arm; sub-02" % (folder / "participants.tsv"),
                 "but in no video: line 3 (sub-09)", "nobody in it: Zo\u00eb 3"):
        assert text in done.stdout
    about = json.loads((folder / "out/study.about.json").read_text(encoding="utf-8"))
    assert about["above"] == [1.5, 2] and list(about["left_out"]) == ["bad"] and "No record" in about["notice"]


def test_participants_are_joined(study):
    table = pandas.read_csv(study[0] / "out/study.csv", dtype={"sub": str}).set_index(["sub", "task"])
    assert list(table["participant_id"].fillna("")) == ["", "sub-1", "sub-1", "", ""]
    assert list(table.loc["01"]["age"]) == [61.5, 61.5] and set(table.loc["01"]["group"]) == {"patient"}
    assert list(table.loc["01"]["mean_"]) == [4, 4] and table["age"].isna().sum() == 3


def test_figures_by_hand(study):
    table = pandas.read_csv(study[0] / "out/study.csv").set_index("curve")
    for name, made in table.iterrows():
        frames = pandas.read_csv(study[0] / "curves" / name / "curve.csv")
        values = frames["intensity"].dropna()
        assert made["frames"] == len(frames) and made["duration_s"] == pytest.approx(len(frames) / 10)
        for face in "found", "interpolated", "none":
            assert made[face + "_share"] == pytest.approx((frames["face"] == face).mean(), abs=1e-6)
        for doubt in "outside", "pose", "blur", "orientation":
            assert made["doubted_%s_share" % doubt] == pytest.approx((frames["doubt"] == doubt).mean(), abs=1e-6)
        assert made["doubted_share"] == pytest.approx(frames["doubt"].notna().mean(), abs=1e-6)
        if not len(values):
            assert made["person"] == 0 and made[["mean", "area", "above_2_s", "above_2_episodes"]].isna().all()
            continue
        by_hand = dict(mean=values.mean(), median=values.median(), peak=values.max(), area=values.sum() / 10,
                       percentile_95=values.quantile(0.95), intensity_s=len(values) / 10,
                       peak_at_s=frames["media_time_s"][values.idxmax()], above_1_5_s=(values >= 1.5).sum() / 10,
                       above_1_5_share=(values >= 1.5).mean())
        assert {key: made[key] for key in by_hand} == pytest.approx(by_hand, abs=1e-5)
        runs = [part for _, part in frames.groupby((~(frames["intensity"] >= 2)).cumsum())]
        runs = [part[part["intensity"] >= 2]["media_time_s"] for part in runs]
        runs = [(part.min(), part.max() + 0.1) for part in runs if len(part)]
        joined = []
        for first, last in runs:  # less than two frames between episodes are no end
            joined.append((joined.pop()[0] if joined and first - joined[-1][1] < 0.199 else first, last))
        episodes = [last - first for first, last in joined if last - first > 0.199]
        assert made["above_2_episodes"] == len(episodes)
        assert made["above_2_episodes_s"] == pytest.approx(sum(episodes), abs=1e-5)
        if episodes:
            assert made["above_2_longest_s"] == pytest.approx(max(episodes), abs=1e-5)
            assert made["above_2_first_onset_s"] == pytest.approx(
                next(first for first, last in joined if last - first > 0.199), abs=1e-5)
        else:
            assert np.isnan(made["above_2_longest_s"]) and np.isnan(made["above_2_first_onset_s"])


def test_figures_are_those_of_the_curves_own_summary(tmp_path):
    """Which predict_video.py writes into curve.json; of two people, in frames that last unequally, smoothed."""
    times = np.cumsum(np.random.RandomState(1).uniform(0.05, 0.4, 30))
    rows = [one for i, t in enumerate(times) for one in (row(i, t, i % 5, 1), row(i, t, 2.5, 3))]
    made = Curve(dict(source="b.mp4", models=NETS), rows).smoothed("median", 0.5)
    summed_up = made.save(tmp_path / "b")
    people = people_of("b", tmp_path / "b")
    assert [one.person for one in people] == [1, 3]
    for one, theirs in zip(people, summed_up["people"]):
        figures, third = one.figures, theirs["thresholds"][2]
        assert (figures["finished"], figures["smoothing"], figures["of"]) == ("yes", "median:0.5", "smoothed")
        for name in "mean", "median", "percentile_95", "area":
            assert figures[name] == theirs[name]
        assert figures["peak"] == theirs["peak"]["intensity"] and figures["above_3_s"] == third["seconds"]
        assert figures["above_3_episodes"] == len(third["episodes"])
    again = people_of("b", tmp_path / "b", smoothing=read_curve(tmp_path / "b").filter._replace(seconds=1.5))
    assert again[0].figures["smoothing"] == "median:1.5" and again[0].figures["peak"] < people[0].figures["peak"]


@pytest.mark.parametrize("path, said", [
    ("videos/sub-01_ses-2_task-arm.mp4", dict(sub="01", ses="2", task="arm")),
    ("C:\\visits\\anna-maria\\study_sub-P-1_Task-a.b.MOV", dict(sub="P-1", task="a.b")),
    ("sub-01/ses-2/beh/sub-01_ses-3_video", dict(sub="01", ses="3")),
    ("sub-01/arm.mp4", dict(sub="01")), ("visit-1.mp4", {}), ("sub-.mp4", {}), ("", {}), ("nosub-1.mp4", {})])
def test_bids_names(path, said):
    assert said_by(path) == said


@pytest.mark.parametrize("pattern, path, said", [
    ("{code}_{Task}", "videos/P07_left arm.mp4", dict(code="P07", task="left arm")),
    ("P{sub}/visit*", "videos/p07/visit (2).mp4", dict(sub="07")), ("{sub}.{ses}", "a/7.2.mp4", dict(sub="7", ses="2")),
    ("{sub}/{task}", "arm.mp4", {}), ("P{sub}", "Q7.mp4", {})])
def test_names_by_a_pattern(pattern, path, said):
    assert said_by(path, name_pattern(pattern)) == said


@pytest.mark.parametrize("pattern", ["sub", "{sub}{task}", "{}", "{sub}_{SUB}", "{s b}", "{1}"])
def test_a_pattern_that_is_none_is_refused(pattern):
    with pytest.raises(Problem, match="write it as"):
        name_pattern(pattern)


def joined(text, *rows):
    table = parse_people_table(text.encode("utf-8"), "theirs.csv", ("video", "sub"))
    return partners(table, [Named(paths, person, said_by(paths[0])) for paths, person in rows])


@pytest.mark.parametrize("text, rows, found", [
    ("sub;ses;x\n1;1;a\n1;2;b\nsub-02;1;c\n", [("sub-01_ses-2.mp4", 1), ("sub-02_ses-1.mp4", 1), ("sub-02.mp4", 1)],
     [1, 2, None]),
    ("subject,subject_id,x\n01,S9,a\n", [("sub-1.mp4", 1)], [0]),  # the first that says it counts
    ("video,x\nP1/visit.mp4,a\nP2\\visit.mp4,b\n", [("d/P2/visit.mp4", 1), ("d/P1/visit.mp4", 1), ("visit", 1)],
     None),
    ("video,x\nP1/visit.mp4,a\nP2/visit,b\n", [("d/P2/visit.mp4", 1), ("d/P1/visit.mp4", 1), ("P3/visit.mp4", 1)],
     [1, 0, None]),
    ("video,x\na.mp4,a\na.mov,b\n,c\n", [("v/a.mov", 1), ("a.mp4", 1), ("b.mp4", 1)], [1, 0, None]),
    ("filename,sub\nb.mov,1\n", [("b.mov", 1)], [0]), ("ID\tSession\n7\tses-01\n", [("sub-07_ses-1.avi", 1)], [0]),
    ("video,x\nZOE\u0308,a\n", [("v/Zo\u00eb.mp4", 1)], [0]),  # an accent as macOS writes it
    ("video,person,x\na,2,p\na,1,q\n", [("a.mp4", 1), ("a.mp4", 2), ("a.mp4", 3)], [1, 0, None]),
    ("video,x\na,p\n", [("P1/a.mp4", 1), ("P2/a.mp4", 1)], None),  # whose is it?
    ("sub,x\n1,p\n01,q\n", [("sub-1.mp4", 1)], None), ("video,x\na,p\nA,q\n", [("a.mp4", 1)], None),
    ("code,x\n1,p\n", [("sub-1.mp4", 1)], None)])
def test_whose_row_it_is(text, rows, found):
    rows = [((path,), person) for path, person in rows]
    if found is not None:
        assert joined(text, *rows) == found
    else:
        with pytest.raises(Problem, match="theirs.csv: "):
            joined(text, *rows)


def test_participants_columns_have_types(tmp_path):
    (tmp_path / "people.csv").write_text("sub;code;n;age;site\n1;01;3;2,5;NA\n2;02;NA;;n/a\n3;10;5;7;a,b.c\n")
    assert columns_of(read_participants(tmp_path / "people.csv")) == dict(
        sub=[1, 2, 3], code=["01", "02", "10"], n=[3, None, 5], age=[2.5, None, 7.0], site=["NA", None, "a,b.c"])


def test_what_to_look_at(tmp_path):
    for name, source, about in ("a", "a.mp4", {}), ("b", "b.mp4", {}), ("c", "a.mp4", dict(gap=3)):
        write(tmp_path / name, source, curve([0, 1, 2], [1., 2, 3]) + [no_face(i, i, 0) for i in range(3, 8)], **about)
    people = [one for name, folder in find_curves([tmp_path]).items() for one in people_of(name, folder)]
    assert {note.text: note.of for note in study_table(people).notes} == {
        "another gap than most curves": ["c"], "more than one curve is of that video": ["a", "c"],
        "no curve.json beside it, as where the command was stopped": ["a", "b", "c"],
        "a face in less than half of the frames": [name + ", person 1" for name in "abc"]}


def test_names_and_settings_of_any_kind(tmp_path):
    """A name in no encoding, what a spreadsheet would compute, and settings that are another program's."""
    name = os.fsdecode(b"sub-=1\xff_task-arm")
    try:
        write(tmp_path / name, 5, curve([0, 1], [1., 2]))
    except OSError:
        pytest.skip("has no such names")
    write_curve(tmp_path / name / "curve.csv", dict(source=5, models=["a", 1], gap={}), curve([0, 1], [1., 2]))
    people = people_of(*next(iter(find_curves([tmp_path]).items())))
    write_study(tmp_path / "out", study_table(people), {})
    table = pandas.read_csv(tmp_path / "out/study.csv", dtype=str)
    assert table[["video", "curve", "sub"]].values.tolist() == [["5", "sub-=1 _task-arm", "'=1 "]]


def test_folders_of_curves(tmp_path):
    for name in "p10/visit", "p9/visit", "one":
        write(tmp_path / name, "visit.mp4", curve([0, 1], [1., 2]))
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun/curve.about.json").write_text("{}")
    assert list(find_curves([tmp_path])) == ["begun", "one", "p9/visit", "p10/visit"]
    assert list(find_curves([tmp_path / "one", tmp_path / "p9"])) == ["one", "visit"]
    with pytest.raises(Problem, match="two curves of one name"):
        find_curves([tmp_path / "p9", tmp_path / "p10"])
    with pytest.raises(Problem, match="no such curve"):
        people_of("begun", tmp_path / "begun")


@pytest.mark.parametrize("arguments, words", [
    (["nowhere"], "no curve.csv in it"), (["bad"], "bad/curve.csv: not a curve"),
    (["bad", "--above", "0"], "--above 0")])
def test_what_cannot_be_done_is_one_line(tmp_path, arguments, words):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/curve.csv").write_text("frame\n")
    done = run_tool("study.py", *arguments, "--out", "out", cwd=str(tmp_path))
    assert_one_line_error(done, words)
    assert not (tmp_path / "out").exists()


def test_without_pyarrow_no_parquet_of_an_earlier_study_stays(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    write(tmp_path / "a", "a.mp4", curve([0, 1], [1., 2]))
    (tmp_path / "study.parquet").write_text("earlier")
    made = write_study(tmp_path, study_table(people_of("a", tmp_path / "a")), {})
    assert [path.name for path in made] == ["study.csv", "study.about.json"]


def test_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", exc_type=ImportError)
    columns = dict(video=["a", "b"], person=[1, 2], mean=[1.5, None], onset=[None, None])
    write_parquet(tmp_path / "study.parquet", columns)
    table = parquet.read_table(str(tmp_path / "study.parquet"))
    assert table.to_pydict() == columns
    assert list(map(str, table.schema.types)) == ["string", "int64", "double", "double"]
