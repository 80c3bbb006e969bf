"""People's photographs: a folder a person, images of any type and size."""
from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from pain.datasets.black_frames import read_frame
from pain.errors import Problem
from pain.folders import LONGEST_NAME, is_clutter, is_name
from pain.progress import progress

LARGEST = 1000  # pixels: an image with a longer side is shrunk, which bounds memory and keeps fine detail from aliasing


class Photograph(NamedTuple):
    """A file's size, and when it was changed."""
    bytes: int
    time: float


def list_people(root):
    """The people of the folder `root` in order, {name: {image's name: Photograph}}. Clutter is passed over.

    Raises Problem when there is no such folder, no image in a folder of it, or a name that cannot be used.
    """
    root = Path(root)
    if not root.is_dir():
        raise Problem("%s: no such folder; name one with a folder of images a person" % root)
    people, folders = {}, list_names(root, os.DirEntry.is_dir)
    for person in progress(folders, desc="list", unit="person", leave=False, disable=not folders):
        people[person.name] = {image.name: Photograph(image.stat().st_size, image.stat().st_mtime)
                               for image in list_names(root / person.name, os.DirEntry.is_file)}
    if not any(people.values()):
        raise Problem("%s: no images; there must be a folder a person with images in it" % root)
    return people


def list_names(folder, kind):
    """The os.DirEntry of `kind` in `folder`, in order. Raises Problem for a name that lists and keys cannot hold."""
    with os.scandir(str(folder)) as entries:
        found = sorted((entry for entry in entries if kind(entry) and not is_clutter(entry.name)),
                       key=lambda one: one.name)
    for entry in found:
        if not is_name(entry.name):
            raise Problem("%s: %r is no name to work with; give it printable characters, %d bytes at most"
                          % (folder, entry.name, LONGEST_NAME))
    return found


def read_photograph(path: str | Path) -> tuple[np.ndarray | str, int]:
    """An image as (height, width, 3) uint8 RGB, its longer side at most LARGEST pixels, and by how much it was shrunk.

    In the place of an image that cannot be used, the reason, a str.
    """
    image = read_frame(path)
    if isinstance(image, str):
        return image, 1
    factor = -(-max(image.shape[:2]) // LARGEST)
    return (np.asarray(Image.fromarray(image).reduce(factor)) if factor > 1 else image), factor


def enlarged(face, factor):
    """A Face found in an image shrunk by `factor`, where it is in the image itself."""
    corner, size = face.box[:2], face.box[2:]
    return face._replace(box=np.append((corner + 0.5) * factor - 0.5, size * factor),
                         landmarks=(face.landmarks + 0.5) * factor - 0.5)
