"""Layers in a row of which no backward follows, as one function whose convolutions oneDNN Graph has compiled, and which
orders the rest without Python. Of a single image that saves an eighth of the time.

PyTorch traces the layers, and compiles what it has traced while it runs. What torch.jit.trace makes stays for ever,
150 MB of a large net; here it goes with its CompilationUnit.
"""
import contextlib
import itertools
import threading
import warnings

import torch

AFTER = 100  # passes of the same layers: to compile takes as long as some 150 save
MOST_VALUES = 2 ** 24  # in the blobs that are made: with more, there is little to gain
MOST_TIMES = 100  # that a process compiles, as about 1 MB of each is never freed
_WARM = 4  # passes until it is compiled

_times = itertools.count()
_compiling = threading.Lock()  # whether oneDNN Graph is used is the whole process's


def stretch(steps):
    """Where the longest stretch of steps (inference.Step) that can be one begins, and where it ends."""
    found = [(0, 0)]
    for traces, indices in itertools.groupby(range(len(steps)), lambda i: steps[i].layer.traces):
        indices = list(indices)
        if traces:
            found.append((indices[0], indices[-1] + 1))
    return max(found, key=lambda ends: ends[1] - ends[0])


def compiled(steps, learnable):
    """A Step that makes what these make, and what it makes of what there is; (None, ()) if it cannot be had.

    learnable: Blobs whose values stay what they are as long as it is used.
    """
    tops = list(dict.fromkeys(memory for step in steps for memory in step.tops))
    worth_it = len(steps) > 1 and sum(memory.capacity for memory in tops) <= MOST_VALUES
    can = (torch.backends.mkldnn.is_available() and all(blob.values.stamp() for blob in learnable)
           and not any(step.layer.context.autocast for step in steps))
    if not worth_it or not can or next(_times) >= MOST_TIMES:
        return None, ()
    sources, made = {}, {blob.values for blob in learnable}
    for step in steps:
        sources.update({memory: shape for memory, shape in step.sources if memory not in made})
        made.update(step.tops)
    given = tuple(memory.tensor(shape) for memory, shape in sources.items())
    try:
        compute = _Function(lambda *given: _trace(steps, dict(zip(sources, given)), tops), given)
        return steps[0]._replace(compute=compute, sources=list(sources.items()), tops=tops,
                                 others=[memory for memory in sources if memory not in tops]), compute(*given)
    except (RuntimeError, AttributeError, TypeError):  # the layers themselves say what is wrong; of another PyTorch,
        return None, ()  # whose functions are not these, nothing is


class _Function:
    """What a function of tensors that gives a tuple of them does with any values, compiled for those given."""

    def __init__(self, function, given):
        with _compiling, _onednn_graph(), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            graph, _ = torch._C._create_graph_by_tracing(function, given, lambda value: "", True, False, None,
                                                         ["given%d" % i for i in range(len(given))])
            self._unit = torch._C.CompilationUnit()
            self._unit.create_function("function", graph)
            self._function = self._unit.find_function("function")
            for _ in range(_WARM):
                self._function(*given)

    def __call__(self, *given):
        with torch.no_grad():
            return self._function(*given)


@contextlib.contextmanager
def _onednn_graph():
    before = torch.jit.onednn_fusion_enabled()
    torch.jit.enable_onednn_fusion(True)
    try:
        yield
    finally:
        torch.jit.enable_onednn_fusion(before)


def _trace(steps, values, tops):
    """What the steps make, of what is in values, {Memory: tensor}, and is learned."""
    def value(memory, shape):
        if memory not in values:
            return memory.tensor(shape)
        return values[memory] if values[memory].shape == shape else values[memory].reshape(shape)
    for step in steps:
        made = step.layer.traced(*[value(*source) for source in step.sources])
        values.update(zip(step.tops, made if isinstance(made, tuple) else (made,)))
    return tuple(values[memory] for memory in tops)
