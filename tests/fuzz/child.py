"""A command run in a process of its own, forked from this one, in which all that it imports is loaded already."""
import os
import re
import resource
import select
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import NamedTuple

from pain.command import run
from pain.errors import Unfinished

MEMORY = 4 << 30  # bytes that a command may take
PATIENCE = 30  # times as long as it may compute a command may take, for it may not be alone on the machine
PROGRESS = re.compile(r"%\||\d\d:\d\d, ")  # in lines of progress
BUG = 70  # the status of a command that raised what it should not


class Outcome(NamedTuple):
    """How a command ended."""

    verdict: str  # accepted, refused, or what is wrong: traceback, hang, crash, memory, nonsense, or lines
    said: str  # what tells of it


ACCEPTED, REFUSED = "accepted", "refused"


def outcome(form, folder):
    """Run the Format's command in `folder`, which it fills and changes. Returns the Outcome."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        child = os.fork()
        if not child:
            be_the_command(form, folder, out, error)
        status, usage = wait(child, PATIENCE * form.seconds)
        said, complaint = (text_in(file) for file in (out, error))
    return judged(form, folder, status, usage, said, complaint)


def be_the_command(form, folder, out, error):
    """What the child does; it ends there."""
    status = BUG
    try:
        os.setpgid(0, 0)
        os.dup2(out.fileno(), 1)
        os.dup2(error.fileno(), 2)
        sys.stdin, sys.stdout = open(os.devnull), open(1, "w", closefd=False)
        sys.stderr = open(2, "w", closefd=False, errors="backslashreplace")  # as Python opens it
        set_limits(form.seconds)
        status = status_of(form, folder)
    except BaseException:  # nobody is above to tell
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


def set_limits(seconds):
    """Let this process compute for no longer than so many seconds, and take no more than MEMORY besides what it has."""
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def status_of(form, folder):
    """Run the Format's command in `folder`, in this process. Returns its status."""
    os.chdir(str(folder))
    sys.argv = [form.name, *form.arguments]
    try:
        run(form.main)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    return 0


def wait(child, seconds):
    """The status and usage of the child, which is killed after so many seconds; then the status is None."""
    watch = os.pidfd_open(child)
    try:
        in_time = select.select([watch], [], [], seconds)[0]
    finally:
        os.close(watch)
    if not in_time:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    try:
        os.killpg(child, signal.SIGKILL)  # whatever it has left behind
    except ProcessLookupError:
        pass
    return (os.waitstatus_to_exitcode(status) if in_time else None), usage


def judged(form, folder, status, usage, said, complaint):
    """The Outcome of a command that has ended with this status and said all this."""
    lines = [line for line in complaint.split("\n") if line.strip() and not PROGRESS.search(line)]
    if form.log:
        lines = [line for line in lines if line.startswith("F") or status not in (*form.done, *form.refused)]
    if status in (None, -signal.SIGXCPU):
        return Outcome("hang", "no end after %g seconds%s" % (
            (form.seconds, " of computing") if status else (PATIENCE * form.seconds, "")))
    if status < 0:
        return Outcome("crash", "%s: %s" % (signal.Signals(-status).name, last(lines)))
    if usage.ru_maxrss << 10 > MEMORY:
        return Outcome("memory", "%.1f GB" % (usage.ru_maxrss / 2 ** 20))
    if "Traceback (most recent call last)" in complaint or status not in (*form.done, *form.refused):
        return Outcome("traceback", "status %d: %s" % (status, place(lines)))
    if status in form.done:
        nonsense = what_is_nonsense(form, folder, said)
        if nonsense or lines:
            return Outcome("nonsense" if nonsense else "lines", nonsense or "status 0, and: " + last(lines))
        return Outcome(ACCEPTED, said)
    has_more = status == Unfinished.status and not form.log
    if (len(lines) < 2 if has_more else len(lines) != 1) or len(lines[0]) > 1000:
        return Outcome("lines", "%d lines, the last one of %d characters: %s" % (
            len(lines), len(lines[-1]) if lines else 0, last(lines)))
    return Outcome(REFUSED, lines[0])


def what_is_nonsense(form, folder, said):
    """What is wrong in what the command wrote; None where nothing is."""
    try:
        return form.check(folder, said) if form.check else None
    except Exception as error:  # it cannot even be read
        return "it cannot be read: %s: %s" % (type(error).__name__, error)


def last(lines):
    """The last line of stderr, or of the many characters of one the first."""
    return lines[-1][:300] if lines else "not a word"


def place(lines):
    """Of a traceback the line that raised, and what."""
    at = [line.strip() for line in lines if line.startswith("  File ")]
    return "%s (%s)" % (last(lines), at[-1] if at else "nowhere")


def text_in(file):
    """What has been written to the open binary file, as text."""
    file.seek(0)
    return file.read().decode("utf-8", "backslashreplace")


def copy(whole, to):
    """A copy of the folder `whole` in the place of `to`."""
    shutil.rmtree(str(to), ignore_errors=True)
    shutil.copytree(str(whole), str(to), symlinks=True)
    return to
