"""What the steps cost on this machine: each measured by a small run of the very command, and multiplied."""
from __future__ import annotations

import datetime
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple, Sequence

import numpy as np
from caffe.proto import caffe_pb2
from google.protobuf import text_format

from pain.baselines.features import features
from pain.baselines.osvr import OSVR
from pain.datasets.lmdbs import HEIGHT, WIDTH, datum, write_lmdb
from pain.datasets.pspi import CLASSES
from pain.datasets.unbc import frame_files, list_videos, pspi_file
from pain.errors import Problem
from pain.faces.alignment import TEMPLATE
from pain.processes import running
from pain.progress import progress
from pain.project import ROOT
from pain.prototxts import batch_size, read_prototxt
from pain.temporary import temporary_folder
from pain.training.caffe_train import command_words

ALIGNED_AT_ONCE = 4, 28  # frames: the difference has no loading of TensorFlow in it
ITERATIONS = 5
LOGGED = re.compile(r"^I\d{4} (\d\d:\d\d:\d\d\.\d+) .*\] Iteration \d+[ ,]")
PREDICTING = 1 / 3  # of a training iteration's time, for as many frames: forward alone
KEPT_PER_FOLD = 10478 / 48391  # frames of UNBC-McMaster that training keeps, by the authors' rule


class Cost(NamedTuple):
    """seconds; disk, in bytes, that stays; memory, in bytes, at the most."""

    seconds: float
    disk: float
    memory: float


class Training(NamedTuple):
    """A training that was measured: seconds an iteration, iterations, images in each, bytes of a fold's last snapshot,
    bytes of memory."""

    seconds: float
    iterations: int
    batch: int
    disk: float
    memory: float


class Size(NamedTuple):
    """How much data there is."""

    subjects: int
    videos: int
    frames: int
    folds: int


def size_of(data: Path, folds: int | None = None) -> Size:
    """The size of a dataset in the archive's layout, by its files. Raises Problem as list_videos() does.

    folds: how many there are to be, or None for one a subject
    """
    videos = list_videos(data)
    subjects = len({subject for subject, _ in videos})
    return Size(subjects, len(videos), sum(len(frame_files(data, *video)[0]) for video in videos), folds or subjects)


def folder_size(folder: Path) -> int:
    """The bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def run(command: Sequence[str], cwd: Path | None = None, **environment: str) -> tuple[str, float]:
    """What a command says, stdout and stderr, and the most bytes of memory that it has had, its children apart.

    Raises Problem, with its last line, when it fails.
    """
    with running([str(word) for word in command], cwd=cwd and str(cwd), stdout=subprocess.PIPE, text=True,
                 stderr=subprocess.STDOUT, errors="replace", env=dict(os.environ, **environment)) as process:
        with process.stdout:
            said = process.stdout.read()
        _, process.returncode, usage = os.wait4(process.pid, 0)
    if process.returncode:
        last = (said.splitlines() or ["it said nothing"])[-1]
        raise Problem("measuring %s: %s" % (Path(str(command[0])).name, last))
    return said, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def align_cost(python: str, data: Path, size: Size, jobs: int) -> Cost:
    """That of `make align`: some frames of the first video are aligned."""
    subject, video = list_videos(data)[0]
    frames = list(frame_files(data, subject, video)[0].items())
    counts, seconds, disk = [min(count, len(frames)) for count in ALIGNED_AT_ONCE], [], 0.
    for count in counts:
        with temporary_folder("measuring") as folder:
            part = folder / "data"
            images, labels = part / "Images" / subject / video, part / "Frame_Labels/PSPI" / subject / video
            for made in images, labels:
                made.mkdir(parents=True)
            for name, path in frames[:count]:
                (images / path.name).symlink_to(path.resolve())
                label = pspi_file(data, subject, video, name)
                (labels / label.name).symlink_to(label.resolve())
            start = time.monotonic()
            out = folder / "aligned"
            _, memory = run([python, ROOT / "tools/align_faces.py", part, "--out", out, "--jobs", "1"])
            seconds.append(time.monotonic() - start)
            disk = folder_size(out) / count
    a_frame = (seconds[1] - seconds[0]) / max(counts[1] - counts[0], 1)
    if a_frame <= 0:  # a busy machine; this is too much
        a_frame = seconds[1] / counts[1]
    return Cost(seconds[0] + a_frame * size.frames / jobs, disk * size.frames, jobs * memory)


def folds_cost(size: Size, jobs: int) -> Cost:
    """That of `make folds`: frames that are written once for validation, and those kept once for every other fold."""
    count, face = 200, np.random.RandomState(0).randint(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    with temporary_folder("measuring") as folder:
        start = time.monotonic()
        records = (("%d.png" % i, datum(face, 0)) for i in range(count))
        write_lmdb(folder / "lmdb", records, count, progress(disable=True))
        seconds, disk = (time.monotonic() - start) / count, folder_size(folder) / count
    written = size.frames * (1 + KEPT_PER_FOLD * (size.folds - 1))
    return Cost(written * seconds, written * disk, jobs * 100e6)


def measure_training(solver_file: Path, caffe: str, gpu: int | None, jobs: int) -> Training:
    """What training by a solver takes: `caffe train` makes ITERATIONS on noise, with a job's share of the cores."""
    solver = read_prototxt(solver_file, caffe_pb2.SolverParameter())
    iterations, net = solver.max_iter, (solver_file.parent.parent / Path(solver.net).name).resolve()
    batch = batch_size(net)
    with temporary_folder("measuring") as folder:
        fold, other = folder / "01-a", folder / "02-b"
        for path in fold / "train_lmdb", fold / "val_lmdb", other / "val_lmdb":
            path.parent.mkdir(exist_ok=True)
            write_noise(path)
        solver.net, solver.max_iter, solver.display, solver.average_loss = str(net), ITERATIONS, 1, 1
        solver.snapshot, solver.snapshot_prefix = 0, "pain"
        (fold / "solver.prototxt").write_text(text_format.MessageToString(solver))
        command = [*command_words(caffe), "train", "-solver", "solver.prototxt"]
        threads = str(max(1, os.cpu_count() // jobs))
        said, memory = run(command + (["-gpu", str(gpu)] if gpu is not None else []), fold, PYTHONPATH=str(ROOT),
                           GLOG_minloglevel="0", OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads)
        disk = sum(path.stat().st_size for path in fold.glob("pain_iter_*"))
    return Training(an_iteration(said), iterations, batch, disk, memory)


def training_cost(measured: Training, size: Size, jobs: int, gpu: int | None) -> Cost:
    """That of all folds. On a GPU trainings are counted one after the other, which is the most that they can take."""
    side_by_side = jobs if gpu is None else 1
    return Cost(size.folds * measured.iterations * measured.seconds / side_by_side, size.folds * measured.disk,
                jobs * measured.memory)


def prediction_cost(measured: Training, size: Size, passes: int = 1) -> Cost:
    """That of a net's passes over all frames."""
    return Cost(passes * size.frames * PREDICTING * measured.seconds / measured.batch, 0., measured.memory)


def write_noise(path: Path) -> None:
    """An LMDB of noise with every label, in the real format."""
    faces = np.random.RandomState(0).randint(0, 256, (2 * CLASSES, HEIGHT, WIDTH, 3)).astype(np.uint8)
    records = (("s/v/%d.png" % i, datum(face, i % CLASSES)) for i, face in enumerate(faces))
    write_lmdb(path, records, len(faces), progress(disable=True))


def an_iteration(log: str) -> float:
    """The seconds of an iteration, by the times in caffe's log: the median but for the first. Raises Problem."""
    times = [datetime.datetime.strptime(found.group(1), "%H:%M:%S.%f")
             for found in map(LOGGED.match, log.splitlines()) if found]
    gaps = [(b - a).total_seconds() % 86400 for a, b in zip(times, times[1:])]
    if len(gaps) < 2:
        raise Problem("measuring caffe: its log tells no iterations' times")
    return statistics.median(gaps[1:])


def osvr_cost(size: Size, jobs: int) -> Cost:
    """That of `make osvr`: features of some faces, and a few iterations on two videos, for both losses."""
    random = np.random.RandomState(0)
    face = random.randint(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    features(face, TEMPLATE)  # filters are made once
    start = time.monotonic()
    made = [features(face, TEMPLATE) for _ in range(5)]
    a_frame, length = (time.monotonic() - start) / 5, size.frames // size.videos
    sequences = [random.uniform(size=(length, 178)) for _ in range(2)]
    labels = [np.minimum(np.arange(length), np.arange(length)[::-1]).clip(0, 5) for _ in range(2)]
    fitting = 0.
    for p in 1, 2:
        start = time.monotonic()
        model = OSVR(p=p, max_iter=20).fit(sequences, labels)
        fitting += (time.monotonic() - start) / 2 * size.videos * 300 / model.n_iter_
    disk = sum(values.nbytes for values in made[0].values()) * size.frames
    return Cost(a_frame * size.frames / jobs + size.subjects * fitting, disk, 0.7 * 2 ** 30)


def free(folder: Path) -> int:
    """The free bytes of the disk that a folder is, or will be, on."""
    folder = folder.resolve()
    return shutil.disk_usage(str(next(path for path in (folder, *folder.parents) if path.exists()))).free
