"""Folds as LMDBs: everything but one subject, or several, to train on, and those to test."""
from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import NamedTuple, Sequence

import numpy as np

from pain.datasets.frames_csv import MADE_BY, fingerprint_of, read_frames
from pain.datasets.lmdbs import HEIGHT, WIDTH, datum, datums, key, open_lmdb, read, write_list, write_lmdb
from pain.datasets.pspi import CLASSES
from pain.datasets.redundant_frames import RULES
from pain.datasets.split import split
from pain.errors import Problem
from pain.files import discard, read_json, remove, sha256
from pain.images import read_image
from pain.locks import alone_in
from pain.processes import workers
from pain.progress import progress
from pain.provenance import Origin, read_origin, write_origin

RECORD = "fold.json"  # in a fold's folder: what it was made from


class LeftOut(NamedTuple):
    """What a fold leaves out: the N usable frames of some subjects, in the order of frames.csv."""

    subjects: list[str]
    names: list[str]  # subject/video/frame.png
    labels: np.ndarray  # (N,) int, 0..5
    keep: np.ndarray  # (N,) bool: which of them other folds are trained on


def read_subjects(frames_csv: str | Path, rule: str) -> list[LeftOut]:
    """The subjects of frames.csv in its order, each by itself. Raises as read_frames(), and for a lone subject."""
    frames_of = {}
    for frame in read_frames(frames_csv):
        if frame.is_aligned:
            frames_of.setdefault(frame.subject, []).append(frame)
    if len(frames_of) < 2:
        raise Problem("%s: frames of %d subject; leaving one subject out takes two or more"
                      % (frames_csv, len(frames_of)))
    return [one_subject(name, frames, rule) for name, frames in frames_of.items()]


def one_subject(name, frames, rule):
    """The LeftOut of a subject. frames: LabelledFrames; rule: a key of RULES."""
    labels, videos = np.array([frame.label for frame in frames]), np.array([frame.video for frame in frames])
    keep = np.zeros(len(frames), bool)
    for video in dict.fromkeys(videos):
        keep[videos == video] = RULES[rule](labels[videos == video])
    return LeftOut([name], [frame.image for frame in frames], labels, keep)


def grouped(subjects: list[LeftOut], folds: int | None) -> list[LeftOut]:
    """Subjects put together into what so many folds leave out; None: one a fold. Raises Problem if there are too few.
    """
    if folds is None:
        return subjects
    if not 2 <= folds <= len(subjects):
        raise Problem("--folds %d: takes 2 to %d, for there are so many subjects" % (folds, len(subjects)))
    groups = split(np.array([len(subject.labels) for subject in subjects]),
                   np.array([(subject.labels > 0).sum() for subject in subjects]), folds)
    return [joined([subjects[i] for i in group]) for group in groups]


def joined(parts):
    """Several LeftOuts as one."""
    subjects, names, labels, keep = zip(*parts)
    return LeftOut(sum(subjects, []), sum(names, []), np.concatenate(labels), np.concatenate(keep))


def subjects_left_out(fold: Path) -> list[str]:
    """The subjects that a fold, its folder, leaves out: those of its fold.json, or else that of its name."""
    made_from = read_made_from(fold / RECORD)
    named = made_from.get("left_out") if isinstance(made_from, dict) else None
    return list(map(str, named)) if isinstance(named, list) and named else [fold.name.split("-", 1)[1]]


def encode(path, label):
    """The Datum (bytes) that convert_imageset writes for an aligned PNG. Raises Problem if it is not one."""
    try:
        image = read_image(path)
    except Problem as problem:
        raise Problem("%s; remove it and run `%s`" % (problem, MADE_BY)) from problem
    if image.shape != (HEIGHT, WIDTH, 3):
        raise Problem("%s: not a colour image of %dx%d; remove it and run `%s`" % (path, HEIGHT, WIDTH, MADE_BY))
    return datum(image, label)


def make_val(aligned, part, folder, pool, bar):
    """Make folder/val_lmdb and val.txt, decoding in the processes of `pool`, unless an earlier call has."""
    if (folder / "val_lmdb").exists():
        bar.update(len(part.names))
        return
    shutil.rmtree(str(folder / "val_lmdb.partial"), ignore_errors=True)
    paths = [aligned / name for name in part.names]
    records = zip(part.names, datums(encode, paths, part.labels, pool))
    write_lmdb(folder / "val_lmdb.partial", records, len(paths), bar)
    write_list(folder / "val.txt", part.names, part.labels)
    (folder / "val_lmdb.partial").rename(folder / "val_lmdb")


def make_train(parts, folders, number, seed, bar):
    """Make train_lmdb and train.txt of the fold that leaves out parts[number], from the val_lmdbs of the others."""
    samples = [(p, i) for p, part in enumerate(parts) if p != number for i in np.flatnonzero(part.keep)]
    order = np.random.RandomState([seed, number]).permutation(len(samples))
    samples = [samples[i] for i in order]
    names = [parts[p].names[i] for p, i in samples]
    shutil.rmtree(str(folders[number] / "train_lmdb"), ignore_errors=True)
    with contextlib.ExitStack() as stack:
        val = {p: stack.enter_context(open_lmdb(folder / "val_lmdb"))
               for p, folder in enumerate(folders) if p != number}
        values = (read(val[p], key(i, name), folders[p] / "val_lmdb") for (p, i), name in zip(samples, names))
        write_lmdb(folders[number] / "train_lmdb", zip(names, values), len(samples), bar)
    write_list(folders[number] / "train.txt", names, [parts[p].labels[i] for p, i in samples])


def make_folds(aligned: str | Path, out: str | Path, rule: str = "code", seed: int = 1, jobs: int = 1,
               folds: int | None = None) -> list[LeftOut]:
    """Make every fold of the aligned dataset that is not there yet. Returns what each leaves out.

    aligned: folder with frames.csv and the aligned PNGs; rule: a key of RULES; jobs: decoding processes; folds: how
    many, or None for one a subject. Folds that this does not make are removed. Raises Problem for unusable frames, an
    unreadable image, more folds than subjects, a full disk, or when another process makes folds in `out`; finished
    folds stay.
    """
    aligned, out = Path(aligned), Path(out)
    subjects = read_subjects(aligned / "frames.csv", rule)
    parts = grouped(subjects, folds)
    with alone_in(out):
        make_folds_alone(aligned, out, parts, {"redundant": rule, "seed": seed}, jobs)
    return parts


def fold_names(subjects: Sequence[str], folds: int | None = None) -> list[str]:
    """What so many folds of some subjects are called: NN-subject, or NN-of-K where they are fewer than the subjects."""
    return ["%02d-%s" % (number, subjects[number - 1] if folds in (None, len(subjects)) else "of-%d" % folds)
            for number in range(1, 1 + (folds or len(subjects)))]


def make_folds_alone(aligned, out, parts, settings, jobs):
    """make_folds() in a folder that is locked. parts: a LeftOut a fold."""
    made_from = dict({"frames.csv": sha256(aligned / "frames.csv"), "images": fingerprint_of(
        aligned, [name for part in parts for name in part.names])}, **settings)
    subjects = [name for part in parts for name in part.subjects]
    names = fold_names(subjects, len(parts))
    remove_stale(out, names)
    folders = [current_folder(out, name, made_from if len(parts) == len(subjects) else dict(
        made_from, left_out=part.subjects)) for name, part in zip(names, parts)]
    data = data_of(aligned / "frames.csv", parts, len(subjects))
    kept = sum(part.keep.sum() for part in parts)
    with progress(total=data.frames + sum(kept - part.keep.sum() for part in parts), unit="frame",
                  desc="%d folds" % len(parts)) as bar:
        with workers(jobs) as pool:
            for part, folder in zip(parts, folders):
                make_val(aligned, part, folder, pool, bar)
        for number, part in enumerate(parts):
            if folders[number].name == names[number]:
                bar.update(kept - part.keep.sum())
            else:
                make_train(parts, folders, number, settings["seed"], bar)
            write_origin(folders[number] / "train.txt", Origin(data._replace(left_out=(names[number],))))
            folders[number] = folders[number].rename(out / names[number])


def data_of(frames_csv, parts, subjects):
    """What all the parts of a frames.csv are to learn from, as provenance has it."""
    counts = sum(np.bincount(part.labels, minlength=CLASSES) for part in parts)
    return read_origin(frames_csv).data._replace(subjects=subjects, frames=int(counts.sum()),
                                                 histogram=tuple(counts.tolist()))


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
