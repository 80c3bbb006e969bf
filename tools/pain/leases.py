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
        first, since, said = self.read(), time.monotonic(), False
        while not self.make():
            holder = self.read()
            if alone_on_this_machine and holder.get("machine") == this_machine():
                self.remove(holder)
            elif holder and holder != first:
                raise Occupied("%s: another process is at work here, number %s on %s; wait until it is done, or end it"
                               % (self.path.parent, holder.get("process"), holder.get("host")))
            elif time.monotonic() - since > STALE:
                self.remove(holder)
            else:
                if not said:
                    print("%s: waiting up to %d seconds, to see whether %s is still at work here"
                          % (self.path.parent, STALE, holder.get("host", "another machine")), file=sys.stderr)
                    said = True
                time.sleep(EVERY / 10)
        threading.Thread(target=self.renew, daemon=True).start()

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

    def remove(self, stale):
        """Remove a lease that says what `stale` does. What was made in its place meanwhile is put back."""
        aside = self.path.with_name("%s.%s" % (self.path.name, self.id))
        with contextlib.suppress(OSError):  # another was quicker
            os.rename(str(self.path), str(aside))
            if Lease(aside).read().get("id") != stale.get("id"):
                os.link(str(aside), str(self.path))
        with contextlib.suppress(OSError):
            aside.unlink()

    def renew(self):
        """Say again and again that the holder lives, until it gives the lease back or finds that it has lost it."""
        beat = missed = 0
        while missed < 2 and not self.ended.wait(EVERY):  # once is while remove() puts it back
            beat += 1
            with contextlib.suppress(OSError, ValueError):  # a file system that is away may be back at the next
                try:
                    missed = 0 if self.say_again(beat) else 2
                except FileNotFoundError:
                    missed += 1
        if self.lost and not self.ended.is_set():
            self.lost()

    def say_again(self, beat):
        """Write the lease once more. Returns whether it is this holder's."""
        with open(str(self.path), "r+") as file:  # what is written to one that was put aside goes nowhere
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
        yield
    finally:
        lease.give_back()
