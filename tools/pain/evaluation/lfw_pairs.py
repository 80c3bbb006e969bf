"""The pairs of images that Labeled Faces in the Wild's protocol compares, as its pairs.txt lists them."""
from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from pain.errors import Problem
from pain.people_tables import decode

NUMBER = re.compile("[0-9]{1,9}$")


class Pair(NamedTuple):
    """Two images, (name, number) each; whether they show the same person; the pair's set, from 0; its line."""
    first: tuple[str, int]
    second: tuple[str, int]
    same: bool
    set: int
    line: int


def read_pairs(path):
    """The pairs of a pairs.txt, a list of Pair, and the number of sets. Raises Problem naming the line at fault."""
    try:
        lines = decode(Path(path).read_bytes(), path).rstrip().splitlines() or [""]
    except FileNotFoundError:
        raise Problem("%s: no such file; it lists the pairs to compare, as LFW's does" % path) from None
    numbers = [int(word) if NUMBER.match(word) else 0 for word in lines[0].split()]
    if len(numbers) not in (1, 2) or not all(numbers):
        raise Problem("%s: line 1: %r is not the numbers of sets and of matched pairs in each, as `10 300`"
                      % (path, lines[0][:40]))
    sets, count = numbers if len(numbers) == 2 else (1, *numbers)
    if len(lines) - 1 != 2 * sets * count:
        raise Problem("%s: line 1: %d sets of %d matched and %d mismatched pairs are %d lines, and %d follow"
                      % (path, sets, count, count, 2 * sets * count, len(lines) - 1))
    pairs = [read_pair(text, i // count % 2 == 0, i // count // 2, i + 2, path) for i, text in enumerate(lines[1:])]
    return pairs, sets


def read_pair(text, same, of_set, line, path):
    """The Pair in one line of pairs.txt. Raises Problem when it is none, or of the other kind than `same`."""
    words = [word.strip() for word in text.split("\t")] if "\t" in text else text.split()
    expected = "NAME I J, a matched pair" if same else "NAME I NAME J, a mismatched pair"
    if len(words) != (3 if same else 4):
        raise Problem("%s: line %d: %r is not %s" % (path, line, text[:80], expected))
    first, second = (words[0], words[1]), (words[0] if same else words[2], words[-1])
    if not (NUMBER.match(first[1]) and NUMBER.match(second[1])):
        raise Problem("%s: line %d: %r is not %s" % (path, line, text[:80], expected))
    if first == second or (first[0] == second[0]) != same:
        raise Problem("%s: line %d: %r is %s" % (path, line, text[:80], "an image and itself" if same
                                                 else "a pair of one person among the mismatched"))
    return Pair((first[0], int(first[1])), (second[0], int(second[1])), same, of_set, line)


def find_images(root, people, pairs, path):
    """The images in the pairs: {(name, number): the image's file name}, in the pairs' order.

    people: as list_people() has them. Raises Problem, naming the line of `path`, for one that is not there.
    """
    stems = {name: {Path(image).stem: image for image in reversed(list(images))} for name, images in people.items()}
    found = {}
    for pair in pairs:
        for name, number in pair.first, pair.second:
            if name not in stems:
                raise Problem("%s: line %d: there is no folder %s in %s" % (path, pair.line, name, root))
            stem = "%s_%04d" % (name, number)
            if stem not in stems[name]:
                raise Problem("%s: line %d: there is no image %s in %s" % (path, pair.line, stem, Path(root) / name))
            found[name, number] = stems[name][stem]
    return found
