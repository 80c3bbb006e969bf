"""A command whose pieces count, a line a number in a file of their own, as train.py's pieces train.

    python counting.py --where PLACE --to 9 FOLDER NAME ...      a NAME with "bad" in it fails at 3
"""
import os
import time
from pathlib import Path

from pain.command import run
from pain.command_line import Parser
from pain.errors import Problem
from pain.locks import alone_in
from pain.pieces.arguments import add_where, read_where
from pain.pieces.piece import Piece

STEP = 0.2  # seconds a number


class Counting(Piece):
    """Counts from where its file says to `length`. A line has the number, by what process, for which worker, and when.
    """

    unit = "number"

    def __init__(self, folder, length, memory):
        super().__init__(folder.name, [folder.parent], [folder / "done"], length)
        self.folder, self.bytes = folder, memory

    def memory(self):
        return self.bytes

    def done(self):
        file = self.folder / "counted"
        return file.read_text().count("\n") if file.exists() else 0

    def run(self, means):
        with alone_in(self.folder):
            for number in range(self.done(), self.length):
                if number == 3 and "bad" in self.name:
                    raise Problem("3 is a bad number")
                time.sleep(STEP)
                with open(str(self.folder / "counted"), "a") as file:
                    file.write("%d %d %d %.3f\n" % (number, os.getpid(), os.getppid(), time.time()))
                means.update(1)
            (self.folder / "done").touch()
            means.say("%s has counted" % self.name)


def main():
    parser = Parser(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--to", type=int, default=5)
    parser.add_argument("--memory", type=float, default=0)
    add_where(parser)
    args = parser.parse_args()
    with read_where(args.where, 2) as where:
        where.see_through([Counting(args.folder / name, args.to, args.memory) for name in args.names], "count")


if __name__ == "__main__":
    import counting  # by its name, so that pieces are of a module that is there elsewhere, too
    run(counting.main)
