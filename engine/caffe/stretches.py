"""The forward and the backward of layers that need nothing of the host, recorded (graphs.py).

Weights, and their gradients, are read and written where they are. What comes into a stretch of layers comes from
anywhere, and is copied to where it was when the stretch was recorded. What a stretch makes is handed to its Memories
again, which bring scripts' arrays up to date; what scripts write to those, Memories copy back (Memory.twin). Random
numbers are drawn before each replay, into a tensor that the graph reads (Context.uniform).
"""
import weakref

import torch

from caffe.graphs import Recording, usable

# Layers of a stretch: one is ordered as quickly as it is; many keep a GPU waiting until all are ordered.
LEAST, MOST = 2, 24


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
        apart = i > end or not (net.nodes[i].layer.capturable and net.nodes[i].bottoms)
        if apart or i - first == MOST:
            if i - first >= LEAST:
                yield net.stretches.setdefault((first, i - 1), Stretch(net, first, i - 1))
            else:
                yield from range(first, i)
            if apart and i <= end:
                yield i
            first = i + apart


class _LayersWork(Recording):
    """The forward or the backward of a stretch: what it reads from outside of it, and what it makes."""

    def __init__(self, stretch, net):
        super().__init__(net)
        self.stretch = weakref.proxy(stretch)
        self._outside = []  # the blobs that come from outside
        self._inputs = []  # where a graph reads: (blob, its Memory, the tensor, the same in the blob's shape)
        self._outputs = []  # and writes: (Memory, tensor)
        self._twins = {}  # Memory -> the tensor of either

    def begin(self):
        made = self.made()
        for blob in self._outside:
            self.memory_of(blob).tensor(blob._shape)
            if blob not in self.stretch.losses:  # whose gradient, the loss weight, the forward reads where it is
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
        blobs = [*self.stretch.learnable, *self.stretch.blobs]
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
        for node in self.stretch.nodes:
            node.ran = self.stretch.key
        found, self.net.context.doubts = self.net.context.doubts, doubts
        return terms, found

    def memory_of(self, blob):
        return blob.values

    def made(self):
        return self.stretch.tops

    def look(self):
        found, made = {}, set()
        for node in self.stretch.nodes:
            found.update((blob, None) for blob in node.bottoms if blob.values not in made)
            made.update(blob.values for blob in node.tops)
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
        return [{node.ran for node in self.stretch.nodes}, context.forward_only, context.autocast,
                backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32,
                *((blob._shape, blob.tensor.dtype, id(blob.values.twin)) for blob in self._outside)]

    def begin(self):
        self._draws = self.net.context.draws = []
        return super().begin()

    def end(self):
        super().end()
        self._shapes = [(blob, blob._shape) for blob in self.made()]
        self._tapes = [(node, node.tape and node.tape._replace(captured=True)) for node in self.stretch.nodes]

    def prepare(self):
        super().prepare()
        for draw in self._draws:
            draw()

    def restore(self):
        for blob, shape in self._shapes:
            blob._shape = shape
        for node, tape in self._tapes:
            node.tape = tape
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
        return self.stretch.blobs

    def look(self):
        found, made, self._read = {}, set(), {}
        for node in reversed(self.stretch.nodes):
            if node.need_backward:
                found.update((blob, None) for blob in node.tops if blob.gradients not in made)
                made.update(blob.gradients for blob, needed in zip(node.bottoms, node.needs) if needed)
                self._read.update((blob.values, None) for blob in (*node.bottoms, *node.tops))
        self._outside = list(found)
        self._gradient_links = [(blob, blob.gradients) for blob in (*self.made(), *self.stretch.learnable)]
        self._fixed = [(blob.gradients, blob.gradients._tensor) for blob in self.stretch.learnable]
        self._mode = self.mode()
        return self.stretch.forward.replay is not None and self._mode[1]

    def mode(self):
        return [id(self.stretch.forward.replay), {node.ran for node in self.stretch.nodes} == {self.stretch.key},
                self.net.context.keep, *((blob._shape, id(blob.gradients.twin)) for blob in self._outside)]

    def prepare(self):
        for memory in self._read:
            memory.update()  # scripts may have written to what the forward has kept
        super().prepare()


class Stretch:
    """The layers `first` to `last` of a net, which need nothing of the host."""

    def __init__(self, net, first, last):
        self.indices, self.key = range(first, last + 1), (first, last)
        self.nodes = net.nodes[first:last + 1]
        self.tops = [blob for node in self.nodes for blob in node.tops]
        self.blobs = [blob for node in self.nodes for blob in (*node.bottoms, *node.tops)]
        self.losses = [blob for node in self.nodes for blob in node.weighed]
        self.learnable = [blob for node in self.nodes for blob in node.layer.blobs]
        self.forward, self.backward = _Forward(self, net), _Backward(self, net)

    def run_forward(self):
        return self.forward.run()

    def run_backward(self):
        self.backward.run()
