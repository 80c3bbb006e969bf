"""Leave-one-subject-out folds as LMDBs: everything but one subject to train on, that one to test."""
from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import numpy as np

from pain.datasets.frames_csv import MADE_BY, read_frames
from pain.datasets.lmdbs import HEIGHT, WIDTH, datum, datums, key, open_lmdb, read, write_list, write_lmdb
from pain.datasets.pspi import CLASSES
from pain.datasets.redundant_frames import RULES
from pain.errors import Problem
from pain.files import discard, read_json, remove, sha256
from pain.images import read_image
from pain.locks import alone_in
from pain.processes import workers
from pain.progress import progress
from pain.provenance import Data, Origin, read_origin, write_origin

RECORD = "fold.json"  # in a fold's folder: what it was made from


class Subject:
    """A subject's usable frames: names (`subject/video/frame.png`), labels (N,) 0..5, keep (N,) for training."""

    def __init__(self, name, frames, rule):
        self.name = name
        self.names = [frame.image for frame in frames]
        self.labels = np.array([frame.label for frame in frames])
        videos = np.array([frame.video for frame in frames])
        self.keep = np.zeros(len(frames), bool)
        for video in dict.fromkeys(videos):
            self.keep[videos == video] = RULES[rule](self.labels[videos == video])


def read_subjects(frames_csv: str | Path, rule: str) -> list[Subject]:
    """The subjects of frames.csv, a list of Subject in its order. Raises as read_frames(), and for a lone subject."""
    frames_of = {}
    for frame in read_frames(frames_csv):
        if frame.is_aligned:
            frames_of.setdefault(frame.subject, []).append(frame)
    if len(frames_of) < 2:
        raise Problem("%s: frames of %d subject; leaving one subject out takes two or more"
                      % (frames_csv, len(frames_of)))
    return [Subject(name, frames, rule) for name, frames in frames_of.items()]


def encode(path, label):
    """The Datum (bytes) that convert_imageset writes for an aligned PNG. Raises Problem if it is not one."""
    try:
        image = read_image(path)
    except Problem as problem:
        raise Problem("%s; remove it and run `%s`" % (problem, MADE_BY)) from problem
    if image.shape != (HEIGHT, WIDTH, 3):
        raise Problem("%s: not a colour image of %dx%d; remove it and run `%s`" % (path, HEIGHT, WIDTH, MADE_BY))
    return datum(image, label)


def make_val(aligned, subject, folder, pool, bar):
    """Make folder/val_lmdb and val.txt, decoding in the processes of `pool`, unless an earlier call has."""
    if (folder / "val_lmdb").exists():
        bar.update(len(subject.names))
        return
    shutil.rmtree(str(folder / "val_lmdb.partial"), ignore_errors=True)
    paths = [aligned / name for name in subject.names]
    records = zip(subject.names, datums(encode, paths, subject.labels, pool))
    write_lmdb(folder / "val_lmdb.partial", records, len(paths), bar)
    write_list(folder / "val.txt", subject.names, subject.labels)
    (folder / "val_lmdb.partial").rename(folder / "val_lmdb")


def make_train(subjects, folders, left_out, seed, bar):
    """Make train_lmdb and train.txt of the fold that leaves out subject number `left_out`, from the val_lmdbs."""
    samples = [(s, i) for s, subject in enumerate(subjects) if s != left_out for i in np.flatnonzero(subject.keep)]
    order = np.random.RandomState([seed, left_out]).permutation(len(samples))
    samples = [samples[i] for i in order]
    names = [subjects[s].names[i] for s, i in samples]
    shutil.rmtree(str(folders[left_out] / "train_lmdb"), ignore_errors=True)
    with contextlib.ExitStack() as stack:
        val = {s: stack.enter_context(open_lmdb(folder / "val_lmdb"))
               for s, folder in enumerate(folders) if s != left_out}
        values = (read(val[s], key(i, name), folders[s] / "val_lmdb") for (s, i), name in zip(samples, names))
        write_lmdb(folders[left_out] / "train_lmdb", zip(names, values), len(samples), bar)
    write_list(folders[left_out] / "train.txt", names, [subjects[s].labels[i] for s, i in samples])


def make_folds(aligned: str | Path, out: str | Path, rule: str = "code", seed: int = 1, jobs: int = 1) -> list[Subject]:
    """Make every fold of the aligned dataset that is not there yet. Returns the list of Subject.

    aligned: folder with frames.csv and the aligned PNGs; rule: a key of RULES; jobs: decoding processes.
    Folds of subjects that are no longer there are removed. Raises Problem for unusable frames, an unreadable image, a
    full disk, or when another process makes folds in `out`; finished folds stay.
    """
    aligned, out = Path(aligned), Path(out)
    subjects = read_subjects(aligned / "frames.csv", rule)
    with alone_in(out):
        return make_folds_alone(aligned, out, subjects, rule, seed, jobs)


def make_folds_alone(aligned, out, subjects, rule, seed, jobs):
    """make_folds() of these Subjects, in a folder that is locked."""
    made_from = {"frames.csv": sha256(aligned / "frames.csv"), "redundant": rule, "seed": seed}
    kept = sum(subject.keep.sum() for subject in subjects)
    names = ["%02d-%s" % (number, subject.name) for number, subject in enumerate(subjects, 1)]
    remove_stale(out, names)
    folders = [current_folder(out, name, made_from) for name in names]
    frames = sum(len(subject.names) for subject in subjects)
    data = data_of(aligned / "frames.csv", subjects)
    with progress(total=frames + sum(kept - subject.keep.sum() for subject in subjects), unit="frame",
                  desc="%d folds" % len(subjects)) as bar:
        with workers(jobs) as pool:
            for subject, folder in zip(subjects, folders):
                make_val(aligned, subject, folder, pool, bar)
        for number, subject in enumerate(subjects):
            if folders[number].name == names[number]:
                bar.update(kept - subject.keep.sum())
                continue
            make_train(subjects, folders, number, seed, bar)
            folders[number] = folders[number].rename(out / names[number])
    for folder in folders:
        write_origin(folder / "train.txt", Origin(data._replace(left_out=(folder.name,))))
    return subjects


def data_of(frames_csv, subjects):
    """What the Subjects of a frames.csv are to learn from, as provenance has it."""
    counts = sum(np.bincount(subject.labels, minlength=CLASSES) for subject in subjects)
    return Data(read_origin(frames_csv).kind, len(subjects), int(counts.sum()), tuple(counts.tolist()))


def partial_folder(out, name):
    """Where the fold of this name grows."""
    return out / (".%s.partial" % name)


def remove_stale(out, names):
    """Remove from `out` the folds, and what grows or was left of them, that are not of these names."""
    growing = {partial_folder(out, name) for name in names}
    for folder in out.iterdir():
        if folder.name.startswith("."):
            if folder.name.endswith(".partial") and folder not in growing:
                remove(folder)
        elif folder.name not in names and (folder / RECORD).exists():
            discard(folder)


def current_folder(out, name, made_from):
    """The fold's folder: `out`/name when it is finished, else .name.partial beside it; made from other things, none."""
    finished, partial = out / name, partial_folder(out, name)
    for folder in finished, partial:
        if folder.exists() and made_from != read_made_from(folder / RECORD):
            discard(folder)
    if finished.exists():
        remove(partial)
        return finished
    partial.mkdir(exist_ok=True)
    (partial / RECORD).write_text(json.dumps(made_from, indent=1) + "\n")
    return partial


def read_made_from(path):
    """The contents of a fold's fold.json, or the like; None if there is none to read."""
    try:
        return read_json(path)
    except (OSError, ValueError):
        return None
