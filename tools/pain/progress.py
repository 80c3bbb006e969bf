"""How far long work is: a bar on a terminal, a line now and then in a log."""
import sys
import time

from tqdm import tqdm

EVERY = 30  # seconds between two lines of a log


def progress(iterable=None, **options):
    """tqdm(iterable, **options) on a terminal; where stderr is none, a line every half minute and at the end.

    options: total, initial, desc, unit, unit_scale, leave and disable, as tqdm takes them.
    """
    return tqdm(iterable, **options) if sys.stderr.isatty() else LoggedProgress(iterable, **options)


def write(text):
    """Print a line to stdout that no bar runs into."""
    tqdm.write(text)


class LoggedProgress:
    """What tqdm says, for a file: whole lines, the first one after EVERY seconds, the last one when all is done.

    As with tqdm, leave=False takes what it said back at the end: there is no last line. It is updated by any thread.
    """

    def __init__(self, iterable=None, total=None, initial=0, desc=None, unit="it", unit_scale=False, leave=True,
                 disable=False):
        self.iterable, self.n, self.initial = iterable, initial, initial
        self.total = len(iterable) if total is None and hasattr(iterable, "__len__") else total
        self.desc, self.unit, self.unit_scale = desc, unit, unit_scale
        self.last, self.open = leave, not disable
        self.start = self.said = time.monotonic()

    def __iter__(self):
        with self:
            for item in self.iterable:
                yield item
                self.update()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def update(self, n=1):
        """Count `n` more as done."""
        self.n += n
        if self.open and time.monotonic() - self.said >= EVERY:
            self.say()

    def close(self):
        """Say how far it came, once."""
        if self.open and self.last:
            self.say()
        self.open = False

    def say(self):
        """Write a line in tqdm's form: how much is done, the time taken and left, the rate."""
        self.said = time.monotonic()
        line = tqdm.format_meter(self.n, self.total, self.said - self.start, prefix=self.desc or "", ascii=True,
                                 unit=self.unit, unit_scale=self.unit_scale, initial=self.initial)
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
