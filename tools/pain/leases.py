"""Leases: who is at work in a folder that machines share, also where the file system's locks do not reach them all.

A lease is a file that only one can make (O_EXCL), and that its holder renews. Whoever finds one watches it: one that is
not renewed for STALE seconds, by the watcher's own clock, was left by somebody who is gone, and is taken over.
"""
import contextlib
import json
import os
import platform
import sys
import threading
import time
import uuid
from pathlib import Path

from pain.errors import Problem

NAME = ".lease"
EVERY, STALE = 10, 60  # seconds between two renewals; of none, a holder is gone
BOOT = Path("/proc/sys/kernel/random/boot_id")  # Linux's, of a machine since it was started


class Occupied(Problem):
    """Somebody else is at work there."""


def this_machine():
    """What no other machine that is running is called."""
    return BOOT.read_text().strip() if BOOT.exists() else platform.node()


class Lease:
    """The lease in the file `path`. lost: called, without arguments, if another has taken it over from this holder."""

    def __init__(self, path, lost=None):
        self.path, self.lost, self.id, self.ended = Path(path), lost, uuid.uuid4().hex, threading.Event()

    def take(self, alone_on_this_machine):
        """Take the lease, once its holder is gone. Raises Occupied, naming the holder, if that is there.

        alone_on_this_machine: as a lock says, so that a lease of this machine is a dead holder's
        """
        watched, since, said = self.read(), time.monotonic(), False
        while not self.make():
            holder = self.read()
            is_stale = holder == watched and time.monotonic() - since > STALE
            if is_stale or alone_on_this_machine and holder.get("machine") == this_machine():
                if self.take_over(holder, alone_on_this_machine):
                    break
            elif holder == watched:
                if not said:
                    print("%s: waiting up to %d seconds, to see whether %s is still at work here"
                          % (self.path.parent, STALE, holder.get("host", "another machine")), file=sys.stderr)
                    said = True
                time.sleep(EVERY / 10)
            elif holder:
                raise Occupied("%s: another process is at work here, number %s on %s; wait until it is done, or end it"
                               % (self.path.parent, holder.get("process"), holder.get("host")))
            else:  # made a moment ago
                watched, since = holder, time.monotonic()

    def make(self):
        """Make the file. Returns whether there was none."""
        try:
            handle = os.open(str(self.path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return False
        with open(handle, "w") as file:
            file.write(self.content(0))
        return True

    def content(self, beat):
        """The file's, JSON: `beat` counts the renewals."""
        return json.dumps({"host": platform.node(), "machine": this_machine(), "process": os.getpid(), "id": self.id,
                           "beat": "%9d" % beat})

    def read(self):
        """What the file says, a dict, empty where there is none, or not yet anything in it."""
        try:
            return dict(json.loads(self.path.read_text()))
        except (OSError, ValueError):
            return {}

    def take_over(self, stale, alone_on_this_machine):
        """Put this lease in the place of one that says what `stale` does. Returns whether it did.

        Only who holds the right to it may: a lease of its own, named for the stale one, and renamed to take its place.
        """
        right = Lease(self.path.with_name("%s.%s" % (self.path.name, stale.get("id"))))
        right.id = self.id
        try:
            right.take(alone_on_this_machine)
            if self.read().get("id") == stale.get("id"):
                os.replace(str(right.path), str(self.path))
                return True
            right.path.unlink()
        except (Occupied, FileNotFoundError):  # another was quicker
            pass
        return False

    def renew(self):
        """Say again and again that the holder lives, until it gives the lease back or finds that it has lost it."""
        beat, is_ours = 0, True
        while is_ours and not self.ended.wait(EVERY):
            beat += 1
            try:
                is_ours = self.say_again(beat)
            except FileNotFoundError:
                is_ours = False
            except (OSError, ValueError):  # a file system that is away may be back at the next
                pass
        if self.lost and not self.ended.is_set():
            self.lost()

    def say_again(self, beat):
        """Write the lease once more. Returns whether it is this holder's."""
        with open(str(self.path), "r+") as file:  # what is written to one that was replaced goes nowhere
            is_ours = json.loads(file.read()).get("id") == self.id
            if is_ours:
                file.seek(0)
                file.write(self.content(beat))
                file.flush()
                os.fsync(file.fileno())
        return is_ours

    def give_back(self):
        """End the lease, if it is this holder's."""
        self.ended.set()
        if self.read().get("id") == self.id:
            with contextlib.suppress(OSError):
                self.path.unlink()


@contextlib.contextmanager
def leased(path, alone_on_this_machine, lost=None):
    """Hold the lease `path` in the block. As Lease and its take()."""
    lease = Lease(path, lost)
    lease.take(alone_on_this_machine)
    try:
        threading.Thread(target=lease.renew, daemon=True).start()
        yield
    finally:
        lease.give_back()
