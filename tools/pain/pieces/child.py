"""A piece done in a process of its own, which a worker of a cluster starts: python -m pain.pieces.child RUN CORES

Stdin has the pickled piece; stdout gets lines of JSON: {"at": how much is done}, {"said": what for the user}, and at
the end {"ended": "done", or "failed" or "occupied", "why": what the user can mend}. The signals are any command's, and
SIGINT is the worker's word that the piece is wanted no more, also where nohup or a batch script has had the worker
ignore it.
"""
import json
import os
import pickle
import signal
import sys
import time

from pain.command import run
from pain.leases import Occupied
from pain.pieces.where import Here, message, noting

EVERY = 0.5  # seconds between two lines


class Teller:
    """Tells how much is done, now and then."""

    def __init__(self, file):
        self.file, self.at, self.said = file, 0, 0.

    def say(self, **what):
        print(json.dumps(what), file=self.file, flush=True)

    def update(self, more):
        self.at += more
        if time.monotonic() - self.said >= EVERY:
            self.said = time.monotonic()
            self.say(at=self.at)


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    teller = Teller(os.fdopen(os.dup(1), "w"))
    os.dup2(2, 1)  # what libraries print is for the log
    piece, failed = pickle.load(sys.stdin.buffer), {}
    with noting(failed, piece):
        teller.update(piece.prepare())
        if teller.at < piece.length:
            where = Here(1, int(sys.argv[2]), lambda text: teller.say(said=text))
            where.work([piece], teller.update, failed)
    teller.say(at=teller.at)
    error = failed.get(piece)
    teller.say(ended="occupied" if isinstance(error, Occupied) else "failed" if error else "done",
               why=str(message(error)) if error else "")


if __name__ == "__main__":
    run(main)
