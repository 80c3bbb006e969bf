"""The data a face verification net is trained on: a folder of images a person, aligned, as an LMDB that Caffe reads.

    data/casia/<person>/<image>.jpg ──> data/identities/aligned/         by align_people.py
                                                        train_lmdb       all faces, shuffled
                                                        train.txt        the same as text: path and label a line
                                                        people.txt       the people in the order of their labels
                                                        identities.json  what it was made from

A label is the person's number in folder order, from 0, people with too few faces not counted. Keys and Datums are byte
for byte those of Caffe's convert_imageset. The LMDB is made again when faces, --least or --seed have changed.
"""
import concurrent.futures
import hashlib
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
from tqdm import tqdm

from align_faces import read_frame
from align_people import align_people, list_faces, list_people, print_left_out, write_faces
from cli import Parser, Problem, end_on_interrupt, replacing, run
from make_folds import HEIGHT, WIDTH, datum, datums, read_made_from, write_list, write_lmdb


def encode(path, label):
    """The Datum (bytes) that convert_imageset writes for an aligned face. Raises Problem if it is not one."""
    image = read_frame(path)
    if isinstance(image, str):
        raise Problem("%s: %s; remove it and run the command again" % (path, image))
    if image.shape[:2] != (HEIGHT, WIDTH):
        raise Problem("%s: %dx%d pixels, an aligned face has %dx%d; without --aligned faces are found and aligned"
                      % (path, *image.shape[:2], HEIGHT, WIDTH))
    return datum(image, label)


def made_from(folder, names, labels, people, least, seed):
    """What the LMDB of these images is made from, to be written as JSON."""
    images = hashlib.sha256()
    for name, label in zip(names, labels):
        status = os.stat(str(folder / name))
        images.update(("%s %d %d %d\n" % (name, label, status.st_size, status.st_mtime_ns)).encode())
    return {"people": len(people), "faces": len(names), "images": images.hexdigest(), "least": least, "seed": seed}


def make_lmdb(folder, people, out, least, seed, jobs):
    """Make train_lmdb and what goes with it in `out` of `people`, {name: paths below `folder`}, unless it is there."""
    samples = [(name, label) for label, names in enumerate(people.values()) for name in names]
    names, labels = zip(*samples)
    source = made_from(folder, names, labels, people, least, seed)
    record, lmdb, partial = out / "identities.json", out / "train_lmdb", out / ".train_lmdb.partial"
    if read_made_from(record) == source and (lmdb / "data.mdb").exists():
        return
    for old in lmdb, partial:
        shutil.rmtree(str(old), ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    order = np.random.RandomState(seed).permutation(len(samples))
    names, labels = [names[i] for i in order], [labels[i] for i in order]
    try:
        with tqdm(total=len(names), unit="face", desc="train_lmdb") as progress, \
                concurrent.futures.ProcessPoolExecutor(jobs, initializer=end_on_interrupt) as pool:
            paths = ["%s/%s" % (folder, name) for name in names]
            write_lmdb(partial, zip(names, datums(encode, paths, labels, pool)), len(names), progress)
        write_list(out / "train.txt", names, labels)
        with replacing(out / "people.txt") as text:
            text.write_text("".join(person + "\n" for person in people), encoding="utf-8")
        partial.rename(lmdb)
    finally:
        shutil.rmtree(str(partial), ignore_errors=True)
    with replacing(record) as text:
        text.write_text(json.dumps(source, indent=1) + "\n")


def make_identities(root, out, jobs=1, aligned=False, least=2, seed=1):
    """Make the training data of the people in the folder `root`, with `jobs` processes, in the folder `out`.

    aligned: whether the images are aligned faces already; least: faces a person must have; seed: of the shuffling.
    Returns the people, as list_people(); the faces used, {person: paths}; and list_faces()'s Counter of all images.
    Raises Problem for a folder without images, fewer than two people with faces, an image that is no aligned face when
    it should be, a full disk, and as align_people() does.
    """
    root, out, people = Path(root), Path(out), list_people(root)
    if aligned:
        folder = root
        faces = {person: ["%s/%s" % (person, name) for name in images] for person, images in people.items()}
        counts = Counter(detected=sum(map(len, people.values())))
    else:
        folder = out / "aligned"
        align_people(root, folder, people, jobs)
        write_faces(folder, people)
        faces, counts = list_faces(folder, people)
    kept = {person: names for person, names in faces.items() if len(names) >= least}
    if len(kept) < 2:
        raise Problem("%s: %d of %d people have %d faces or more; telling people apart takes two"
                      % (root, len(kept), len(people), least))
    make_lmdb(folder, kept, out, least, seed, jobs)
    return people, kept, counts


def main():
    parser = Parser(__doc__)
    parser.add_argument("root", help="a folder with a folder of images a person, as CASIA-WebFace and MS-Celeb-1M have")
    parser.add_argument("--out", default="data/identities", help="where it all goes (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(),
                        help="processes, of about 1 GB of memory each (default: %(default)s)")
    parser.add_argument("--aligned", action="store_true",
                        help="the images are aligned faces of %d x %d already: look for none" % (HEIGHT, WIDTH))
    parser.add_argument("--least", type=int, default=2, metavar="N",
                        help="leave out people with fewer faces than N (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the shuffling (default: %(default)s)")
    args = parser.parse_args()
    if args.jobs < 1 or args.least < 1 or not 0 <= args.seed < 2 ** 32:
        raise Problem("--jobs and --least take 1 or more, --seed 0 to 4294967295")
    people, kept, counts = make_identities(args.root, args.out, args.jobs, args.aligned, args.least, args.seed)
    print("%s: %d people of %d, %d faces of %d images" % (
        args.out, len(kept), len(people), sum(map(len, kept.values())), sum(counts.values())))
    print_left_out(counts, Path(args.out) / "aligned" / "faces.csv")
    if len(kept) < len(people):
        print("  left out: %d people with fewer than %d faces, %d faces" % (
            len(people) - len(kept), args.least, counts["detected"] - sum(map(len, kept.values()))))


if __name__ == "__main__":
    run(main)
