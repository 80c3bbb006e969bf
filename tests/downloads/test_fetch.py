"""fetch.py and tools/fetch_models.py: what is there already, what is fetched, and what is fetched by hand."""
import hashlib
import json

import pytest

from pain.downloads import fetch
from pain.errors import Problem
from support.project import assert_one_line_error, run_tool
from support.weight_server import CONTENT, OTHER, WHOLE, answer, card, fetched, status


def test_a_wrong_file_is_left_unless_forced(server, tmp_path):
    server.answers, path = [answer()], tmp_path / "m.caffemodel"
    for content, words in (OTHER, "has 150000 bytes"), (b"<html>", "web page"), (OTHER + OTHER[:50000], "SHA"):
        path.write_bytes(content)
        with pytest.raises(Problem, match="m.caffemodel: .*%s.*--force" % words):
            fetch.fetch(card(server), tmp_path)
        assert path.read_bytes() == content and not server.seen
    server.answers = [status(404)]
    with pytest.raises(Problem, match="404"):
        fetch.fetch(card(server), tmp_path, force=True)
    assert path.read_bytes() == content
    server.answers = [answer()]
    fetch.fetch(card(server), tmp_path, force=True)
    assert fetched(tmp_path) == WHOLE


def run_fetch(tmp_path, *args, cards=None):
    if cards is not None:
        (tmp_path / "manifest.json").write_text(json.dumps({"files": cards}))
        args = (*args, "--manifest", tmp_path / "manifest.json")
    return run_tool("fetch_models.py", "--to", tmp_path / "models", *args)


def test_the_command_fetches_all(server, tmp_path):
    server.answers = [answer()]
    process = run_fetch(tmp_path, cards=[card(server), card(server, name="n", file="n.caffemodel")])
    assert process.returncode == 0 and process.stdout.count("as published") == 2, process.stderr
    assert fetched(tmp_path / "models") == (["m.caffemodel", "n.caffemodel"], CONTENT)
    server.answers = [status(404)]
    cards = [card(server, name="gone", file="gone"), card(server)]
    process = run_fetch(tmp_path, cards=cards)
    assert_one_line_error(process, "404")
    assert "as published" in process.stdout  # the others are seen to all the same
    assert_one_line_error(run_fetch(tmp_path, "mm", cards=cards), "mm", "there are gone, m")


def test_nonsense(server, tmp_path):
    assert_one_line_error(run_fetch(tmp_path, "--manifest", tmp_path / "no.json"), "no.json", "no such manifest")
    (tmp_path / "no.json").write_text("<html>")
    assert_one_line_error(run_fetch(tmp_path, "--manifest", tmp_path / "no.json"), "no.json", "not a manifest")
    assert_one_line_error(run_fetch(tmp_path, cards=[dict(card(server), url="file:///etc/hostname")]), "not an http")
    assert not list((tmp_path / "models").iterdir())


def test_files_that_are_fetched_by_hand(tmp_path):
    assert_one_line_error(run_fetch(tmp_path), "face_model", "drive.google.com", "save the file as",
                          tmp_path / "models" / "face_model.caffemodel")
    assert "not there" in run_fetch(tmp_path, "--list").stdout
    (tmp_path / "models").mkdir(exist_ok=True)
    path = tmp_path / "models" / "face_model.caffemodel"
    path.write_text("<!DOCTYPE html>")
    assert_one_line_error(run_fetch(tmp_path), path, "is a web page")
    path.write_bytes(CONTENT)
    process = run_fetch(tmp_path)
    assert process.returncode == 0 and hashlib.sha256(CONTENT).hexdigest() in process.stdout
    assert "there" in run_fetch(tmp_path, "--list").stdout and path.read_bytes() == CONTENT
