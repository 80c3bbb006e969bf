"""Layers in a row of which no backward follows, run forward on a CPU again and again.

To look at each layer whether anything but values has changed, and to find out how it is to be computed, takes longer
than to compute a small layer: of one image through a net of many layers, a third of the time. Here all of them are
looked at at once, and then do nothing but compute. On a GPU that is what graphs are for (stretches.py).
"""
import itertools
import weakref
from collections import namedtuple

import torch

from caffe import fused
from caffe.layer import Layer
from caffe.memory import trim
from caffe.turns import rest

# A layer, what computes it, what of (Memory, shape), the Memories from which the tops' are apart, and those.
Step = namedtuple("Step", "layer compute sources others tops")


def parts(net, start, end):
    """The net's layers from index `start` to `end`, both included, in order: Rows, and indices of other layers."""
    if net.debug_info or any(net.callbacks.values()):
        return range(start, end + 1)
    key = start, end, net.context.forward_only
    if key not in net.parts:
        net.parts[key] = list(_split(net, start, end))
    return net.parts[key]


def _split(net, start, end):
    for plain, indices in itertools.groupby(range(start, end + 1), lambda i: _is_plain(net.nodes[i], net.context)):
        if plain:
            yield Row(net, list(indices))
        else:
            yield from indices


def _is_plain(node, context):
    """Whether it takes the layer's `compute` alone to run it forward, while shapes stay."""
    kind = type(node.layer)
    plain = kind.forward is Layer.forward and kind.reshape is Layer.reshape and node.layer.capturable
    return ((plain or node.layer.passive) and not node.weighed
            and (context.forward_only or not node.need_backward))


class Row:
    """The layers of these indices, one after the other."""

    def __init__(self, net, indices):
        self._net, self._indices = weakref.proxy(net), indices  # a net that nobody has any more goes at once
        self._nodes = [net.nodes[i] for i in indices]
        self._blobs = list(dict.fromkeys(blob for node in self._nodes
                                         for blob in (*node.bottoms, *node.tops, *node.layer.blobs)))
        self._learnable = list(dict.fromkeys(blob for node in self._nodes for blob in node.layer.blobs))
        self._seen, self._steps, self._replaced = None, [], []
        self._passes = 0  # since they have been seen

    def run_forward(self):
        """Run them. Returns the tensors that they add to the loss: none."""
        if self._look() != self._seen:
            for i in self._indices:
                rest()
                self._net._forward_layer(i)
            self._steps = [_step(node) for node in self._nodes if not node.layer.passive]
            self._replaced = _replaced(self._steps)
            self._seen, self._passes = self._look(), 0
            return []
        self._passes += 1
        for node in self._nodes:
            node.tape = None
        for memory in self._replaced:
            memory.free()
        if self._passes == fused.AFTER:
            if self._fuse():
                trim()
        else:
            self._run(self._steps)
        return []

    def _run(self, steps):
        layer = None
        try:
            with torch.no_grad():
                for layer, compute, sources, others, tops in steps:  # noqa: B007
                    rest()
                    made = compute(*[memory.tensor(shape) for memory, shape in sources])
                    exposed = [memory for memory in others if memory.is_exposed]
                    for memory, tensor in zip(tops, made if isinstance(made, tuple) else (made,)):
                        for other in exposed:
                            tensor = other.apart(tensor)
                        memory.set(tensor)
        except Exception as error:
            layer.name_error(error)
            raise

    def _fuse(self):
        """Run them, and have as many as possible be one step from now on, if that makes the same. Returns whether one
        was compiled.
        """
        start, end = fused.stretch(self._steps)
        before, these, behind = self._steps[:start], self._steps[start:end], self._steps[end:]
        self._run(before)
        step, made = fused.compiled(these, self._learnable)
        self._run(these)
        if step and all(torch.equal(tensor, memory.tensor(tensor.shape)) for tensor, memory in zip(made, step.tops)):
            self._steps = [*before, step, *behind]
            for layer, *_ in these:
                for blob in layer.blobs:
                    blob.values.convolve = None  # as large as the weights, and of no more use
        self._run(behind)
        return bool(step)

    def _look(self):
        """What must be the same for a forward to be the computing alone."""
        return ([blob._shape for blob in self._blobs], [blob.values for blob in self._blobs],
                [blob.values.stamp() for blob in self._learnable], torch.get_num_threads())


def _step(node):
    tops = [blob.values for blob in node.tops]
    return Step(node.layer, node.layer.prepared(*[blob._shape for blob in node.bottoms]),
                [(blob.values, blob._shape) for blob in (*node.bottoms, *node.layer.blobs)],
                [blob.values for blob in node.bottoms if blob.values not in tops], tops)


def _replaced(steps):
    """The Memories whose values the steps make without reading those that are there.

    Freed one by one, as they are made, they leave gaps that others do not fit into: memory grows, pass after pass.
    """
    read, made = set(), set()
    for _, _, sources, _, tops in steps:
        read.update(memory for memory, _ in sources if memory not in made)
        made.update(tops)
    return made - read
