"""The commands that kills.py kills, and what they need."""
import contextlib
import io
import json
import os
import shutil
import signal
import sys
import tarfile
import time
from pathlib import Path
from typing import Callable, NamedTuple
from unittest import mock

import caffe

from fuzz import curves, scores
from pain.ending_with_parent import have_the_kernel_kill_this
from pain.prototxts import make_slim
from support.caffe_runs import make_folds_of_noise
from support.project import ENGINE, ROOT
from support.weight_server import CONTENT, Handler, Server, answer, card

VARIANT = "smooth_l1_center_l1_sampling"
SOLVER = "prototxt/solvers/%s.prototxt" % VARIANT
CAFFE = "--caffe %s" % (ENGINE / "caffe")
TRAINING = "--folds folds --models models " + CAFFE
PORT, CHUNK = 18414, 20000  # of the server of weights: where it is, and bytes that it sends at a time
MAKE = """#!/bin/sh
exec "%s" "%s" --aligned aligned --out made --jobs 1
"""


class Step(NamedTuple):
    """A command of tools/ and its arguments, in a folder that holds what prepare() and the earlier steps make."""
    tool: str
    arguments: str
    after: tuple = ()  # the steps whose output it reads
    beside: Callable = contextlib.nullcontext  # what runs beside it


class Scale(NamedTuple):
    """How large the nets are, and how long they are trained."""
    divide: int
    batch: int
    iterations: int
    snapshot: int


SLIM, FULL = Scale(16, 12, 12, 3), Scale(1, 6, 4, 2)


def steps(scale):
    """All steps by name, the trainings as long as the Scale says."""
    length = "--settings max_iter:%d,display:1,snapshot:%d" % (scale.iterations, scale.snapshot)
    return {
        "synthetic": Step("make_synthetic.py", "drawn --subjects 2 --videos 1 --frames 6"),
        "people": Step("make_people.py", "people --people 3 --images 2 --jobs 2"),
        "align": Step("align_faces.py", "drawn --out faces --jobs 2", ("synthetic",)),
        "align_people": Step("align_people.py", "people --out people_faces --jobs 2", ("people",)),
        "identities": Step("make_identities.py", "people --out identities --jobs 2 --least 1", ("people",)),
        "folds": Step("make_folds.py", "--aligned aligned --out made --jobs 2"),
        "train": Step("train.py", "%s --jobs 2 %s" % (SOLVER, TRAINING)),
        "predict": Step("predict.py", "%s --folds folds --models models" % SOLVER, ("train",)),
        "temporal": Step("temporal.py", "%s --temporal prototxt/temporal_regression_solver.prototxt %s %s"
                         % (SOLVER, TRAINING, length), ("predict",)),
        "facenet2expnet": Step("facenet2expnet.py", "--weights face.caffemodel --prototxt prototxt --fold 1 "
                               + TRAINING),
        "sweep": Step("sweep.py", "starts.yaml --weights face.caffemodel --prototxt prototxt --folds folds --out sweep "
                      + CAFFE),
        "pretrain": Step("pretrain.py", "prototxt/face_verification_solver.prototxt --models models --identities "
                         "identities --batch %d %s,base_lr:0.0001 %s" % (scale.batch, length, CAFFE), ("identities",)),
        "verify": Step("verify_faces.py", "people --net prototxt/face_verification.prototxt --model "
                       "face.caffemodel --aligned people_faces --out verified --json verified.json --jobs 1",
                       ("align_people",)),
        "osvr": Step("osvr.py", "--aligned faces --folds face_folds --models rows --cache cache --jobs 2 --loss 2",
                     ("face_folds",)),
        "face_folds": Step("make_folds.py", "--aligned faces --out face_folds", ("align",)),
        "import_aus": Step("import_aus.py", "tables --frames units.csv --models rows --fit none linear"),
        "evaluate": Step("evaluate.py", "models/%s --draws 20 --json e.json --csv e.csv" % VARIANT, ("predict",)),
        "report": Step("report.py", "models/%s --out report --draws 20" % VARIANT, ("predict",)),
        "plot": Step("plot_curve.py", "models/%s --out plot.png" % VARIANT, ("predict",)),
        "onnx": Step("export_onnx.py", "face.caffemodel --net prototxt/face_verification.prototxt"),
        "fetch": Step("fetch_models.py", "--to fetched --manifest manifest.json", beside=weights_served),
        "sample": Step("make_sample.py", "sample.mp4"),
        "import": Step("import_videos.py", "sample.csv --videos sample.mp4 --pattern {sub} --out own --jobs 1",
                       ("sample",)),
        "video": Step("predict_video.py", "drawn/Images/001-sy001/sy001t1aaaff --model models/%s --out curve "
                      "--annotate --resume" % VARIANT, ("train", "synthetic")),
        "videos": Step("predict_video.py", "drawn/Images --model models/%s --out curves" % VARIANT,
                       ("train", "synthetic")),
        "page": Step("app.py", "--help", ("train", "sample")),
        "study": Step("study.py", "curves --participants people.csv --out study"),
        "slim": Step("make_slim.py", "slimmer"),
        "paper": Step("paper.py", "--data dataset --aligned aligned --folds made --models models --prototxt prototxt "
                      "--report report --only folds --make ./make --python %s %s" % (sys.executable, CAFFE)),
    }


@contextlib.contextmanager
def weights_served():
    """Have a process serve the weights of the manifest, slowly, so that they can be interrupted."""
    server = Server(("127.0.0.1", PORT), Handler)
    server.answers, server.seen = [slowly], []
    child = os.fork()
    if not child:
        try:
            have_the_kernel_kill_this()
            server.serve_forever()
        finally:
            os._exit(1)
    server.server_close()
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def slowly(handler):
    """Answer with the file that is asked for, a part every twentieth of a second."""
    def write(content):
        for at in range(0, len(content), CHUNK):
            send(content[at:at + CHUNK])
            time.sleep(0.05)
    send, content = handler.wfile.write, SERVED[handler.path]
    with mock.patch.object(handler, "wfile", mock.Mock(write=write)):
        answer(content)(handler)


def tarred(name, content):
    """The bytes of a tar with this file in it."""
    stream, info = io.BytesIO(), tarfile.TarInfo(name)
    info.size = len(content)
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


SERVED = {"/m": CONTENT, "/n.tar": tarred("n", CONTENT[::-1])}


def prepare_first(folder, scale):
    """Fill the folder with what no step makes: folds of noise, nets and solvers, weights, tables, curves."""
    make_folds_of_noise(folder)
    make_slim(folder / "prototxt", scale.divide, scale.batch,
              "base_lr: 0.01 display: 1 average_loss: 1 max_iter: %d snapshot: %d" % (scale.iterations, scale.snapshot))
    caffe.set_random_seed(1)
    with mock.patch.dict(os.environ, GLOG_minloglevel="2"):
        net = caffe.Net(str(folder / "prototxt/face_verification.prototxt"), caffe.TEST, stages=["deploy"])
    net.save(str(folder / "face.caffemodel"))
    (folder / "starts.yaml").write_text("variants: [%s]\nstarts: [scratch, frozen]\nfolds: [1, 2]\n"
                                        "settings: {max_iter: [%d]}\n" % (VARIANT, 2 * scale.snapshot))
    scores.openface(folder)
    (folder / "frames.csv").rename(folder / "units.csv")
    curves.summed_up(folder)
    served = [mock.Mock(url="http://127.0.0.1:%d%s" % (PORT, path)) for path in SERVED]
    (folder / "manifest.json").write_text(json.dumps({"files": [card(served[0]), card(
        served[1], CONTENT[::-1], name="n", file="n.caffemodel", archive={"member": "n"})]}))
    make = folder / "make"
    make.write_text(MAKE % (sys.executable, ROOT / "tools/make_folds.py"))
    make.chmod(0o755)
    for subject in filter(Path.is_dir, (folder / "aligned").iterdir()):  # for paper.py, which looks at their size
        shutil.copytree(str(subject), str(folder / "dataset" / "Images" / subject.name))
