"""Every step of the data's way killed at random moments and started again: as if it had never been killed?

    make kills KILLS="--kills 100 --step folds train"

A kill is SIGKILL, SIGTERM, SIGHUP or SIGINT, to the command alone or, as from a terminal, to all that is in its group.
Ten seconds later none of its processes is left, and there was no traceback. It is started again where it was, and
killed again, until it ends by itself. Then there is in its folder, byte for byte, what an uninterrupted run makes, and
nothing else. MTCNN is the real one; nets are slim, or whole with --full.

A command is forked from this process, where its imports are done; every fifth one is started as people do, and killed
while it imports. What an uninterrupted run makes is kept in --work for the next time.
"""
import argparse
import contextlib
import gc
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from fuzz.commands import SIGNALS, Command, imported
from fuzz.kill_page import kill_page
from fuzz.steps import FULL, SLIM, prepare_first, steps

MOST = 900  # seconds that a run may take
STARTING = 3.0  # seconds, in which a command imports what it needs, or a little more
COLD = 5  # every so many commands is started anew
OF_THE_RUN = {"train.log", "lock.mdb", "identities.json"}  # files that say when what happened


def contents(folder):
    """What is in a folder, {path: BLAKE2, or where a link leads}, without what only says when it was made."""
    return {str(path.relative_to(folder)): os.readlink(str(path)) if path.is_symlink()
            else hashlib.blake2b(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.name not in OF_THE_RUN and (path.is_symlink() or path.is_file())}


def differences(made, expected):
    """What is wrong with the contents() of a folder, or ""."""
    return "".join("\n  %s: %s" % (path, "left behind" if path not in expected else "missing" if path not in made
                                   else "other bytes") for path in sorted(set(made) | set(expected))
                   if made.get(path) != expected.get(path))


def copy(source, to):
    """Have in the folder `to` what is in `source`, too: the very files, for no step changes what it has not made."""
    shutil.copytree(str(source), str(to), symlinks=True, copy_function=link, dirs_exist_ok=True)


def link(source, to):
    if not os.path.lexists(to):
        os.link(source, to, follow_symlinks=False)


class Work:
    """A folder in which every step is done once, uninterrupted, when it is needed."""

    def __init__(self, folder, scale):
        self.folder, self.steps = Path(folder), steps(scale)
        self.scale = scale

    def done(self, name):
        """The folder in which the step `name` was done, and all before it; of "" what no step makes."""
        folder = self.folder / (name or "first")
        if folder.exists():
            return folder
        partial = self.folder / ("%s at work" % folder.name)
        shutil.rmtree(str(partial), ignore_errors=True)
        if not name:
            partial.mkdir(parents=True)
            prepare_first(partial, self.scale)
        else:
            self.ready(name, partial)
            with self.steps[name].beside():
                command = Command(self.steps[name], partial, cold=True)
                status = command.wait(MOST)
            assert status == 0, (name, status, command.said())
        partial.rename(folder)
        return folder

    def ready(self, name, folder):
        """Make `folder` what the step `name` finds when it begins."""
        shutil.rmtree(str(folder), ignore_errors=True)
        for earlier in ("", *self.steps[name].after):
            copy(self.done(earlier), folder)


class Killer:
    """Kills the step `name` of a Work at random moments."""

    def __init__(self, work, name, seed=0, say=print):
        self.name, self.step, self.say = name, work.steps[name], say
        self.chance, self.killed, self.commands, self.longest = random.Random("%s %d" % (name, seed)), 0, 0, 0.
        self.expected, self.work, self.at = contents(work.done(name)), work, work.folder / ("%s at work" % name)
        self.ready()
        imported(self.step.tool)
        gc.collect()
        command = self.command()
        assert command.wait(MOST) == 0, command.said()
        self.seconds = time.monotonic() - command.begun
        wrong = differences(contents(self.at), self.expected)
        assert not wrong, "not killed, and not the same: " + wrong

    def ready(self):
        self.work.ready(self.name, self.at)

    def command(self):
        self.commands += 1
        return Command(self.step, self.at, self.commands % COLD == 0)

    def chain(self, most):
        """Kill the step and start it again until it ends by itself or was killed so often. Returns what is wrong."""
        self.ready()
        wrong, told = "", []
        while len(told) < most:
            number, group = SIGNALS[self.killed % len(SIGNALS)], self.chance.random() < 0.5
            command = self.command()
            after = (STARTING if command.cold else self.seconds) * self.chance.random() ** 2  # less is left to do
            ended = command.kill(number, after, group)
            self.longest = max(self.longest, ended.seconds)
            if ended.status is not None:
                told.append("done")
                if not command.cold and len(told) == 1:  # the machine is faster than it was
                    self.seconds = time.monotonic() - command.begun
                break
            self.killed += 1
            told.append("%s%s %.2f%s" % (signal.Signals(number).name, " to all" * group, after, " cold" * command.cold))
            wrong += ended.wrong and "\n%s: %s" % (told[-1], ended.wrong)
        else:
            command = self.command()
            status = command.wait(MOST)
            wrong += "" if status == 0 else "\nstatus %s: %s" % (status, command.said())
        wrong += differences(contents(self.at), self.expected)
        self.say("%s %d, of %.1f s: %s: %s" % (self.name, self.killed, self.seconds, ", ".join(told),
                                               wrong or "as if it had never been"))
        return wrong


def kill_step(work, name, kills, chain=12, seed=0, say=print):
    """Kill the step so many times, at the most `chain` times in a row. Returns what went wrong, a list of texts."""
    work.done(name)
    wrong = []
    with work.steps[name].beside():
        killer = Killer(work, name, seed, say)
        while killer.killed < kills:
            said = killer.chain(1 if killer.chance.random() < 0.2 else min(chain, kills - killer.killed))
            wrong += [said] * bool(said)
    say("%s: %d kills, %d times wrong; gone after %.1f s at the most" % (name, killer.killed, len(wrong),
                                                                        killer.longest))
    shutil.rmtree(str(killer.at))
    return wrong


def kill_any(work, name, args):
    """Kill the step, or the page. Returns whether anything went wrong; others are tried whatever it is."""
    try:
        return kill_page(work, args.kills, args.seed) if name == "page" else \
            kill_step(work, name, args.kills, args.chain, args.seed)
    except Exception:
        print("%s: given up: %s" % (name, traceback.format_exc()), flush=True)
        return True


def main():
    names = list(steps(SLIM))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=100, help="of each step (default: %(default)s)")
    parser.add_argument("--step", nargs="+", choices=names, default=names, help="default: all")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: %(default)s)")
    parser.add_argument("--chain", type=int, default=12, help="kills of one run, at the most (default: %(default)s)")
    parser.add_argument("--full", action="store_true", help="the nets as they are, a few iterations of small batches")
    parser.add_argument("--work", type=Path, help="a folder for what uninterrupted runs make (default: for this time)")
    args = parser.parse_args()
    with contextlib.ExitStack() as ending:
        work = args.work or Path(ending.enter_context(tempfile.TemporaryDirectory()))
        work = Work(work.resolve() / ("full" if args.full else "slim"), FULL if args.full else SLIM)
        wrong = [name for name in args.step if kill_any(work, name, args)]
    sys.exit("wrong: " + ", ".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
