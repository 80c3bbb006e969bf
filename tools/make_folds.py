"""Leave-one-subject-out folds of aligned frames, as LMDBs that Caffe reads.

    data/aligned/frames.csv ──> data/folds/NN-subject/val_lmdb     every frame of the subject, in order
                                                      train_lmdb   the other subjects' frames, redundant ones left
                                                                   out, shuffled
                                                      val.txt, train.txt   the same as text: path and label a line
                                                      fold.json    what it was made from

Keys and Datums are byte for byte those of Caffe's convert_imageset. Every image is decoded once, into its subject's
val_lmdb, from which the train_lmdbs copy it. A fold is built in .NN-subject.partial, and renamed when it is complete.
"""
import concurrent.futures
import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path

import lmdb
import numpy as np
from caffe.proto import caffe_pb2
from tqdm import tqdm

from cli import Parser, Problem, end_on_interrupt, read_csv, run
from images import read_image
from unbc import CLASSES, parse_pspi, quantise

HEIGHT, WIDTH = 112, 96
MADE_BY = "make align"
COMMIT_EVERY = 1000  # frames a transaction, as convert_imageset


def keep_code(labels):
    """The authors' code's rule: of every window of 5 equal consecutive labels the first frame, of the rest all."""
    keep, run_length = np.ones(len(labels), bool), 0
    for i, label in enumerate(labels):
        run_length = run_length + 1 if i and label == labels[i - 1] else 1
        if run_length % 5 == 0:
            keep[i - 3:i + 1] = False
    return keep


def keep_paper(labels):
    """The paper's words (section 3.3): of a run of more than 5 equal labels the first frame, of shorter runs all."""
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    keep = np.ones(len(labels), bool)
    for start, end in zip(starts, np.append(starts[1:], len(labels))):
        if end - start > 5:
            keep[start + 1:end] = False
    return keep


# Each takes the labels of one video, (N,) integers, and gives the frames to keep for training, (N,) booleans.
RULES = {"code": keep_code, "paper": keep_paper, "none": lambda labels: np.ones(len(labels), bool)}


class Subject:
    """A subject's usable frames: names (`subject/video/frame.png`), labels (N,) 0..5, keep (N,) for training."""

    def __init__(self, name, rows, rule):
        self.name = name
        self.names = ["%s/%s/%s.png" % (name, row["video"], row["frame"]) for row in rows]
        self.labels = np.array([row["label"] for row in rows])
        videos = np.array([row["video"] for row in rows])
        self.keep = np.zeros(len(rows), bool)
        for video in dict.fromkeys(videos):
            self.keep[videos == video] = RULES[rule](self.labels[videos == video])


def read_subjects(frames_csv, rule):
    """The subjects of frames.csv, a list of Subject in its order. Raises Problem for a bad row or a lone subject."""
    rows_of = {}
    for line, row in enumerate(read_csv(frames_csv, ("subject", "video", "frame", "pspi", "status"), MADE_BY), 2):
        if row["status"] in ("detected", "interpolated"):
            row["label"] = int(quantise(parse_pspi(row["pspi"], "%s: line %d" % (frames_csv, line))))
            rows_of.setdefault(row["subject"], []).append(row)
        elif row["status"] != "missing":
            raise Problem("%s: line %d: status %r is not detected, interpolated or missing"
                          % (frames_csv, line, row["status"]))
    if len(rows_of) < 2:
        raise Problem("%s: frames of %d subject; leaving one subject out takes two or more"
                      % (frames_csv, len(rows_of)))
    return [Subject(name, rows, rule) for name, rows in rows_of.items()]


def encode(path, label):
    """The Datum (bytes) that convert_imageset writes for an aligned PNG. Raises Problem if it is not one."""
    try:
        image = read_image(path)
    except Problem as problem:
        raise Problem("%s; remove it and run `%s`" % (problem, MADE_BY))
    if image.shape != (HEIGHT, WIDTH, 3):
        raise Problem("%s: not a colour image of %dx%d; remove it and run `%s`" % (path, HEIGHT, WIDTH, MADE_BY))
    return datum(image, label)


def datum(image, label):
    """The Datum (bytes) of an aligned face: (112, 96, 3) uint8 RGB."""
    return caffe_pb2.Datum(channels=3, height=HEIGHT, width=WIDTH, data=image[:, :, ::-1].transpose(2, 0, 1).tobytes(),
                           label=int(label), encoded=False).SerializeToString()


def datums(encode, paths, labels, pool):
    """Yield encode(path, label) of each, made in the processes of `pool`, some at a time: memory stays bounded."""
    for start in range(0, len(paths), COMMIT_EVERY):
        some = slice(start, start + COMMIT_EVERY)
        yield from pool.map(encode, paths[some], labels[some], chunksize=50)


def key(index, name):
    """The LMDB key of line `index` of a list file, as convert_imageset makes it."""
    return b"%08d_%s" % (index, name.encode())


def write_lmdb(path, records, count, progress):
    """Write (name, Datum bytes) pairs, `count` of them, as the LMDB folder `path`."""
    size = HEIGHT * WIDTH * 3 + 1024
    environment = lmdb.open(str(path), map_size=count * (size + 4096 + 512) + (16 << 20), sync=False)
    try:
        transaction = environment.begin(write=True)
        for index, (name, datum) in enumerate(records):
            transaction.put(key(index, name), datum, append=True)
            progress.update()
            if (index + 1) % COMMIT_EVERY == 0:
                transaction.commit()
                transaction = environment.begin(write=True)
        transaction.commit()
        environment.sync(True)
    except lmdb.Error as error:
        raise Problem("%s: %s; free some space and run the command again, what is finished is kept" % (path, error))
    finally:
        environment.close()


@contextlib.contextmanager
def open_lmdb(path):
    """A read transaction on the LMDB folder `path`, its values as buffers. Raises Problem if it is not one."""
    try:
        environment = lmdb.open(str(path), readonly=True, lock=False, readahead=False)
    except lmdb.Error as error:
        raise Problem("%s: not a readable LMDB (%s); remove %s and make it again" % (path, error, path.parent))
    with environment, environment.begin(buffers=True) as transaction:
        yield transaction


def read(transaction, name, path):
    """The value of the key `name` in the LMDB `path`, a buffer. Raises Problem if it is not there."""
    value = transaction.get(name)
    if value is None:
        raise Problem("%s: incomplete, no key %s; remove %s and make it again" % (path, name.decode(), path.parent))
    return value


def write_list(path, names, labels):
    """Write convert_imageset's list file: a path and a label a line."""
    with open(str(path), "w", encoding="utf-8") as file:
        file.writelines("%s %d\n" % pair for pair in zip(names, labels))
        file.flush()
        os.fsync(file.fileno())


def read_list(path):
    """The names, list of str, and labels, list of int, of a list file. Raises Problem when missing or malformed."""
    try:
        pairs = [line.rsplit(" ", 1) for line in Path(path).read_text(encoding="utf-8").splitlines()]
        return [name for name, _ in pairs], [int(label) for _, label in pairs]
    except (FileNotFoundError, UnicodeDecodeError, ValueError):
        raise Problem("%s: missing or no list of paths and labels; remove %s and run `make folds`"
                      % (path, Path(path).parent))


def make_val(aligned, subject, folder, pool, progress):
    """Make folder/val_lmdb and val.txt, decoding in the processes of `pool`, unless an earlier call has."""
    if (folder / "val_lmdb").exists():
        progress.update(len(subject.names))
        return
    shutil.rmtree(str(folder / "val_lmdb.partial"), ignore_errors=True)
    paths = [aligned / name for name in subject.names]
    records = zip(subject.names, datums(encode, paths, subject.labels, pool))
    write_lmdb(folder / "val_lmdb.partial", records, len(paths), progress)
    write_list(folder / "val.txt", subject.names, subject.labels)
    (folder / "val_lmdb.partial").rename(folder / "val_lmdb")


def make_train(subjects, folders, left_out, seed, progress):
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
        write_lmdb(folders[left_out] / "train_lmdb", zip(names, values), len(samples), progress)
    write_list(folders[left_out] / "train.txt", names, [subjects[s].labels[i] for s, i in samples])


def make_folds(aligned, out, rule="code", seed=1, jobs=1):
    """Make every fold of the aligned dataset that is not there yet. Returns the list of Subject.

    aligned: folder with frames.csv and the aligned PNGs; rule: a key of RULES; jobs: decoding processes.
    Raises Problem for unusable frames, an unreadable image, or a full disk; finished folds stay.
    """
    aligned, out = Path(aligned), Path(out)
    subjects = read_subjects(aligned / "frames.csv", rule)
    made_from = {"frames.csv": hashlib.sha256((aligned / "frames.csv").read_bytes()).hexdigest(),
                 "redundant": rule, "seed": seed}
    kept = sum(subject.keep.sum() for subject in subjects)
    names = ["%02d-%s" % (number, subject.name) for number, subject in enumerate(subjects, 1)]
    folders = [current_folder(out, name, made_from) for name in names]
    frames = sum(len(subject.names) for subject in subjects)
    with tqdm(total=frames + sum(kept - subject.keep.sum() for subject in subjects), unit="frame",
              desc="%d folds" % len(subjects)) as progress:
        with concurrent.futures.ProcessPoolExecutor(jobs, initializer=end_on_interrupt) as pool:
            for subject, folder in zip(subjects, folders):
                make_val(aligned, subject, folder, pool, progress)
        for number, subject in enumerate(subjects):
            if folders[number].name == names[number]:
                progress.update(kept - subject.keep.sum())
                continue
            make_train(subjects, folders, number, seed, progress)
            folders[number] = folders[number].rename(out / names[number])
    return subjects


def current_folder(out, name, made_from):
    """The fold's folder: `out`/name when it is finished, else .name.partial beside it; made from other things, none."""
    finished, partial = out / name, out / (".%s.partial" % name)
    for folder in finished, partial:
        if folder.exists() and made_from != read_made_from(folder / "fold.json"):
            shutil.rmtree(str(folder))
    if finished.exists():
        return finished
    partial.mkdir(parents=True, exist_ok=True)
    (partial / "fold.json").write_text(json.dumps(made_from, indent=1) + "\n")
    return partial


def read_made_from(path):
    """The contents of a fold's fold.json, or the like; None if there is none to read."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def main():
    parser = Parser(__doc__)
    parser.add_argument("--aligned", default="data/aligned", help="where `make align` put them (default: %(default)s)")
    parser.add_argument("--out", default="data/folds", help="where the folds go (default: %(default)s)")
    parser.add_argument("--redundant", choices=RULES, default="code",
                        help="which frames training leaves out: by the authors' code, the paper's words, or none")
    parser.add_argument("--seed", type=int, default=1, help="of the shuffling (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="decoding processes (default: %(default)s)")
    args = parser.parse_args()
    if args.seed < 0 or args.jobs < 1:
        raise Problem("--seed takes 0 or more, --jobs 1 or more")
    subjects = make_folds(args.aligned, args.out, args.redundant, args.seed, args.jobs)
    labels = np.concatenate([subject.labels for subject in subjects])
    keep = np.concatenate([subject.keep for subject in subjects])
    print("%s: %d folds of %d frames, %d of them not redundant" % (args.out, len(subjects), len(labels), keep.sum()))
    print("  intensity      " + "".join("%8d" % intensity for intensity in range(CLASSES)))
    for what, some in ("all frames", labels), ("for training", labels[keep]):
        print("  %-15s" % what + "".join("%8d" % count for count in np.bincount(some, minlength=CLASSES)))


if __name__ == "__main__":
    run(main)
