"""manifest.py: the cards of published files, and what is no card."""
import json

import pytest

from pain.downloads.manifest import MANIFEST, read_manifest
from pain.errors import Problem
from support.project import ROOT

CARD = dict(name="m", file="m", what="w", source="s", url="u", licence="l", loads_into=["n"])


@pytest.mark.parametrize("cards, words", [
    ([{"name": "m"}], "m has no file, what"), ([3], "not a manifest"), ("m", "not a manifest"),
    ([dict(CARD, file="../m")], "without a folder"), ([dict(CARD, file=".m")], "without a folder"),
    ([dict(CARD, archive={"size": 3})], "m has no archive member"), ([dict(CARD, size="3")], "its size is of"),
    ([dict(CARD, sha256=3)], "its sha256"), ([dict(CARD, loads_into=[3])], "its loads_into"),
    ([dict(CARD, mirrors="m")], "its mirrors"), ([dict(CARD, archive={"member": 3})], "its member"),
])
def test_nonsense_in_the_manifest(tmp_path, cards, words):
    (tmp_path / "manifest.json").write_text(json.dumps({"files": cards}))
    with pytest.raises(Problem, match="manifest.json: .*" + words):
        read_manifest(tmp_path / "manifest.json")


def test_a_manifest_without_an_end(tmp_path):
    (tmp_path / "manifest.json").write_text("[" * 100000)
    with pytest.raises(Problem, match="manifest.json: not a manifest"):
        read_manifest(tmp_path / "manifest.json")


def test_our_manifest():
    for name, card in read_manifest(MANIFEST).items():
        assert all((ROOT / net).exists() for net in card["loads_into"])
        assert card["by_hand"] or card["sha256"], name  # nothing is fetched that cannot be checked
