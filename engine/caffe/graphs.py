"""What a net has a GPU do again and again, recorded once as a CUDA graph and then replayed.

To order a layer's operations one by one takes the host longer than many of them take a GPU; a graph is ordered whole.
A Stretch is layers in a row that need nothing of the host. Its forward, its backward, and a solver's update are each a
Recording: work that is done as it is at first, recorded when nothing but values has changed since the time before, and
replayed for as long as that is so. When a script has given a blob another shape or asked for the array of a weight,
when the weights are another net's, when precision or learning rate change, it is done as it is, and begins anew.

A graph reads and writes the same places in memory each time. Weights, and their gradients, are where they were. What
comes into a stretch comes from anywhere, and is copied to where it was first. What a stretch makes is handed to its
Memories again, which bring scripts' arrays up to date; what scripts write to those, Memories copy back (`twin`). Random
numbers are drawn before each replay, into a tensor that the graph reads.
"""
import contextlib
import os
import warnings
import weakref

import torch

from caffe import context
from caffe.errors import CaffeError

ENABLED = os.environ.get("CAFFE_GRAPHS", "1") != "0"
LEAST, MOST = 2, 24  # layers of a stretch: one is ordered as quickly as it is; of many, a GPU starts when all are ordered


def usable(device):
    """Whether what is done on this device may be recorded."""
    return ENABLED and device.type == context.GPU


def capture(work):
    """Record what work() has the GPU do, without doing it. Returns the function that does it."""
    graph = torch.cuda.CUDAGraph()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The CUDA Graph is empty")  # of a Split alone
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads read and pin batches meanwhile
            work()
    return graph.replay


@contextlib.contextmanager
def joined(captured, device):
    """In a `with`: what is done as it is, of what was recorded in a stream of its own, follows and precedes all else."""
    apart = captured and device.type == "cuda" and not torch.cuda.is_current_stream_capturing()
    if apart:
        torch.cuda.synchronize(device)
    yield
    if apart:
        torch.cuda.synchronize(device)


def parts(net, start, end):
    """The net's layers from index `start` to `end`, both included, in order: Stretches, and indices of other layers."""
    if not usable(net.context.device) or net.debug_info or any(net.callbacks.values()):
        return range(start, end + 1)
    if (start, end) not in net.parts:
        net.parts[start, end] = list(_split(net, start, end))
    return net.parts[start, end]


def _split(net, start, end):
    first = start
    for i in range(start, end + 2):
        apart = i > end or not (net._layers[i].capturable and net._bottoms[i])
        if apart or i - first == MOST:
            if i - first >= LEAST:
                yield net.stretches.setdefault((first, i - 1), Stretch(net, first, i - 1))
            else:
                yield from range(first, i)
            if apart and i <= end:
                yield i
            first = i + apart


class Recording:
    """Work on a GPU that is done as it is, recorded, or replayed, as what it works on allows."""

    def __init__(self):
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
            self.replay = capture(work)
            self.end()
            self._seen = self.look()
        except (CaffeError, RuntimeError, MemoryError):  # what is wrong is said when the work is done as it is
            self._refused = True
            for memory, tensor in before:
                memory.put(tensor)
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


class _LayersWork(Recording):
    """The forward or the backward of a stretch: what it reads from outside of it, and what it makes."""

    def __init__(self, stretch):
        super().__init__()
        self.stretch, self.net = weakref.proxy(stretch), stretch.net
        self._outside = []  # the blobs that come from outside
        self._inputs, self._outputs = [], []  # (blob, its Memory, its tensor, the same in the blob's shape); (Memory, tensor)
        self._twins = {}  # Memory -> its tensor

    def begin(self):
        made = self.made()
        for blob in self._outside:
            self.memory_of(blob).tensor(blob._shape)
            self.memory_of(blob).own()
        self._inputs = [(blob, memory, memory._tensor, memory.tensor(blob._shape))
                        for blob in self._outside for memory in [self.memory_of(blob)]]
        return [(memory, memory._tensor) for memory in dict.fromkeys(map(self.memory_of, (*self._outside, *made)))]

    def end(self):
        self._outputs = [(memory, memory._tensor) for memory in dict.fromkeys(map(self.memory_of, self.made()))]
        for _, memory, tensor, _ in self._inputs:  # nothing has been done yet: in place, too, the input is still there
            memory._tensor = tensor
        self._twins = {**{memory: tensor for _, memory, tensor, _ in self._inputs}, **dict(self._outputs)}
        for memory, tensor in self._twins.items():
            memory.twin = tensor

    def forget(self):
        super().forget()
        for memory, tensor in self._twins.items():
            if memory.twin is tensor:
                memory.twin = None
        self._inputs, self._outputs, self._twins = [], [], {}

    def prepare(self):
        for blob, memory, tensor, place in self._inputs:
            memory.update()
            if memory._tensor is not tensor:
                place.data.copy_(memory.tensor(blob._shape))  # .data: autograd shall see the new values

    def restore(self):
        for memory, tensor in self._outputs:
            if memory._tensor is not tensor or memory.is_exposed:
                memory.put(tensor)
        for memory, _ in self._fixed:  # BatchNorm's statistics, the gradients of weights
            memory.touch()

    def memories(self):
        blobs = [*self.stretch.learnable, *(blob for bottom, top in self.stretch.blobs for blob in (*bottom, *top))]
        return [memory for blob in blobs for memory in (blob.values, blob.gradients)]


class _Forward(_LayersWork):
    def run(self):
        terms, doubts = super().run()
        self.net.context.doubts += doubts
        return terms

    def work(self):
        """Returns the tensors that the loss is the sum of, and the doubts (Layer.check_values)."""
        doubts, self.net.context.doubts = self.net.context.doubts, []
        terms = [term for i in self.stretch.indices for term in self.net._forward_layer(i)]
        self.net.ran[self.stretch.slice] = [self.stretch.key] * len(self.stretch.indices)
        found, self.net.context.doubts = self.net.context.doubts, doubts
        return terms, found

    def memory_of(self, blob):
        return blob.values

    def made(self):
        return self.stretch.tops

    def look(self):
        found, made = {}, set()
        for bottom, top in self.stretch.blobs:
            found.update((blob, None) for blob in bottom if blob.values not in made)
            made.update(blob.values for blob in top)
        self._outside = list(found)
        self._links = [(blob, blob.values) for blob in (*found, *self.made(), *self.stretch.learnable)]
        self._gradient_links = [(blob, blob.gradients) for blob in self.stretch.losses]
        self._fixed = [(memory, memory._tensor) for memory in (
            *(blob.values for blob in self.stretch.learnable), *(blob.gradients for blob in self.stretch.losses))]
        self._mode = self.mode()
        # Not where an array that scripts hold has more values than the graph would make.
        return not any(blob.values.is_exposed and blob.values.capacity > blob.count for blob in self.made())

    def mode(self):
        context, backends = self.net.context, torch.backends
        return [set(self.net.ran[self.stretch.slice]), context.forward_only, context.autocast, backends.cudnn.allow_tf32,
                backends.cuda.matmul.allow_tf32,
                *((blob._shape, blob.tensor.dtype, id(blob.values.twin)) for blob in self._outside)]

    def begin(self):
        self._draws = self.net.context.draws = []
        return super().begin()

    def end(self):
        super().end()
        self.net.context.draws = None
        self._shapes = [(blob, blob._shape) for blob in self.made()]
        self._graphs = [(layer, layer._graph) for layer in self.stretch.layers]

    def forget(self):
        self.net.context.draws = None
        super().forget()

    def prepare(self):
        super().prepare()
        for draw in self._draws:
            draw()

    def restore(self):
        for blob, shape in self._shapes:
            blob._shape = shape
        for layer, graph in self._graphs:
            layer._graph, layer.captured = graph, True
        super().restore()


class _Backward(_LayersWork):
    """Is recorded of a recorded forward, whose tensors stay where they are, when it has been run as it is before."""

    _known = False

    def run(self):
        if not self._seen and self._known:
            self._seen = self.look()
        self._known = True
        super().run()

    def work(self):
        for i in reversed(self.stretch.indices):
            self.net._backward_layer(i)

    def memory_of(self, blob):
        return blob.gradients

    def made(self):
        return [blob for bottom, top in self.stretch.blobs for blob in (*bottom, *top)]

    def look(self):
        found, made, self._read = {}, set(), {}
        for layer, needs, (bottom, top) in self.stretch.reversed():
            if layer.need_backward:
                found.update((blob, None) for blob in top if blob.gradients not in made)
                made.update(blob.gradients for blob, needed in zip(bottom, needs) if needed)
                self._read.update((blob.values, None) for blob in (*bottom, *top))
        self._outside = list(found)
        self._gradient_links = [(blob, blob.gradients) for blob in (*self.made(), *self.stretch.learnable)]
        self._fixed = [(blob.gradients, blob.gradients._tensor) for blob in self.stretch.learnable]
        self._mode = self.mode()
        return self.stretch.forward.replay is not None and self._mode[1]

    def mode(self):
        return [id(self.stretch.forward.replay), set(self.net.ran[self.stretch.slice]) == {self.stretch.key},
                self.net.context.keep, *((blob._shape, id(blob.gradients.twin)) for blob in self._outside)]

    def prepare(self):
        for memory in self._read:
            memory.update()  # scripts may have written to what the forward has kept
        super().prepare()


class Stretch:
    """The layers `first` to `last` of a net, which need nothing of the host."""

    def __init__(self, net, first, last):
        self.net = weakref.proxy(net)  # a net that nobody has any more goes at once, and its memory with it
        self.indices, self.slice = range(first, last + 1), slice(first, last + 1)
        self.key = first, last
        self.layers, self.needs = net._layers[self.slice], net._bottom_needs[self.slice]
        self.blobs = list(zip(net._bottoms[self.slice], net._tops[self.slice]))
        self.tops = [blob for _, top in self.blobs for blob in top]
        self.losses = [blob for layer, (_, top) in zip(self.layers, self.blobs)
                       for blob, weight in zip(top, layer.loss_weights) if weight]
        self.learnable = [blob for layer in self.layers for blob in layer.blobs]
        self.forward, self.backward = _Forward(self), _Backward(self)

    def reversed(self):
        """(layer, its bottoms' needs, (its bottoms, its tops)), the last layer first."""
        return zip(reversed(self.layers), reversed(self.needs), reversed(self.blobs))


class Update(Recording):
    """A solver's update, called with the learning rate and the iteration. `uses_time`: the iteration makes a difference."""

    def __init__(self, solver, uses_time):
        super().__init__()
        self._solver, self._uses_time = weakref.proxy(solver), uses_time

    def __call__(self, rate, iteration):
        self._now = rate, iteration
        self.run()

    def work(self):
        self._solver._update_weights(*self._now)

    def memories(self):
        return [memory for blob, _ in self._solver.net.learnable for memory in (blob.values, blob.gradients)]

    def look(self):
        self._links = [(blob, blob.values) for blob, _ in self._solver.net.learnable]
        self._gradient_links = [(blob, blob.gradients) for blob, _ in self._solver.net.learnable]
        self._fixed = [(memory, memory._tensor) for memory in self.memories()]
        self._mode = self.mode()
        return True

    def mode(self):
        return [*self._now[:1 + self._uses_time], *map(id, self._solver.history)]

    def restore(self):
        for memory in self.memories():
            memory.touch()
