"""What a worker finds wrong with itself, in a line each."""
from pathlib import Path
from types import SimpleNamespace

import pytest

from pain.pieces import on_worker
from support.project import ROOT


def worker(memory=2 * 10 ** 9, threads=2):
    return SimpleNamespace(memory_manager=SimpleNamespace(memory_limit=memory), state=SimpleNamespace(nthreads=threads))


@pytest.fixture
def needs(tmp_path):
    tools = ROOT / "tools"
    return {"tools": str(tools), "version": on_worker.version(tools), "torch": on_worker.version_of("torch"),
            "folder": str(tmp_path), "inputs": [str(tmp_path)], "memory": 10 ** 9, "gpu": False}


def test_a_worker_that_lacks_nothing(needs):
    assert on_worker.unfit(needs, worker()) == ""
    assert on_worker.unfit(dict(needs, memory=10 ** 12), worker(memory=None)) == ""  # nobody knows how much it has


@pytest.mark.parametrize("changed, said", [
    ({"tools": "/no/tools"}, "has no project in /no/tools; have all share one file system"),
    ({"version": "0"}, "has another version of the project in %s" % (ROOT / "tools")),
    ({"torch": "0.1"}, "torch, and here is 0.1; start it with the same Python environment"),
    ({"inputs": ["/no/folds"]}, "does not see /no/folds; have all share one file system"),
    ({"folder": "/no/folder"}, "does not see /no/folder; have all share one file system"),
    ({"memory": 1.1e9}, "has 1.0 GB for a piece that takes 1.1 GB; start it with fewer --nthreads")])
def test_what_a_worker_lacks(changed, said, needs):
    assert said in on_worker.unfit(dict(needs, **changed), worker())


def test_a_project_is_of_another_version_once_a_line_of_it_is(tmp_path):
    versions = [on_worker.version(tmp_path / "tools")]
    for folder in "tools/pain", "layers", "engine/caffe":
        (tmp_path / folder).mkdir(parents=True)
        for text in "1\n", "2\n":
            (tmp_path / folder / "a.py").write_text(text)
            versions.append(on_worker.version(tmp_path / "tools"))
    assert versions[0] == "" and len(set(versions)) == 7  # "": there is none


def test_an_answer_is_a_file_beside_the_token(tmp_path):
    token = tmp_path / "token"
    assert on_worker.answer(str(token)) == (
        "", "does not see %s as it is here; have all share one file system" % tmp_path)
    token.write_text("mine")
    written, why = on_worker.answer(str(token))
    assert why == "" and Path(written).parent == tmp_path and Path(written).read_text() == "mine"
