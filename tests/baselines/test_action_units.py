"""PSPI from toolboxes' tables against sums by hand, fits against scikit-learn and NumPy, and the command."""
import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

import import_aus as command
from pain.baselines.action_units import filled, find_table, intensities, pspi_of, read_coders, read_table
from pain.datasets.folds import read_subjects
from pain.datasets.pspi import pspi, quantise
from pain.errors import Problem
from pain.evaluation.evaluate import evaluate
from pain.evaluation.origins import origin_of_result
from pain.evaluation.results import read_result, result_of
from pain.notice import description
from pain.provenance import SYNTHETIC, UNKNOWN, Data, Origin, write_origin
from support.project import assert_one_line_error, run_tool

FRAMES = ["v001", "v002", "v003", "v004"]

OPENFACE_2 = """frame, face_id, timestamp, confidence, success, AU04_r, AU06_r, AU07_r, AU09_r, AU10_r, AU45_r, AU45_c
1, 0, 0.0, 0.98, 1, 1.00, 2.00, 0.50, 0.25, 0.75, 3.0, 1
2, 0, 0.1, 0.98, 1, 0.00, 0.00, 0.00, 0.00, 0.00, 1.0, 0
3, 0, 0.2, 0.10, 0, 5.00, 5.00, 5.00, 5.00, 5.00, 5.0, 1
4, 0, 0.3, 0.98, 1, 5.00, 5.00, 5.00, 5.00, 5.00, 0.0, 1
"""
PY_FEAT = """,FaceRectX,FaceScore,AU04,AU06,AU07,AU09,AU10,AU43,input,frame
0,10,0.9,0.2,0.4,0.1,0.0,0.5,0.25,clip.mp4,0
1,10,0.9,0.0,0.0,0.0,0.0,0.0,0.0,clip.mp4,1
2,10,,,,,,,,clip.mp4,2
3,10,0.5,1,1,1,1,1,1,clip.mp4,3
4,99,0.9,0.1,0,0,0,0,0,clip.mp4,3
"""
LIBREFACE = """frame_idx,frame_time_in_ms,au_4,au_7,au_10,au_4_intensity,au_6_intensity,au_9_intensity
0,0,1,1,1,1.5,2.5,0.5
1,33,0,0,0,0,0,0
3,99,0,0,0,5,6,-1
"""
OPENFACE_3 = """frame,AU1,AU2,AU4,AU6,AU9,AU12,AU25,AU26
0,1,1,0.2,0.4,0.6,1,1,1
1,0,0,0,0,0,0,0,0
2,0,0,1,1,1,0,0,0
3,0,0,0,0,0,0,0,0
"""
NAN = np.nan


def table(folder, text, name="v.csv"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize("text, name, expected, words", [
    (OPENFACE_2, "openface_2", [1 + 2 + 0.75 + 1, 0, NAN, 16],
     "OpenFace 2: units of 0..5 as 0..5; AU43 where AU45_c, a blink, is 1"),
    (OPENFACE_2.replace(", AU45_c", ", other"), "openface_2", [1 + 2 + 0.75 + 1, 1, NAN, 15],
     "OpenFace 2: units of 0..5 as 0..5; AU43 where AU45_r, a blink, is 1 or more"),
    (PY_FEAT, "py_feat", [5 * (0.2 + 0.4 + 0.5) + 0.25, 0, NAN, 0.5],
     "py-feat: units of 0..1 as 0..5; AU43 as AU43, 0..1"),
    (LIBREFACE, "libreface", [1.5 + 2.5 + 0.5, 0, NAN, 10],
     "LibreFace: units of 0..5 as 0..5; without AU7, AU10; AU43 unknown, so 0"),
    (OPENFACE_3, "openface_3", [5 * (0.2 + 0.4 + 0.6), 0, 15, 0],
     "OpenFace 3: units of 0..1 as 0..5; without AU7, AU10; AU43 unknown, so 0"),
    (OPENFACE_3.replace("AU4", "AU04").replace("AU6", "AU06").replace("AU9", "AU09"), "openface_3",
     [5 * (0.2 + 0.4 + 0.6), 0, 15, 0],
     "OpenFace 3: units of 0..1 as 0..5; without AU7, AU10; AU43 unknown, so 0"),
])
def test_every_toolbox_is_read_on_its_own_scale(tmp_path, text, name, expected, words):
    reading = read_table(table(tmp_path, text), FRAMES)
    np.testing.assert_allclose(reading.pspi, expected, atol=1e-12)
    assert (reading.name, reading.how) == (name, words)


def test_a_row_that_names_its_file_belongs_to_that_frame(tmp_path):
    text = PY_FEAT.replace("clip.mp4,0", "C:\\x\\v003.png,0").replace("clip.mp4,1", "/x/v002.png,0")
    text = "\n".join(line for line in text.split("\n") if "clip" not in line)
    np.testing.assert_allclose(read_table(table(tmp_path, text), FRAMES).pspi, [NAN, 0, 5.75, NAN])
    with pytest.raises(Problem, match=r"v\.csv: line 3: w7 is no frame of this video$"):
        read_table(table(tmp_path, text.replace("v002", "w7")), FRAMES)


def test_what_cannot_be_read_gets_one_line(tmp_path):
    for text, words in (("frame,success\n1,1\n", "action units of no program known here; its columns should be"),
                        (OPENFACE_2.replace("\n4,", "\n5,"), "line 5: 5 is no frame of this video; OpenFace 2 numbers "
                                                              "its 4 frames from 1"),
                        (PY_FEAT.replace("mp4,3", "mp4,x"), "line 5: x is no frame of this video; py-feat numbers")):
        with pytest.raises(Problem) as problem:
            read_table(table(tmp_path, text), FRAMES)
        assert words in str(problem.value) and "v.csv" in str(problem.value) and "\n" not in str(problem.value)


def test_pspi_is_that_of_every_frame():
    units = np.random.RandomState(0).uniform(0, 5, (5, 20))
    closed = np.arange(20) % 2
    expected = [pspi(*column, eyes) for column, eyes in zip(units.T, closed)]
    np.testing.assert_allclose(pspi_of(dict(zip((4, 6, 7, 9, 10), units)), closed), expected)


def test_frames_without_a_face_are_filled_in():
    np.testing.assert_allclose(filled(np.array([NAN, 1, NAN, NAN, 4, NAN])), [1, 1, 2, 3, 4, 4])
    np.testing.assert_allclose(filled(np.full(3, NAN)), 0)


def people(seed=0):
    random = np.random.RandomState(seed)
    labels = [random.randint(0, 6, n) for n in (30, 50, 41)]
    return [np.round(np.maximum(0, 2 * label + random.normal(size=len(label)) * 2), 1) for label in labels], labels


def test_without_a_fit_pspi_is_quantised_as_labels_are():
    values = np.array([0, 0.49, 0.5, 2.4, 3.5, 5.49, 5.5, 16])
    given, = intensities([values], [values], "none")
    np.testing.assert_array_equal(given, quantise(np.array([0, 0, 1, 2, 4, 5, 6, 16])))


@pytest.mark.parametrize("seed", range(5))
def test_fits_are_the_least_squares_of_the_other_subjects(seed):
    scores, labels = people(seed)
    linear, isotonic = (intensities(scores, labels, fit) for fit in ("linear", "isotonic"))
    for left_out in range(3):
        x, y = (np.concatenate([some for i, some in enumerate(all_) if i != left_out]) for all_ in (scores, labels))
        slope, offset = np.polyfit(x, y, 1)
        np.testing.assert_allclose(linear[left_out], np.clip(slope * scores[left_out] + offset, 0, 5), atol=1e-9)
        theirs = IsotonicRegression(out_of_bounds="clip").fit(x, y).predict(scores[left_out])
        np.testing.assert_allclose(isotonic[left_out], theirs, atol=1e-9)


@pytest.mark.parametrize("fit", ["linear", "isotonic"])
def test_a_subjects_own_labels_do_not_reach_its_predictions(fit):
    scores, labels = people()
    before = intensities(scores, labels, fit)
    after = intensities(scores, [5 - labels[0], *labels[1:]], fit)
    assert np.array_equal(before[0], after[0]) and not np.array_equal(before[1], after[1])
    constant = intensities([np.zeros(4), np.zeros(2)], [np.array([0, 0, 1, 3]), np.array([2, 4])], fit)
    np.testing.assert_allclose(constant[0], 3), np.testing.assert_allclose(constant[1], 1)
    with pytest.raises(Problem, match="^--fit %s: it takes the labels of other subjects" % fit):
        intensities(scores[:1], labels[:1], fit)


def test_a_videos_table_is_in_a_subjects_folder_or_not(tmp_path):
    own = table(tmp_path / "s", "", "v.csv")
    assert find_table(tmp_path, "s", "v") == own
    with pytest.raises(Problem, match="no table of subject s, video w; a video's table is w.csv, or that in"):
        find_table(tmp_path, "s", "w")
    table(tmp_path, "", "v.csv")
    with pytest.raises(Problem, match="two tables of subject s, video v"):
        find_table(tmp_path, "s", "v")


@pytest.fixture
def archive(tmp_path):
    """Two subjects of a video each: frames.csv, OpenFace 2's tables and the archive's FACS files, with the same PSPI.

    The fourth frame of a video is not aligned. Returns the folder and the PSPI of all frames, (N,).
    """
    random, rows, truth = np.random.RandomState(0), [], []
    for subject, video in (("s1", "a"), ("s2", "b")):
        lines = [OPENFACE_2.split("\n")[0]]
        for i in range(6):
            units, closed = random.randint(0, 4, 5) * (i > 1), i % 2
            frame = "%s%03d" % (video, i + 1)
            truth.append(pspi(*units, closed))
            rows.append((subject, video, frame, "%g" % truth[-1], "missing" if i == 3 else "detected"))
            lines.append("%d,0,0,0.9,1,%s,0,%d" % (i + 1, ",".join(map(str, units)), closed))
            facs = tmp_path / "unbc" / "Frame_Labels" / "FACS" / subject / video / (frame + "_facs.txt")
            facs.parent.mkdir(parents=True, exist_ok=True)
            facs.write_text("".join("   %d   %d   0   0\n" % pair for pair in zip((4, 6, 7, 9, 10), units))
                            + "  43  1  0  0\n" * closed + "  25  3  0  0\n")
        table(tmp_path / "openface" / subject, "\n".join(lines) + "\n", video + ".csv")
    with open(str(tmp_path / "frames.csv"), "w", newline="") as file:
        csv.writer(file).writerows([("subject", "video", "frame", "pspi", "status"), *rows])
    return tmp_path, np.array(truth, float)


def aligned(values):
    """Of (N,) values those of frames that are aligned."""
    return np.delete(values, [3, 9])


def test_the_coders_units_are_the_label(archive):
    folder, truth = archive
    reading = read_coders(folder / "unbc", "s1", "a", ["a%03d" % i for i in range(1, 7)])
    assert np.array_equal(reading.pspi, truth[:6]) and reading.name == "facs"


def test_the_command_makes_rows_that_score(archive):
    folder, truth = archive
    arguments = "--frames", folder / "frames.csv", "--models", folder / "models"
    done = run_tool("import_aus.py", folder / "openface", *arguments, "--fit", "none", "linear", "isotonic")
    assert done.returncode == 0, done.stderr
    assert "AU43 where AU45_c, a blink, is 1; 0 of 12 frames without a face" in done.stdout
    assert run_tool("import_aus.py", folder / "unbc", *arguments).returncode == 0
    assert sorted(path.name for path in (folder / "models").iterdir()) == [
        "facs", "openface_2", "openface_2_isotonic", "openface_2_linear"]
    for name in "facs", "openface_2":
        result = read_result(folder / "models" / name)
        assert [(video.subject, video.video) for video in result.videos] == [("s1", "a"), ("s2", "b")]
        predictions = np.concatenate([video.prediction for video in result.videos])
        assert np.array_equal(predictions, aligned(quantise(truth))) and predictions.max() == 5
        assert np.array_equal(np.concatenate([video.label for video in result.videos]), aligned(quantise(truth)))
    made = folder / "models" / "openface_2_linear"
    assert sorted(path.parent.name for path in made.rglob("predictions.csv")) == ["01-s1", "02-s2"]
    assert json.loads((made / "made_from.json").read_text()) == {
        "action_units": "OpenFace 2: units of 0..5 as 0..5; AU43 where AU45_c, a blink, is 1", "fit": "linear",
        "frames": 12, "without_a_face": 0}


def test_a_row_says_what_made_it(archive, monkeypatch, capsys):
    """Which tool, whose faces, and of a fit whose labels; nothing is claimed of frames.csv once it is changed."""
    folder, truth = archive
    write_origin(folder / "frames.csv", Origin(Data(SYNTHETIC)))
    arguments = [folder / "openface", "--frames", folder / "frames.csv", "--models", folder / "models", "--fit", "none",
                 "linear"]
    monkeypatch.setattr("sys.argv", ["import_aus.py", *map(str, arguments)])
    command.main()
    how = "OpenFace 2: units of 0..5 as 0..5; AU43 where AU45_c, a blink, is 1"
    none, linear = (origin_of_result(folder / "models" / row) for row in ("openface_2", "openface_2_linear"))
    drawn = "synthetic faces, drawn by a program"
    assert description(none) == "%s; rated %s" % (how, drawn)
    counts = ", ".join(map(str, np.bincount(aligned(quantise(truth)), minlength=6)))
    assert description(linear) == (
        "%s; linear fit, 2 folds; learned from %s: 2 subjects, 10 frames (of intensities 0 to 5: %s)" % (
            how, drawn, counts))
    with open(str(folder / "frames.csv"), "a") as file:
        file.write("s2,b,b007,0,missing\n")
    (folder / "openface" / "s2" / "b.csv").open("a").write("7,0,0,0.9,1,0,0,0,0,0,0,0\n")
    command.main()
    assert origin_of_result(folder / "models" / "openface_2").kind == UNKNOWN


def test_a_row_stands_beside_a_nets(archive):
    """Of the frames that were aligned, which are those that a net predicts, and in folds of the same names."""
    folder, _ = archive
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["import_aus.py", *map(str, (
            folder / "openface", "--frames", folder / "frames.csv", "--models", folder / "models"))])
        command.main()
    subjects = read_subjects(folder / "frames.csv", "code")
    names = [Path(name).with_suffix("").parts for subject in subjects for name in subject.names]
    labels = [label for subject in subjects for label in subject.labels]
    net = result_of(labels, np.zeros(len(labels)), *zip(*names), name="net")
    compared = evaluate([folder / "models" / "openface_2", net], compare=["mae"], draws=9).comparisons["mae"]
    assert ("openface_2", "net") in [(pair["a"], pair["b"]) for pair in compared]


def test_the_command_refuses_in_one_line_and_leaves_nothing(archive):
    folder, _ = archive
    arguments = "--frames", folder / "frames.csv", "--models", folder / "models"
    assert_one_line_error(run_tool("import_aus.py", folder / "nowhere", *arguments), "nowhere: no such folder; name")
    (folder / "openface" / "s2" / "b.csv").write_text(LIBREFACE)
    assert_one_line_error(run_tool("import_aus.py", folder / "openface", *arguments), "tables of different kinds",
                          "LibreFace", "OpenFace 2")
    (folder / "openface" / "s2" / "b.csv").unlink()
    assert_one_line_error(run_tool("import_aus.py", folder / "openface", *arguments), "no table of subject s2, video b")
    assert not (folder / "models").exists()
