"""`import pain`: what it loads, what it asks for when that is not installed, and its calls on arrays."""
import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pain
from pain.datasets.synthetic import faces as drawn
from pain.evaluation import scores
from pain.evaluation.metrics import mae, pcc
from pain.faces.alignment import TEMPLATE
from support.bare_python import SKIMAGE, run_bare
from support.predictions import LABEL, PREDICTION, TINY, tree, write
from support.project import ROOT

# The names, and when they are fetched.

def test_importing_pain_loads_nothing_and_changes_nothing():
    script = """
import os, sys
before, modules = dict(os.environ), set(sys.modules)
import pain
names = dir(pain)
assert "rate_faces" in names and not hasattr(pain, "no_such_name")
assert dict(os.environ) == before
print(sorted(name for name in set(sys.modules) - modules if name.partition(".")[0] in (
    "numpy", "caffe", "torch", "tensorflow", "matplotlib", "scipy", "av", "PIL") or name.count(".") > 1))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=str(ROOT / "tools"), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize("name", pain.__all__)
def test_every_name_is_there_and_says_what_it_takes_and_gives(name):
    thing = getattr(pain, name)
    assert getattr(pain, name) is thing and name in dir(pain)  # the second time without fetching it
    assert inspect.getdoc(thing)
    if inspect.isfunction(thing):
        signature = inspect.signature(thing)
        assert signature.return_annotation is not signature.empty, "%s: no type hint of what it returns" % name
        assert all(parameter.annotation is not parameter.empty for parameter in signature.parameters.values()), name


@pytest.mark.parametrize("packages, script, asked_for", [
    (["numpy"], "pain.rate_faces", "pain.rate_faces: needs the package caffe, which is not here; in the checkout"),
    (["numpy"], "pain.align",
     "pain.align: needs the package skimage, which is not here; install it with `pip install scikit-image`"),
    (SKIMAGE, "pain.find_faces([__import__('numpy').zeros((9, 9, 3), 'u1')])",
     "finding faces: needs the package tensorflow, which is not here; install it with `pip install mtcnn tensorflow`"),
    (["numpy"], "pain.evaluate(pain.result_of([0, 1], [1, 1], 'a'), draws=9).to_pandas()",
     "to_pandas: needs the package pandas, which is not here; install it with `pip install pandas`")])
def test_what_is_not_installed_is_asked_for(packages, script, asked_for):
    done = run_bare("import pain\ntry:\n    %s\nexcept ImportError as error:\n    "
                    "print(isinstance(error, pain.Problem), error)" % script, packages)
    assert done.stdout.startswith("True " + asked_for), done.stdout + done.stderr
    assert done.stdout.count("\n") == 1


# Results.

def test_arrays_are_evaluated_as_their_file_is(tmp_path):
    columns = dict(zip(("subject", "video", "frame", "label", "prediction"), zip(*TINY)))
    shuffled = np.random.RandomState(0).permutation(len(TINY))
    of_arrays = pain.result_of(**{name: np.array(column)[shuffled] for name, column in columns.items()}, name="x")
    from_arrays = pain.evaluate(of_arrays, protocol="video", draws=50)
    from_file = pain.evaluate(write(tmp_path / "x.csv", TINY), protocol="video", draws=50)
    for mine, theirs in zip(from_arrays.rows, from_file.rows):
        for metric in "mae", "mse", "pcc", "wmae", "wmse":
            assert mine[metric] == pytest.approx(theirs[metric], nan_ok=True)
    assert from_arrays.protocol == from_file.protocol
    assert [row["name"] for row in from_arrays.rows] == ["x", "all zeros", "all mean"]
    assert pain.evaluate(of_arrays, "pooled", draws=9).rows[0]["mae"] == pytest.approx(mae(LABEL, PREDICTION))


def test_several_results_and_their_differences(tmp_path):
    better = [(*row[:4], row[3] + 0.25) for row in TINY]
    ours, theirs = tree(tmp_path / "ours", better), write(tmp_path / "theirs.csv", TINY)
    read = pain.read_results([ours, theirs])
    assert [result.name for result in read] == ["ours", "theirs"] == [
        result.name for path in (ours, theirs) for result in pain.read_results(path)]
    evaluated = pain.evaluate([ours, read[1]], compare=["mae"], draws=50, metrics=["pcc"])
    assert evaluated.names == ["mae", "pcc"]
    pair = evaluated.comparisons["mae"][0]
    assert (pair["a"], pair["b"]) == ("ours", "theirs")
    assert pair["difference"] == pytest.approx(0.25 - np.mean([0.75, 0.5]))
    first, _, heading, columns, *_ = str(evaluated).splitlines()
    assert (first, heading, columns.split()) == (evaluated.protocol, "Table 1", ["MAE", "PCC"])
    assert "left out of theirs, as undefined: PCC 1 of 2\n" in str(evaluated) and "Differences in MAE" in str(evaluated)
    assert evaluated.rows[1] == scores.score(read[1], draws=50, names=["mae", "pcc"])


def test_scores_as_a_table():
    pandas = pytest.importorskip("pandas")
    result = pain.result_of([0, 1, 2, 4], [0, 1, 1, 3], subject=["a", "a", "b", "b"], name="mine")
    table = pain.evaluate(result, draws=99).to_pandas()
    assert isinstance(table, pandas.DataFrame) and list(table.index) == ["mine", "all zeros", "all mean"]
    assert table.loc["mine", "mae"] == pytest.approx(0.5) and table.loc["mine", "over_pcc"] == 2
    assert table.loc["mine", "pcc"] == pytest.approx(np.mean([pcc([0, 1], [0, 1]), pcc([2, 4], [1, 3])]))
    assert table.loc["mine", "low_mae"] == 0 and table.loc["mine", "high_mae"] == 1  # 0 and 1: of a, and of b
    assert pandas.isna(table.loc["all zeros", "pcc"])


@pytest.mark.parametrize("arrays, words", [
    (dict(label=[0, 6, -1.5], prediction=[1, 1, 1], subject="a"), "mine: rows 1, 2: the label is not a number 0..5"),
    (dict(label=[0, 1], prediction=[1, np.nan], subject="a"), "mine: row 1: the prediction is not a finite number"),
    (dict(label=[0, 1], prediction=[1], subject="a"), "one of each a frame"),
    (dict(label=[], prediction=[], subject="a"), "one of each a frame"),
    (dict(label=[0, 1], prediction=[1, 1], subject=["a", "b", "c"]), "one for all of 2 frames, or one a frame"),
    (dict(label=[0, 1], prediction=[1, 1], subject="a", video="v", frame=7), "frame 7 again, first in mine: row 0")])
def test_arrays_that_are_no_result(arrays, words):
    with pytest.raises(pain.Problem, match=words):
        pain.result_of(name="mine", **arrays)


def test_what_cannot_be_evaluated():
    without_videos = pain.result_of([0, 1], [1, 1], ["a", "b"], name="100%")
    for arguments, words in [((without_videos, "video"), "100%: has no videos"), (([],), "no results"),
                             ((without_videos, "frame"), "subject, video, pooled")]:
        with pytest.raises(pain.Problem, match=words):
            pain.evaluate(*arguments)
    with pytest.raises(pain.Problem, match="speed: no metric; there is mae, mse"):
        pain.evaluate(without_videos, metrics=["speed"])


# Faces.

@pytest.fixture(scope="module")
def image():
    """A drawn face, (240, 320, 3) uint8."""
    face = drawn.Face()
    who = drawn.subject(face, np.random.RandomState(3))
    return np.round(255 * drawn.render(face, who, dict.fromkeys(drawn.HIGHEST, 0), drawn.Pose(0, 0, 0, 1))).astype(
        np.uint8)


def test_from_an_image_to_an_intensity(image, models):
    (face,), none = pain.find_faces([image, np.full_like(image, 90)])
    assert none == [] and face.box.shape == (4,) and 0.9 < face.confidence <= 1 and face.landmarks.shape == (5, 2)
    aligned = pain.align(image, face.landmarks)
    assert aligned.shape == (112, 96, 3) and aligned.dtype == np.uint8
    nets = pain.load_nets(models)
    ratings = pain.rate_faces(np.stack([aligned, aligned, aligned[:, ::-1]]), nets)
    assert ratings.shape == (3, 2) and (ratings[0] == ratings[1]).all()
    assert (0 <= ratings).all() and (ratings <= 5).all()
    snapshots = sorted(models.glob("*/pain_iter_10.caffemodel"))
    for column, path in enumerate(snapshots):
        assert pain.rate_faces([aligned], path) == pytest.approx(ratings[:1, column:column + 1], abs=1e-5)
    assert pain.rate_faces(np.zeros((0, 112, 96, 3), np.uint8), snapshots).shape == (0, 2)


def test_a_face_on_the_template_stays_as_it_is():
    image = np.random.RandomState(0).randint(0, 256, (112, 96, 3)).astype(np.uint8)
    np.testing.assert_array_equal(pain.align(image, TEMPLATE), image)


def test_arrays_that_are_no_images(models):
    for images in [np.zeros((9, 9, 3))], [np.zeros((9, 9), np.uint8)], ["a.png"]:
        with pytest.raises(pain.Problem, match="image 0 is not .* uint8"):
            pain.find_faces(images)
    with pytest.raises(pain.Problem, match="min_face 0"):
        pain.find_faces([], min_face=0)
    with pytest.raises(pain.Problem, match=r"give \(N, 112, 96, 3\) of uint8"):
        pain.rate_faces(np.zeros((1, 112, 96, 3)), models)
    with pytest.raises(pain.Problem, match="no caffemodel here"):
        pain.rate_faces(np.zeros((1, 112, 96, 3), np.uint8), Path("nowhere"))
