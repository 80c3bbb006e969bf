"""What a GPU does again and again, recorded once as a CUDA graph and then replayed.

To order operations one by one takes the host longer than many of them take a GPU; a graph is ordered whole. A Recording
is work that is done as it is at first, recorded when nothing but values has changed since the time before, and replayed
for as long as that is so. When a script has given a blob another shape or asked for the array of a weight, when the
weights are another net's, when precision or learning rate change, it is done as it is, and begins anew.

A graph reads and writes the same places in memory each time. What is recorded here is a solver's update, which works on
weights, gradients and history in place; what is recorded of layers is in stretches.py. CAFFE_GRAPHS=0 in the
environment has everything done as it is.
"""
import contextlib
import functools
import warnings
import weakref

import torch
import torch.utils.deterministic

from caffe import context
from caffe.errors import CaffeError


def usable(device):
    """Whether what is done on this device may be recorded."""
    return context.GRAPHS and device.type == context.GPU


def capture(work, device):
    """Record what work() has the GPU do, without doing it. Returns the function that does it."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(device), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The CUDA Graph is empty")  # of a Split alone
        # thread_local: other threads read and pin batches meanwhile
        with torch.cuda.graph(graph, stream=_stream(device), capture_error_mode="thread_local"):
            work()
    return graph.replay


@functools.cache
def _stream(device):
    """The stream that is recorded: one for all, so that a backward follows its forward."""
    return torch.cuda.Stream(device)


@contextlib.contextmanager
def unfilled():
    """In a `with`: PyTorch leaves new memory as it is, which for -deterministic it fills with NaN.

    A graph would do so again at each replay, and after the random numbers are drawn.
    """
    before = torch.utils.deterministic.fill_uninitialized_memory
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.utils.deterministic.fill_uninitialized_memory = before


@contextlib.contextmanager
def joined(device):
    """In a `with`: what was recorded in a stream of its own, and is done as it is, follows and precedes all else."""
    apart = device.type == "cuda" and not torch.cuda.is_current_stream_capturing()
    if apart:
        torch.cuda.synchronize(device)
    yield
    if apart:
        torch.cuda.synchronize(device)


class Recording:
    """Work of a net's on a GPU that is done as it is, recorded, or replayed, as what it works on allows."""

    def __init__(self, net):
        self.net = weakref.proxy(net)  # a net that nobody has any more goes at once, and its memory with it
        self.replay = None  # does the recorded work
        self._refused = False  # it cannot be recorded
        self._seen = False  # it has been run, and what it worked on was looked at
        self._links = []  # (Blob, Memory): of values, and
        self._gradient_links = []  # of gradients: where they were
        self._fixed = []  # (Memory, tensor): what is written in place, where it was
        self._mode = None  # values that must be the same

    def run(self):
        """Do the work. Returns what it returns."""
        if self._refused or not self._unchanged() or not (self.replay or self._record()):
            self.forget()
            result = self.work()
            self._seen = self.look()
            return result
        self.prepare()
        self.replay()
        self.restore()
        return self._result

    def _unchanged(self):
        """Whether what is worked on is as it was after the last run, but for values; which are brought up to date."""
        if not self._seen:
            return False
        for memory, _ in self._fixed:
            memory.update()
        return (all(memory._tensor is tensor for memory, tensor in self._fixed)
                and all(blob.values is memory for blob, memory in self._links)
                and all(blob.gradients is memory for blob, memory in self._gradient_links)
                and self.mode() == self._mode)

    def _record(self):
        """Record the work; returns whether it could be. If not, all is as before."""
        def work():
            self._result = self.work()
        before = self.begin()
        for memory in self.memories():
            memory.update()  # a graph would bring it up to date each time
        try:
            with unfilled():
                self.replay = capture(work, self.net.context.device)
            self.end()
            self._seen = self.look()
        except (CaffeError, RuntimeError, MemoryError):  # what is wrong is said when the work is done as it is
            self._refused = True
            for memory, tensor in before:
                memory.put(tensor)
        finally:
            self.net.context.draws = None
        return not self._refused

    def forget(self):
        """Let go of the recorded work and its memory."""
        self.replay = self._result = None

    # What the kinds of work define.

    def work(self):
        """Do the work as it is."""
        raise NotImplementedError

    def look(self):
        """Note what the work is on in _links, _gradient_links, _fixed and _mode. Returns whether it may be recorded."""
        raise NotImplementedError

    def mode(self):
        """Values that must be the same for a replay."""
        raise NotImplementedError

    def memories(self):
        """The Memories of all that the work touches."""
        raise NotImplementedError

    def begin(self):
        """Get ready to record. Returns the (Memory, tensor) pairs to be restored if it fails."""
        return []

    def end(self):
        """Note where the recorded work reads and writes."""

    def prepare(self):
        """Put what a replay reads where it is read."""

    def restore(self):
        """Hand out what a replay has written."""


class Update(Recording):
    """A solver's update, called with the learning rate and the iteration.

    uses_time: whether the iteration makes a difference.
    """

    def __init__(self, solver, uses_time):
        super().__init__(solver.net)
        self._solver, self._uses_time = weakref.proxy(solver), uses_time

    def __call__(self, rate, iteration):
        self._now = rate, iteration
        self.run()

    def work(self):
        self._solver._update_weights(*self._now)

    def memories(self):
        return [memory for blob, _ in self.net.learnable for memory in (blob.values, blob.gradients)]

    def look(self):
        self._links = [(blob, blob.values) for blob, _ in self.net.learnable]
        self._gradient_links = [(blob, blob.gradients) for blob, _ in self.net.learnable]
        self._fixed = [(memory, memory._tensor) for memory in self.memories()]
        self._mode = self.mode()
        return True

    def mode(self):
        return [*self._now[:1 + self._uses_time], *map(id, self._solver.history)]

    def restore(self):
        for memory in self.memories():
            memory.touch()
