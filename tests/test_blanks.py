"""A checkout, data, models and weights in folders with blanks and quotes in their names."""
import shlex
import shutil
import subprocess

import pytest

from support.caffe_runs import make_folds_of_noise, save_random_net
from support.processes import PATIENCE
from support.project import ENGINE, ROOT, needs_bvlc

SMALL = "DEMO=my demo", "WORK=my demo", "VARIANT=smooth_l1", "FOLD=1", "JOBS=1", "SETUP=", "WEIGHTS="


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The project's files in a folder called `my work`, and folds of noise in one called `my demo` in it."""
    folder = tmp_path_factory.mktemp("blanks") / "my work"
    for name in "engine", "layers", "prototxt", "tools":
        shutil.copytree(str(ROOT / name), str(folder / name), ignore=shutil.ignore_patterns("__pycache__", "tests"))
    shutil.copy(str(ROOT / "Makefile"), str(folder))
    for name in ".venv", ".bvlc":
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    (folder / "my demo" / "data").mkdir(parents=True)
    make_folds_of_noise(folder / "my demo" / "data", ENGINE / "python")
    return folder


def make(folder, *arguments):
    process = subprocess.run(["make", "--no-print-directory", *arguments], cwd=str(folder), text=True,
                             timeout=5 * PATIENCE, capture_output=True)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.mark.parametrize("caffe", ["engine", pytest.param("bvlc", marks=needs_bvlc)])
def test_training_and_prediction(checkout, caffe):
    how = *SMALL, "CAFFE=" + caffe, "ITERATIONS=4", "MODELS=my demo/%s's models" % caffe
    make(checkout, "my demo/prototxt", *how)
    save_random_net(checkout / "my demo/prototxt", 1, checkout / "my demo/a net.caffemodel")
    make(checkout, "train", "predict", *how, "WEIGHTS=my demo/a net.caffemodel")
    of_a_sweep = checkout / ("my demo/%s's models/my sweep/scratch/seed-1/models/mse/02-b/predictions.csv" % caffe)
    of_a_sweep.parent.mkdir(parents=True)
    of_a_sweep.write_text("other frames, which cannot stand beside these\n")
    assert "1 subject, 1 video, 48 frames" in make(checkout, "evaluate", *how)
    log = (checkout / ("my demo/%s's models/smooth_l1/01-001-aa001/train.log" % caffe)).read_text()
    assert "-weights '../../../a net.caffemodel'" in log


def test_one_file_to_copy(checkout):
    make(checkout, "evaluate.pyz", "SETUP=", "PYZ=my file.pyz")
    assert (checkout / "my file.pyz").is_file() and not (checkout / "my file.pyz.files").exists()


@pytest.mark.parametrize("target, words", [
    ("synthetic", ["a b/unbc"]), ("align", ["a b/unbc", "my demo/data/aligned"]), ("audit", ["a b/unbc"]),
    ("folds", ["my demo/data/aligned", "my demo/data/folds"]), ("identities", ["a b/unbc", "my demo/data/identities"]),
    ("pretrain", ["my demo/models", "my demo/data/identities", "my demo/prototxt/face_verification_solver.prototxt"]),
    ("verify", ["a b/unbc", "it's here/x.caffemodel", "my demo/data/verification/unbc"]), ("fetch", ["my demo/models"]),
    ("report", ["my demo/report"]), ("app", ["a model", "my demo/data/sample.mp4"]),
    ("transfer", ["my transfer/data/folds", "my transfer/prototxt"]),
    ("demo", ["my demo/video", "WORK=my demo", "WEIGHTS=my demo/models/face_verification.caffemodel"])])
def test_every_path_is_one_word(checkout, target, words):
    said = make(checkout, "-n", target, "DATA=a b/unbc", "WORK=my demo", "DEMO=my demo", "TRANSFER=my transfer",
                "SETUP=", "MODEL=a model", *["WEIGHTS=it's here/x.caffemodel"] * (target == "verify"))
    assert set(words) <= set(shlex.split(said)), said
    if target == "pretrain":  # a word for Python, which parts it again
        caffe, = [word for word in shlex.split(said) if ".venv/bin/caffe" in word]
        assert shlex.split(caffe) == [str(checkout / ".venv/bin/caffe")]
