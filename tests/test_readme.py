"""Every command of the README, as it stands there, in a copy of the project with little data and slim nets."""
import os
import re
import shutil
import signal
import subprocess
import urllib.request

import pytest

from pain.video import sample
from support.project import BVLC, ROOT, SHARED, needs_bvlc

AUTHORS_FILE = SHARED / "authors" / "6-vanilla-sigmoid.mat"
# A small demo, and no tests within the tests: `make test` only lists them.
SMALL = dict(SUBJECTS="3", FRAMES="40", ITERATIONS="6", PEOPLE="4", STRANGERS="4", IMAGES="4", PRETRAIN_ITERATIONS="4",
             PYTEST_ADDOPTS="--collect-only", PORT="0")


def blocks():
    """The README's indented blocks, each a str; an output follows its command in a block of its own."""
    text = (ROOT / "README.md").read_text()
    return [re.sub("^    ", "", block, flags=re.M).strip("\n") for block in re.findall(r"(?:^    .*\n)+", text, re.M)]


def shell(script, folder, **environment):
    environment = dict(os.environ, **SMALL, **environment)
    environment.pop("MAKEFLAGS", None)
    process = subprocess.run(["sh", "-exc", script], cwd=str(folder), env=environment, text=True, timeout=300,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.returncode == 0, process.stdout
    return process.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The project's files in a folder of their own, with this checkout's .venv and, if there is one, .bvlc."""
    folder = tmp_path_factory.mktemp("readme") / "checkout"
    for name in "engine", "layers", "prototxt", "tests", "tools":
        shutil.copytree(str(ROOT / name), str(folder / name), ignore=shutil.ignore_patterns("__pycache__"))
    for name in "data", "models":
        (folder / name).mkdir()
    shutil.copy(str(ROOT / "models/manifest.json"), str(folder / "models"))
    for name in "LICENSE", "Makefile", "README.md", "constraints.txt", "pyproject.toml", "pytest.ini", "setup.py":
        shutil.copy2(str(ROOT / name), str(folder / name))  # with their times, or .venv is made anew
    for name in ".venv", ".bvlc":
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    return folder


def serve(script, folder):
    """Have `make app` serve, look at the page, and end it as Ctrl-C does."""
    process = subprocess.Popen(["sh", "-exc", "exec " + script], cwd=str(folder), env=dict(os.environ, **SMALL),
                               text=True, stdout=subprocess.PIPE, start_new_session=True)
    try:
        address = next(found.group() for found in (re.search(r"http://\S+", line) for line in process.stdout) if found)
        with urllib.request.urlopen(address) as page:
            assert "research instrument" in page.read().decode()
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)


def use_demo_as_archive(checkout):
    """Put what cannot be had, archives, the face model and hours of time, in the places the README names."""
    for name in "Images", "Frame_Labels/PSPI":
        for old, new in ("001-sy001", "042-ll042"), ("002-sy002", "043-sy002"), ("003-sy003", "044-sy003"):
            (checkout / "demo/data/synthetic" / name / old).rename(checkout / "demo/data/synthetic" / name / new)
    (checkout / "demo/data/synthetic").rename(checkout / "data/unbc")
    shutil.rmtree(str(checkout / "prototxt"))
    (checkout / "demo/prototxt").rename(checkout / "prototxt")
    solver = checkout / "prototxt/face_verification_solver.prototxt"
    solver.write_text(solver.read_text().replace("max_iter: 28000", "max_iter: 2"))
    for made, named in ("people", "casia"), ("strangers", "lfw"):
        (checkout / "demo/data" / made).rename(checkout / "data" / named)
    snapshot, = checkout.glob("demo/models/*/01-*/*.caffemodel")
    shutil.copy(str(snapshot), str(checkout / "models/face_model.caffemodel"))
    images = [image for image, _ in sample.draw(frames=20)]
    sample.write_video(checkout / "visit.mp4", images)
    shutil.copy(str(checkout / "visit.mp4"), str(checkout / "data/sample.mp4"))
    if AUTHORS_FILE.exists():
        (checkout / AUTHORS_FILE.name).symlink_to(AUTHORS_FILE)


def test_every_command(checkout):
    ran = []
    for block in blocks():
        command = block.split()[0]
        if (command == "conda" or "6-vanilla-sigmoid.mat" in block and not AUTHORS_FILE.exists()
                or "CAFFE=bvlc" in block and not BVLC.exists()):
            output = None
        elif command in ("make", "cd", ".venv/bin/python"):
            if "make align" in block:
                use_demo_as_archive(checkout)
            if "plot_curve.py" in block:
                shell("make train predict VARIANT=l1_center_l1", checkout)
                predictions = sorted(checkout.glob("models/l1_center_l1/*/predictions.csv"))
                for name in "theirs.csv", "pspi.csv":
                    header, *rows = "".join(path.read_text() for path in predictions).splitlines()
                    (checkout / name).write_text("\n".join([header, *(row for row in rows if row != header), ""]))
            ran.append(block)
            if block == "make app":
                output = serve(block, checkout)
                continue
            output = shell(block.replace("make transfer", "make --dry-run transfer"), checkout)  # hundreds of trainings
        elif output is not None:
            assert block in output, "the README shows another output than this:\n" + output
    assert ran[0].startswith("make demo") and len(ran) >= 5
    for made in ("report/report.html", "report/tables/table_1.tex", "report/figures/curve.pdf", "evaluate.pyz",
                 "demo/curve.png", "demo/video/annotated.mp4", "visit/curve.json", "l1/curve.png",
                 "data/folds/01-042-ll042/train_lmdb/data.mdb", "curve.png", "scores.json",
                 "scores.csv", "models/face_verification.caffemodel", "models/verification/lfw/roc.png",
                 "models/smooth_l1_center_l1_sampling/01-042-ll042/pain_iter_6.onnx",
                 "models/l1_center_l1/01-042-ll042/pain_iter_6.caffemodel",
                 "models/smooth_l1_center_l1_sampling/03-044-sy003/predictions.csv"):
        assert (checkout / made).exists(), made


@needs_bvlc
def test_caffe_of_the_system(checkout):
    """With CAFFE=system the Caffe on the PATH is used, and nothing else. Its Python has no mtcnn here, so no align."""
    commands = shell("make --dry-run demo CAFFE=system", checkout)
    assert "python tools/align_faces.py" in commands and ".venv" not in commands and ".bvlc" not in commands
    shell("make folds train predict evaluate CAFFE=system FOLD=2", checkout,
          PATH=os.pathsep.join([str(BVLC), os.environ["PATH"]]))
    assert list(checkout.glob("models/*/02-*/predictions.csv"))
