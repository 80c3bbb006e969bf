"""A make-believe GPU. Its tensors live apart from the CPU's as a GPU's do, though the CPU computes them underneath.

An operation that mixes the two raises, as CUDA's does, and so does `.numpy()`; values cross by copies alone, which are
counted. What a GPU computes in other ways, or not at all, and what it does later, cannot be seen here.

To be imported before a process's first backward: then autograd counts the devices.
"""
import time
import types
import weakref
from collections import Counter

import pytest
import torch
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

import caffe
from caffe import context, graphs, turns

NAME = "pretend"
_setup_privateuseone_for_python_backend(NAME)
DEVICE = torch.device(NAME, 0)

aten = torch.ops.aten
# What the CPU has to wait for: operations whose results are numbers, or have sizes that depend on values.
WAITING = {aten._local_scalar_dense.default, aten.nonzero.default, aten.masked_select.default, aten.equal.default,
           aten.repeat_interleave.Tensor, aten._unique2.default, aten.is_nonzero.default}
INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
COPYING = {aten._to_copy.default, aten.copy_.default}

copies = Counter()  # "to device", "to host", and "wait": how often; a test clears it

_CPUGenerator = torch.Generator  # a test may put `generator` in its place
_generators = set()  # the device's


class Tensor(torch.Tensor):
    """A tensor on the device: `held` is the CPU's, which has its values."""

    @staticmethod
    def __new__(cls, held):
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            device=DEVICE)
        made.held = held
        return made

    def __repr__(self):
        return "pretend.Tensor(%r)" % self.held

    def tolist(self):
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        """Carry out an operation, of which a tensor is on the device, and put what comes of it where it belongs."""
        kwargs = dict(kwargs or {})
        to_device = not kwargs.get("device") or kwargs["device"].type == NAME
        leaves = list(_leaves((*args, *kwargs.values())))
        if operation in COPYING:
            _count(args[:2] if operation is aten.copy_.default else (None, args[0]), to_device)
        else:
            _check(operation, leaves)
            if operation in WAITING or operation in INDEXING and any(
                    leaf.dtype in (torch.bool, torch.uint8) for leaf in args[1] if leaf is not None):
                _refuse_in_graphs(operation)
                copies["wait"] += 1
        if "device" in kwargs:
            kwargs["device"] = torch.device("cpu")
        given = {id(_held(leaf)): leaf for leaf in leaves if isinstance(leaf, torch.Tensor)}
        held, held_kwargs = _held(args), {name: _held(value) for name, value in kwargs.items()}
        if Graph.recorded is not None:
            Graph.recorded.before(operation, held)
        found = operation(*held, **held_kwargs)
        if Graph.recorded is not None:
            Graph.recorded.after(operation, held, held_kwargs, found)
        if (operation.__name__.startswith("_foreach") and operation._schema.is_mutable
                and operation is not aten._foreach_zero_.default):
            torch.autograd.graph.increment_version(args[0])  # as CUDA's do; for other operations PyTorch does it above

        return _placed(found, given, to_device)


def _placed(found, given, to_device):
    """What came of an operation, on the device or not; what worked in place returns what it was `given`."""
    if isinstance(found, (list, tuple)):
        return type(found)(_placed(each, given, to_device) for each in found)
    if not isinstance(found, torch.Tensor):
        return found
    if id(found) in given:
        return given[id(found)]
    if not to_device:
        return found.clone()
    made = Tensor(found)
    for other in given.values():
        if torch._C._is_alias_of(found, _held(other)):  # a view, also to who compares storages
            torch._functionalize_unsafe_set(made, other)
    return made


def _held(leaf):
    """The CPU's tensors in the place of the device's."""
    if isinstance(leaf, (list, tuple)):
        return [_held(each) for each in leaf]
    return leaf.held if isinstance(leaf, Tensor) else leaf


class Graph:
    """What graphs.capture makes, on the device: operations that are noted, and done when it is called.

    As in CUDA's, nothing is done while it is recorded, what is made has its place in memory once and for all, and what
    needs the host is refused.
    """

    recorded = None  # the one that is being recorded
    made = 0  # how many there have been; a test clears it

    def __init__(self, work, device=DEVICE):
        assert device.type == NAME
        self._operations, self._before, self._fresh = [], [], []
        while not turns._halting.acquire(blocking=False):  # another thread has one recorded
            turns.rest()
            time.sleep(.0001)
        with turns.others_halted():  # unlike CUDA, this notes the operations of whichever thread
            turns._halting.release()
            self._record(work)
        Graph.made += 1

    def _record(self, work):
        Graph.recorded = self
        try:
            work()
        finally:
            Graph.recorded = None
            for tensor, values in reversed(self._before):
                tensor.copy_(values)
            for tensor in self._fresh:
                tensor.fill_(float("nan") if tensor.dtype.is_floating_point else 0)

    def before(self, operation, args):
        if operation._schema.is_mutable:
            self._before += [(leaf, leaf.clone()) for leaf in _leaves(args) if isinstance(leaf, torch.Tensor)]

    def after(self, operation, args, kwargs, found):
        given = [leaf for leaf in _leaves(args) if isinstance(leaf, torch.Tensor)]
        fresh = [(i, each) for i, each in enumerate(_leaves([found])) if isinstance(each, torch.Tensor)
                 and not any(torch._C._is_alias_of(each, leaf) for leaf in given)]
        self._fresh += [each for _, each in fresh]
        self._operations.append((operation, args, kwargs, fresh))

    def __call__(self):
        for operation, args, kwargs, fresh in self._operations:
            found = list(_leaves([operation(*args, **kwargs)]))
            for i, place in fresh:
                place.copy_(found[i])


def _leaves(arguments):
    for argument in arguments:
        if isinstance(argument, (list, tuple)):
            yield from _leaves(argument)
        else:
            yield argument


def _count(target_and_source, to_device):
    """Count a copy if it leads from one to the other."""
    target, source = target_and_source
    to_device = to_device if target is None else isinstance(target, Tensor)
    if source.numel() and isinstance(source, Tensor) != to_device:
        _refuse_in_graphs("copying")
        copies["to device" if to_device else "to host"] += 1


def _refuse_in_graphs(what):
    if Graph.recorded is not None:
        raise RuntimeError("%s: operation not permitted when stream is capturing" % what)


def _check(operation, leaves):
    """Raise RuntimeError for operands of both, but for numbers, and for a generator of the CPU's."""
    for leaf in leaves:
        if isinstance(leaf, _CPUGenerator) and leaf._cdata not in _generators:
            raise RuntimeError("%s: Expected a '%s' device type for generator but found 'cpu'" % (operation, NAME))
        if isinstance(leaf, torch.Tensor) and not isinstance(leaf, Tensor) and leaf.dim():
            raise RuntimeError("%s: Expected all tensors to be on the same device, but found at least two devices, %s "
                               "and cpu! (of shape %s)" % (operation, DEVICE, tuple(leaf.shape)))


def generator(device="cpu"):
    """What torch.Generator is on a machine with the device."""
    made = _CPUGenerator()
    if torch.device(device).type == NAME:
        _generators.add(made._cdata)
        weakref.finalize(made, _generators.discard, made._cdata)
    return made


def _factory(name):
    """Have torch make tensors on the device by the operation of this name."""
    packet, _, overload = name.partition(".")
    operation = getattr(getattr(aten, packet), overload or "default")

    def make(*args, device=None, pin_memory=None, **kwargs):
        made = operation(*args, device=torch.device("cpu"), **kwargs)
        fills = torch.are_deterministic_algorithms_enabled() and torch.utils.deterministic.fill_uninitialized_memory
        if Graph.recorded is not None and name.startswith("empty") and fills:  # with NaN, so that it is noticed
            Graph.recorded.after(aten.fill_.Scalar, (made, float("nan")), {}, made)
        return Tensor(made)
    _library.impl(name, make, "PrivateUse1")


def _copy_from(source, target, non_blocking=False):
    """What torch.tensor copies by, which asks no class of tensors."""
    if source.numel():
        _refuse_in_graphs("copying")
        copies["to device"] += 1
    target.held.copy_(source)
    return target


_library = torch.library.Library("aten", "IMPL")
for _name in "empty.memory_format", "empty_strided", "arange.start_step":
    _factory(_name)
_library.impl("_copy_from", _copy_from, "PrivateUse1")

torch.zeros(1, device=DEVICE).add_(1)  # has torch import what it imports at the first use


@pytest.fixture(autouse=True)
def gpu(monkeypatch):
    """The device in the place of CUDA's for tests that import this, and set_mode_gpu(); set_mode_cpu() does nothing.

    Yields the numbers of the devices that were waited for.
    """
    waited = []
    properties = types.SimpleNamespace(name="Pretend", major=1, minor=2, total_memory=2 ** 40, warp_size=32,
                                       multi_processor_count=4)
    monkeypatch.setattr(context, "GPU", NAME)
    monkeypatch.setattr(graphs, "capture", Graph)
    monkeypatch.setattr(context, "_settings", dict(context._settings))
    monkeypatch.setattr(torch, "Generator", generator)
    monkeypatch.setattr(torch.Tensor, "pin_memory", torch.Tensor.clone)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: waited.append(device.index))
    tf32 = [(backend, backend.allow_tf32) for backend in (torch.backends.cudnn, torch.backends.cuda.matmul)]
    for module in caffe, context:
        monkeypatch.setattr(module, "set_mode_cpu", lambda: None)
    caffe.set_mode_gpu()
    copies.clear()
    Graph.made = 0
    yield waited
    for backend, allowed in tf32:
        backend.allow_tf32 = allowed
