"""command.py: how tools behave on the command line: what they exit with, and what they say."""
import os
import signal
import subprocess
import sys

import pytest

from support.bare_python import run_bare_tool
from support.project import ROOT, assert_one_line_error


def start(tmp_path, body, **options):
    """Start a tool whose main() is `body`, lines of Python."""
    path = tmp_path / "tool.py"
    path.write_text("import errno, os, signal, sys, time\n"
                    "from pain.command import fail, run\nfrom pain.command_line import Parser\n"
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


def test_success_is_0_and_silent(tmp_path):
    process = finish(tmp_path, "print('done')")
    assert (process.returncode, process.stdout, process.stderr) == (0, "done\n", "")


@pytest.mark.parametrize("body, line", [
    ("raise Problem('a.csv: no such file;\\n    make it with `make align`')",
     "tool.py: a.csv: no such file; make it with `make align`"),
    ("fail('no')", "tool.py: no"),
    ("fail('\\x1b[31m' + 'a' * 5000 + '\\udcff')", "tool.py: \\x1b[31m" + "a" * 392 + " ... " + "a" * 144 + "\\udcff"),
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


def test_output_that_the_terminal_has_no_letters_for(tmp_path):
    process = finish(tmp_path, "print(os.fsdecode(b'M\\xfcller'), '\u2500')")
    assert (process.returncode, process.stdout, process.stderr) == (0, "M\\udcfcller \u2500\n", "")


@pytest.mark.parametrize("error", ["ValueError", "OSError", "KeyError", "RuntimeError"])
def test_bugs_keep_their_traceback(tmp_path, error):
    process = finish(tmp_path, "raise %s('a bug')" % error)
    assert process.returncode == 1 and "Traceback" in process.stderr and "a bug" in process.stderr


@pytest.mark.parametrize("body", [
    "raise KeyboardInterrupt",  # within a wait of threading, it may find the lock released that a `with` is to release
    "import threading\nlock = threading.Lock()\nwith lock:\n    lock.release()\n    raise KeyboardInterrupt"])
def test_an_interrupt_is_one_line_and_130(tmp_path, body):
    process = finish(tmp_path, body)
    assert process.returncode == 130
    assert process.stderr == "tool.py: interrupted; run the same command again to go on\n"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_being_told_to_end_is_an_interrupt_and_once(tmp_path, usual_signals, name):
    process = finish(tmp_path, "try:\n    os.kill(os.getpid(), signal.%s)\n    time.sleep(600)\nfinally:\n"
                     "    os.kill(os.getpid(), signal.SIGTERM)\n    print('put away')" % name)
    assert (process.returncode, process.stdout) == (130, "put away\n")
    assert process.stderr == "tool.py: interrupted; run the same command again to go on\n"


def test_what_nohup_ignores_stays_ignored(tmp_path, usual_signals):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    process = finish(tmp_path, "os.kill(os.getpid(), signal.SIGHUP)\nprint('on it goes')")
    assert (process.returncode, process.stdout, process.stderr) == (0, "on it goes\n", "")


@pytest.mark.parametrize("lines", [1, 100000])  # the first fits into the buffer and breaks only when that is flushed
def test_a_reader_who_has_seen_enough_is_no_error(tmp_path, lines):
    process = start(tmp_path, "sys.stdin.read()\nfor _ in range(%d):\n    print('line')" % lines)
    process.stdout.close()
    process.stdin.close()
    error = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), error) == (0, "")


PARSER = "parser = Parser('Does a thing.\\n\\nAt length.')\nparser.add_argument('--jobs', type=int)\n%s"


@pytest.mark.parametrize("arguments, words", [(["--jobs", "many"], "'many'"), (["--colour"], "--colour"), (["x"], "x")])
def test_wrong_arguments_are_one_line(tmp_path, arguments, words):
    assert_one_line_error(finish(tmp_path, PARSER % "parser.parse_args(%r)" % arguments), "tool.py: ", words, "--help")


def test_help_is_the_first_line_of_the_doc(tmp_path):
    process = finish(tmp_path, PARSER % "parser.parse_args(['--help'])")
    assert process.returncode == 0 and "Does a thing." in process.stdout and "At length" not in process.stdout


@pytest.mark.parametrize("tool", sorted(path.name for path in (ROOT / "tools").glob("*.py")))
def test_a_missing_package_is_one_line(tool):
    process = run_bare_tool(tool, "--help", packages=())
    assert_one_line_error(process, tool + ": this command: needs the package", "install")


@pytest.mark.parametrize("package", ["numpy", "argparse"])
def test_an_interrupt_while_it_is_imported_is_one_line(tmp_path, usual_signals, package):
    """Even where the package takes the exception for another, as NumPy does."""
    (tmp_path / (package + ".py")).write_text("import os, signal, time\n"
                                       "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(600)\n"
                                       "except BaseException as error:\n    raise ImportError('damaged') from error\n")
    process = subprocess.run([sys.executable, str(ROOT / "tools" / "evaluate.py")], text=True, stderr=subprocess.PIPE,
                             env=dict(os.environ, PYTHONPATH=str(tmp_path)))
    assert process.returncode == 130
    assert process.stderr == "evaluate.py: interrupted; run the same command again to go on\n"


def test_an_interrupt_once_it_is_imported_is_one_line(tmp_path, usual_signals):
    (tmp_path / "tool.py").write_text("from pain.command import starting\nwith starting(__name__):\n"
                                      "    import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    process = subprocess.run([sys.executable, str(tmp_path / "tool.py")], capture_output=True, text=True,
                             env=dict(os.environ, PYTHONPATH=str(ROOT / "tools")))
    assert process.stderr == "tool.py: interrupted; run the same command again to go on\n"


def test_a_package_that_is_missing_later_is_one_line(tmp_path):
    assert_one_line_error(finish(tmp_path, "import no_such_package"), "needs the package no_such_package")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_once_all_is_done_is_no_traceback(tmp_path, usual_signals, name):
    process = finish(tmp_path, "import atexit\natexit.register(lambda: os.kill(os.getpid(), signal.%s))\n"
                     "print('done')" % name)
    assert (process.returncode, process.stdout, process.stderr) == (-getattr(signal, name), "done\n", "")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_while_an_object_is_freed_is_one(tmp_path, usual_signals, name):
    """Python prints what is raised there, and goes on."""
    process = finish(tmp_path, "class Object:\n    def __del__(self):\n        os.kill(os.getpid(), signal.%s)\n"
                     "        time.sleep(0.1)\nObject()\ntime.sleep(600)\nprint('on it goes')" % name)
    assert (process.returncode, process.stdout) == (130, "")
    assert process.stderr == "tool.py: interrupted; run the same command again to go on\n"


@pytest.mark.parametrize("body", ["import package", "from pain.command import importing\nwith importing():\n"
                                  "    exec(open('package.py').read())"])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_while_a_command_imports_more(tmp_path, usual_signals, name, body):
    """Where the package takes the exception for another, too."""
    (tmp_path / "package.py").write_text("import os, signal, time\ntry:\n    os.kill(os.getpid(), signal.%s)\n"
                                         "    time.sleep(3)\nexcept BaseException:\n    print('on it goes')" % name)
    process = finish(tmp_path, body, cwd=str(tmp_path))
    assert (process.returncode, process.stdout) == (130, "")
    assert process.stderr == "tool.py: interrupted; run the same command again to go on\n"


AT_ONCE = """
import os, signal
from pain.command import run
usual = signal.signal

def and_kill(number, handler):
    usual(number, handler)
    if number == signal.%s and callable(handler):
        os.kill(os.getpid(), number)

def main():
    print("on it goes")

signal.signal = and_kill
run(main)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_as_soon_as_it_is_heard(tmp_path, usual_signals, name):
    (tmp_path / "tool.py").write_text(AT_ONCE % name)
    process = subprocess.run([sys.executable, str(tmp_path / "tool.py")], capture_output=True, text=True,
                             env=dict(os.environ, PYTHONPATH=str(ROOT / "tools")))
    assert (process.returncode, process.stdout) == (130, "")
    assert process.stderr == "tool.py: interrupted; run the same command again to go on\n"


THREAD = "import threading\nthreading.Thread(target=time.sleep, args=[30]).start()\nprint('begun')\n%s"


@pytest.mark.parametrize("end, status", [("raise KeyboardInterrupt", 130), ("print('done')", 0), ("fail('no')", 2)])
def test_threads_are_not_waited_for(tmp_path, end, status):
    process = finish(tmp_path, THREAD % end)
    assert (process.returncode, process.stdout) == (status, "begun\n" + "done\n" * (status == 0))


def test_being_told_to_end_it_ends_in_time(tmp_path, usual_signals):
    body = "from pain import command\ncommand.LATEST = 0.1\ntry:\n    os.kill(os.getpid(), signal.SIGTERM)\n" \
        "finally:\n    time.sleep(30)\n    print('late')"
    process = finish(tmp_path, body)
    assert process.returncode == 130
    assert process.stderr == "tool.py: interrupted; run the same command again to go on\n"
