"""The synthetic people: LFW's layout and protocol, the same bytes every time, and only the face to tell them by."""
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings, strategies
from PIL import Image

from pain.datasets.synthetic import faces
from pain.datasets.synthetic import people as drawn_people
from pain.datasets.synthetic.folder import make_once
from support.project import assert_one_line_error, run_tool

ARGUMENTS = dict(people=4, images=3, seed=1)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    root = tmp_path_factory.mktemp("people") / "people"
    assert make_once(root, draw=drawn_people.draw_people, **ARGUMENTS)
    return root


def test_layout(people):
    names = {path.relative_to(people).as_posix() for path in people.rglob("*") if path.is_file()}
    assert names == {"pairs.txt", "synthetic.json"} | {
        "p%04d/p%04d_%04d.jpg" % (k, k, i) for k in (1, 2, 3, 4) for i in (1, 2, 3)}
    for path in people.rglob("*.jpg"):
        image = np.asarray(Image.open(str(path)))
        assert image.shape == (240, 320, 3) and 40 < image.mean() < 230 and image.std() > 20


def test_people_do_not_depend_on_how_many_there_are(people, tmp_path):
    make_once(tmp_path / "two", draw=drawn_people.draw_people, **dict(ARGUMENTS, people=2, images=2))
    found = list((tmp_path / "two").rglob("*.jpg"))
    assert len(found) == 4
    for path in found:
        assert path.read_bytes() == (people / path.relative_to(tmp_path / "two")).read_bytes()


def test_half_the_images_are_at_rest():
    rest = drawn_people.expression(np.random.RandomState(0), moved=False)
    assert set(rest) == set(faces.HIGHEST) and not any(rest.values())
    for seed in range(20):
        moved = drawn_people.expression(np.random.RandomState(seed), moved=True)
        assert sum(value > 0 for value in moved.values()) == 4
        assert all(0 <= moved[au] <= highest for au, highest in faces.HIGHEST.items())


@settings(deadline=None, max_examples=50)
@given(strategies.integers(2, 70), strategies.integers(2, 12), strategies.integers(0, 99))
def test_pairs_are_lfws(people, images, seed):
    lines = drawn_people.pairs_text(people, images, np.random.RandomState(seed)).splitlines()
    folds, count = map(int, lines[0].split("\t"))
    assert folds == min(10, people // 2) and 1 <= count <= 50 and len(lines) == 1 + 2 * folds * count
    owner = {}
    for fold in range(folds):
        pairs = [tuple(line.split("\t")) for line in lines[1 + 2 * fold * count:][:2 * count]]
        assert max(Counter(pairs).values()) == 1
        assert all(len(pair) == 3 and int(pair[1]) < int(pair[2]) <= images for pair in pairs[:count])
        assert all(len(pair) == 4 and pair[0] < pair[2] for pair in pairs[count:])
        assert all(1 <= int(number) <= images for pair in pairs[count:] for number in pair[1::2])
        for pair in pairs:
            for name in pair[::2] if len(pair) == 4 else pair[:1]:
                assert 1 <= int(name[1:]) <= people and owner.setdefault(name, fold) == fold


@pytest.mark.parametrize("wrong", [
    ("--people", 1), ("--images", 1), ("--seed", -1), ("--jobs", 0), ("--people", "all")])
def test_bad_arguments(tmp_path, wrong):
    assert_one_line_error(run_tool("make_people.py", tmp_path / "people", *wrong), wrong[0])
    assert list(tmp_path.iterdir()) == []
