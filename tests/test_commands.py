"""How tools behave on the command line: what they exit with and say, and files that are whole or not there."""
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pain.errors import Problem
from pain.files import read_csv, replacing, write_csv
from support.project import ROOT, assert_one_line_error


def start(tmp_path, body, **options):
    """Start a tool whose main() is `body`, lines of Python."""
    path = tmp_path / "tool.py"
    path.write_text("import errno, os, signal, sys, time\n"
                    "from pain.command import Parser, end_on_interrupt, fail, run\n"
                    "from pain.errors import Problem\n\n"
                    "def main():\n    %s\n\nrun(main)\n" % body.replace("\n", "\n    "))
    options = dict(dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE), **options)
    environment = dict(os.environ, PYTHONPATH=str(ROOT / "tools"), PYTHONUNBUFFERED="")  # buffered, as is usual
    return subprocess.Popen([sys.executable, str(path)], env=environment, universal_newlines=True, **options)


def finish(tmp_path, body, **options):
    """The tool whose main() is `body`, finished; its output as text."""
    process = start(tmp_path, body, **options)
    out, error = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


# ---- exit statuses ----

def test_success_is_0_and_silent(tmp_path):
    process = finish(tmp_path, "print('done')")
    assert (process.returncode, process.stdout, process.stderr) == (0, "done\n", "")


@pytest.mark.parametrize("body, line", [
    ("raise Problem('a.csv: no such file;\\n    make it with `make align`')",
     "tool.py: a.csv: no such file; make it with `make align`"),
    ("fail('no')", "tool.py: no"),
    ("open('nowhere/a.csv')", "tool.py: nowhere/a.csv: No such file or directory"),
    ("raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'a.csv')",
     "tool.py: a.csv: No space left on device; free some space and run the command again"),
])
def test_what_a_user_can_mend_is_one_line_and_2(tmp_path, body, line):
    process = finish(tmp_path, body)
    assert_one_line_error(process)
    assert process.stderr == line + "\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no /dev/full, a disk that is always full")
def test_output_to_a_full_disk_is_one_line(tmp_path):
    with open("/dev/full", "w") as full:
        process = finish(tmp_path, "print('done')", stdout=full)
    assert_one_line_error(process, "No space left", "free some space")


@pytest.mark.parametrize("error", ["ValueError('a bug')", "OSError('a bug')", "KeyError('a bug')"])
def test_bugs_keep_their_traceback(tmp_path, error):
    process = finish(tmp_path, "raise " + error)
    assert process.returncode == 1 and "Traceback" in process.stderr and "a bug" in process.stderr


def test_an_interrupt_is_one_line_and_130(tmp_path):
    process = finish(tmp_path, "raise KeyboardInterrupt")
    assert process.returncode == 130
    assert process.stderr == "tool.py: interrupted; run the same command again to go on\n"


def test_a_worker_ends_on_an_interrupt_without_a_word(tmp_path):
    process = finish(tmp_path, "end_on_interrupt()\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)")
    assert (process.returncode, process.stdout, process.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize("lines", [1, 100000])  # the first fits into the buffer and breaks only when that is flushed
def test_a_reader_who_has_seen_enough_is_no_error(tmp_path, lines):
    process = start(tmp_path, "sys.stdin.read()\nfor _ in range(%d):\n    print('line')" % lines)
    process.stdout.close()
    process.stdin.close()
    error = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), error) == (0, "")


# ---- arguments ----

PARSER = "parser = Parser('Does a thing.\\n\\nAt length.')\nparser.add_argument('--jobs', type=int)\n%s"


@pytest.mark.parametrize("arguments, words", [(["--jobs", "many"], "'many'"), (["--colour"], "--colour"), (["x"], "x")])
def test_wrong_arguments_are_one_line(tmp_path, arguments, words):
    assert_one_line_error(finish(tmp_path, PARSER % "parser.parse_args(%r)" % arguments), "tool.py: ", words, "--help")


def test_help_is_the_first_line_of_the_doc(tmp_path):
    process = finish(tmp_path, PARSER % "parser.parse_args(['--help'])")
    assert process.returncode == 0 and "Does a thing." in process.stdout and "At length" not in process.stdout


# ---- files ----

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
