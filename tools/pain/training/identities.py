"""The people of a face collection as an LMDB that `make pretrain` reads."""
import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import numpy as np

from pain.datasets.black_frames import read_frame
from pain.datasets.folds import read_made_from
from pain.datasets.kinds import kind_of_people
from pain.datasets.lmdbs import HEIGHT, WIDTH, datum, datums, write_list, write_lmdb
from pain.errors import Problem
from pain.faces.aligned_people import align_people, list_faces, write_faces
from pain.faces.photographs import list_people
from pain.files import remove, replacing
from pain.locks import alone_in
from pain.pieces.where import Here
from pain.processes import workers
from pain.progress import progress
from pain.provenance import Data, Origin, write_origin


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
    for old in record, lmdb, partial:  # first what says that the rest is whole
        remove(old)
    out.mkdir(parents=True, exist_ok=True)
    order = np.random.RandomState(seed).permutation(len(samples))
    names, labels = [names[i] for i in order], [labels[i] for i in order]
    try:
        with progress(total=len(names), unit="face", desc="train_lmdb") as bar, workers(jobs) as pool:
            paths = ["%s/%s" % (folder, name) for name in names]
            write_lmdb(partial, zip(names, datums(encode, paths, labels, pool)), len(names), bar)
        write_list(out / "train.txt", names, labels)
        with replacing(out / "people.txt") as text:
            text.write_text("".join(person + "\n" for person in people), encoding="utf-8")
        partial.rename(lmdb)
    finally:
        remove(partial)
    with replacing(record) as text:
        text.write_text(json.dumps(source, indent=1) + "\n")


def make_identities(root, out, jobs=1, aligned=False, least=2, seed=1):
    """Make the training data of the people in the folder `root`, with `jobs` processes, in the folder `out`.

    aligned: whether the images are aligned faces already; least: faces a person must have; seed: of the shuffling.
    Returns the people, as list_people(); the faces used, {person: paths}; and list_faces()'s Counter of all images.
    Raises Problem for a folder without images, fewer than two people with faces, an image that is no aligned face when
    it should be, a full disk, when another process makes the same, and as align_people() does.
    """
    root, out, people = Path(root), Path(out), list_people(root)
    if aligned:
        folder = root
        faces = {person: ["%s/%s" % (person, name) for name in images] for person, images in people.items()}
        counts = Counter(detected=sum(map(len, people.values())))
    else:
        folder = out / "aligned"
        align_people(root, folder, people, Here(jobs))
        write_faces(folder, people)
        faces, counts = list_faces(folder, people)
    kept = {person: names for person, names in faces.items() if len(names) >= least}
    if len(kept) < 2:
        raise Problem("%s: %d of %d people have %d faces or more; telling people apart takes two"
                      % (root, len(kept), len(people), least))
    with alone_in(out):
        make_lmdb(folder, kept, out, least, seed, jobs)
    write_origin(out / "train.txt", Origin(Data(kind_of_people(root), len(kept), sum(map(len, kept.values())))))
    return people, kept, counts
