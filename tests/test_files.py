"""files.py: files and folders that are whole or not there, and the project's own tables and JSON."""
import hashlib
import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pain import files, locks
from pain.errors import Problem
from pain.files import (
    fingerprint,
    making,
    or_none,
    parse_json,
    read_csv,
    read_json,
    replacing,
    rounded,
    swept,
    write_csv,
)
from pain.leases import this_machine
from pain.locks import locked


def test_a_file_is_replaced_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    for text in "first", "second":
        with replacing(path) as partial:
            partial.write_text(text)
            assert not path.exists() or path.read_text() == "first"
            assert partial.parent == path.parent and partial.suffix == ".txt"
        assert path.read_text() == text and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_of_a_file_that_fails_nothing_is_left(tmp_path, error):
    def fail(path):
        with pytest.raises(error), replacing(path) as partial:
            partial.write_text("half")
            raise error

    path = tmp_path / "a.txt"
    fail(path)
    assert list(tmp_path.iterdir()) == []
    path.write_text("old")
    fail(path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_csv_whose_rows_fail_leaves_the_old_one(tmp_path):
    def rows():
        yield ["1", "2"]
        raise ValueError

    path = tmp_path / "a.csv"
    write_csv(path, ["a", "b"], [[0, 0.5]])
    with pytest.raises(ValueError):
        write_csv(path, ["a", "b"], rows())
    assert path.read_text() == "a,b\n0,0.5\n" and list(tmp_path.iterdir()) == [path]


# A carriage return alone is no text that csv promises to keep; a NUL, only since Python 3.11.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8)


@settings(max_examples=50, deadline=None)
@given(st.lists(TEXT.filter(bool), min_size=1, max_size=4, unique=True).flatmap(lambda columns: st.tuples(
    st.just(columns), st.lists(st.lists(TEXT, min_size=len(columns), max_size=len(columns)), min_size=1, max_size=4))))
def test_csv_text_comes_back_as_it_was(table):
    columns, rows = table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        write_csv(path, columns, rows)
        assert read_csv(path, columns[:1], "make align") == [dict(zip(columns, row)) for row in rows]


@pytest.mark.parametrize("content, words", [
    (b"", ["no column a, b", "make align"]),
    (b"b,c\n1,2\n", ["no column a;", "make align"]),
    (b"a,b\n", ["no rows", "make align"]),
    (b"a,b\n1,2\n3\n", ["line 3", "2 fields"]),
    (b"a,b\n1,2,3\n", ["line 2", "2 fields"]),
    (b"a,b\n1,\xff\xfe\n", ["not a CSV", "make align"]),
    (b'a,b\n1,"2\n', ["not a CSV", "make align"]),
    (b'a,b\n1,"2"3\n', ["not a CSV", "make align"]),
    (None, ["no such file", "make align"]),
])
def test_a_csv_file_of_something_else_is_refused(tmp_path, content, words):
    path = tmp_path / "a.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Problem) as raised:
        read_csv(path, ["a", "b"], "make align")
    assert "\n" not in str(raised.value)
    for word in [str(path)] + words:
        assert word in str(raised.value)


def test_a_row_of_another_length_is_named_by_the_line_on_which_it_ends(tmp_path):
    (tmp_path / "a.csv").write_text('a,b\n"x\ny",2\n3\n')
    with pytest.raises(Problem, match="line 4 does not have 2 fields"):
        read_csv(tmp_path / "a.csv", ["a"], "make align")
    (tmp_path / "a.csv").write_text("a,b\n\n1,2\n\n")
    assert read_csv(tmp_path / "a.csv", ["a"], "make align") == [{"a": "1", "b": "2"}]
    (tmp_path / "a.csv").write_text("a,b\n\n\n")
    with pytest.raises(Problem, match="no rows"):
        read_csv(tmp_path / "a.csv", ["a"], "make align")


def test_a_folder_is_replaced_when_it_is_whole(tmp_path):
    for text in "first", "second":
        with making(tmp_path / "folder") as partial:
            assert list(partial.iterdir()) == []
            (partial / text).touch()
        assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["folder", "folder/" + text]


def test_of_a_folder_that_fails_nothing_is_left_and_the_old_one_stays(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").touch()
    (tmp_path / ".folder.partial" / "left-over").mkdir(parents=True)  # by a process that was killed
    with pytest.raises(KeyboardInterrupt), making(tmp_path / "folder") as partial:
        assert list(partial.iterdir()) == []
        (partial / "new").touch()
        raise KeyboardInterrupt
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["folder", "folder/old"]


def test_what_the_killed_left_is_removed_and_what_others_are_writing_is_not(tmp_path):
    for name in ".a.17.partial.txt", ".a.5.partial.txt", ".a.b.18.partial.txt", ".a.19.partial.csv", ".b.20.partial":
        (tmp_path / name).write_text("half")
    writing = locked(tmp_path / ".a.17.partial.txt")
    with replacing(tmp_path / "a.txt") as partial:
        partial.write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".a.17.partial.txt", ".a.19.partial.csv", ".a.b.18.partial.txt", ".b.20.partial", "a.txt"]
    os.close(writing)
    with replacing(tmp_path / "a.txt"):
        pass
    assert not (tmp_path / ".a.17.partial.txt").exists()


def test_at_no_time_is_there_half_a_folder(tmp_path, monkeypatch):
    def killed(_):
        raise KeyboardInterrupt

    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").touch()
    with pytest.raises(KeyboardInterrupt), making(tmp_path / "folder") as partial:
        (partial / "new").touch()
        monkeypatch.setattr(files, "remove", killed)
    assert not (tmp_path / "folder").exists() or len(list((tmp_path / "folder").iterdir())) == 1


def test_no_two_make_the_same_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    with making(tmp_path / "folder") as partial:
        (partial / "a").touch()
        with pytest.raises(Problem, match="another process is at work here"), making(tmp_path / "folder"):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_leftovers_are_swept_but_for_what_is_being_made(tmp_path):
    for name in "s/.v1.partial", "s/.v2.partial", "s/v3", "s/.far.partial":
        (tmp_path / name / "inside").mkdir(parents=True)
    (tmp_path / "s/.far.lease").write_text('{"machine": "where locks of this one do not reach"}')
    (tmp_path / "s/.v1.lease").write_text('{"machine": "%s"}' % this_machine())  # of one that was killed
    handle = locked(tmp_path / "s/.v2.partial")

    def folders():
        return sorted(path.name for path in (tmp_path / "s").iterdir() if path.is_dir())
    with swept(tmp_path, "*/.*.partial"):
        assert folders() == [".far.partial", ".v2.partial", "v3"]
        os.close(handle)
    assert folders() == [".far.partial", "v3"]
    (tmp_path / "s/.far.lease").unlink()
    with swept(tmp_path, "*/.*.partial"):
        assert folders() == ["v3"] and not list(tmp_path.glob("s/.*"))


def test_values_as_json_has_them():
    nan = float("nan")
    assert or_none({"a": nan, "b": [1, nan, ("x", nan)], "c": {"d": nan}}) == {
        "a": None, "b": [1, None, ["x", None]], "c": {"d": None}}
    assert (rounded(nan), rounded(None), rounded(2 / 3), rounded(2 / 3, 2)) == (None, None, 0.666667, 0.67)


def test_fingerprints(tmp_path):
    (tmp_path / "a").write_bytes(b"weights")
    assert fingerprint(tmp_path / "a") == hashlib.sha256(b"weights").hexdigest()[:16]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_json_is_read(content):
    text = json.dumps(content)
    assert parse_json(text) == parse_json(text.encode("utf-8")) == content


@pytest.mark.parametrize("content", [
    b"", b"{", b"\xff\xfe", b"nonsense", b"[" * 10 ** 6, b"[" * 50 + b"]" * 50, b'{"a":' * 99 + b"1" + b"}" * 99,
    b'[{"a": [' * 1000 + b"1" + b"]}]" * 1000, b'"' + bytes(9)])
def test_what_is_no_json_is_a_value_error(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError):
        read_json(tmp_path / "a.json")


def test_json_of_any_size_is_not_read(tmp_path):
    with open(str(tmp_path / "a.json"), "wb") as file:
        file.truncate(1 << 40)  # on disk it takes nothing
    with pytest.raises(ValueError, match="more than 64 MiB"):
        read_json(tmp_path / "a.json")
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "b.json")
