"""What the layers of a net have in common: device, phase, seed, and how the net is being run."""
from __future__ import annotations

import contextlib
import functools
import itertools
import os
import weakref
import zlib

import numpy as np
import torch

from caffe import ranks, turns
from caffe.errors import CaffeError
from caffe.proto import caffe_pb2

GPU = "cuda"  # torch's name for what set_mode_gpu has nets compute on
GRAPHS = os.environ.get("CAFFE_GRAPHS", "1") != "0"  # whether what a GPU does again and again is recorded

_settings = {"device": torch.device("cpu"), "gpu": 0, "seeds": None, "autocast": None}


def set_mode_cpu() -> None:
    """Have nets that are made from now on compute on the CPU."""
    _settings["device"] = torch.device("cpu")


def set_mode_gpu() -> None:
    """Have nets that are made from now on compute on the GPU chosen by set_device, the first unless it is called.

    It is they that raise CaffeError where PyTorch finds no GPU. Convolutions are in float32, PyTorch's own default for
    them is TF32.
    """
    _settings["device"] = torch.device(GPU, _settings["gpu"])
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # float32 is float32, as in BVLC's
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False  # sums are float32, in bfloat16 too


def set_device(number: int) -> None:
    """Choose the GPU of this number for set_mode_gpu, which may come before or after. Raises CaffeError without it."""
    _check_gpu(number)
    _settings["gpu"] = number
    if _settings["device"].type == GPU:
        _settings["device"] = torch.device(GPU, number)


def _check_gpu(number):
    if not torch.cuda.is_available():
        raise CaffeError("no GPU here that PyTorch can use; run on the CPU (no -gpu, solver_mode: CPU, set_mode_cpu())")
    if not 0 <= number < torch.cuda.device_count():
        raise CaffeError("no GPU %d; there are 0 to %d" % (number, torch.cuda.device_count() - 1))


def synchronize():
    """Wait until the GPU, if nets are made on one, has done what it was given: for clocks."""
    if _settings["device"].type == GPU:
        _check_gpu(_settings["gpu"])
        torch.cuda.synchronize(_settings["device"])


def set_random_seed(seed: int) -> None:
    """Make nets that are created from now on repeatable: fillers, dropout, mirroring, cropping, shuffling.

    Not alike: of two nets made one after the other each draws numbers of its own.
    """
    _settings["seeds"] = map(functools.partial(derived, int(seed)), itertools.count())


def derived(seed, number):
    """The seed itself for number 0; for each number after it another, which follows from both."""
    return int(np.random.SeedSequence([seed % 2**64, number]).generate_state(1, np.uint64)[0] >> 1) if number else seed


def _new_seed():
    """The next of those that follow from set_random_seed, or any."""
    return next(_settings["seeds"]) if _settings["seeds"] else int(np.random.SeedSequence().entropy % 2**63)


@functools.cache
def _kernels(device):
    try:
        from caffe import kernels
        kernels.try_out(device)
    except Exception:  # all that Triton raises, if it is here at all: without a C compiler, for a GPU it does not know
        return None
    return kernels


@contextlib.contextmanager
def autocast(dtype):
    """In a `with`: nets that are made convolve and multiply matrices in this type, such as torch.bfloat16, or None."""
    _settings["autocast"], before = dtype, _settings["autocast"]
    try:
        yield
    finally:
        _settings["autocast"] = before


class Context:
    """One net's device, phase and state. `seed`: int, or None to draw one.

    Random numbers are a function of the seed, the layer and the number of its pass alone, so that a resumed training
    draws what the uninterrupted one would have drawn.
    """

    def __init__(self, phase, seed=None):
        self.phase = phase
        self.device = _settings["device"]
        if self.device.type == GPU:
            _check_gpu(self.device.index)
        self.seed = _new_seed() if seed is None else seed
        self.rank, self.ranks = ((ranks.solver_rank(), ranks.solver_count()) if phase == caffe_pb2.TRAIN else (0, 1))
        self.passes = 0  # how many times the net has been run forward from its first layer
        self.parts = 0  # and since then, from a later one
        self.lock = turns.Lock()  # of the thread that runs the net, or changes it
        self.forward_only = False  # no backward will follow: record nothing for it
        self.keep = True  # keep gradients and what they are computed from, for scripts to read and backward to repeat
        self.autocast = _settings["autocast"]  # torch.bfloat16 to compute in
        self.draws = None  # while a graph is recorded: functions that draw its random numbers anew
        self._names = weakref.WeakKeyDictionary()  # of the layers that draw; Caffe allows several layers one name
        self.doubts = []  # what Layer.check_values has not seen yet: (layer, message, a tensor: is it so, a value)

    @property
    def channels_last(self):
        """Whether convolutions are quicker with an image's channels side by side: in bfloat16 and TF32, on a GPU."""
        return self.device.type == GPU and bool(self.autocast or torch.backends.cudnn.allow_tf32)

    @property
    def kernels(self):
        """The module caffe.kernels where it is of use and can be used, else None.

        To order its functions one by one takes the host longer than they save the GPU: they are for graphs.
        """
        return _kernels(self.device) if GRAPHS and self.channels_last and self.device.type == "cuda" else None

    def number(self):
        """What makes the numbers that a forward draws its own, a tuple."""
        number = self.of_all(self.passes)
        return (number, self.parts) if self.parts else (number,)

    def of_all(self, number):
        """This rank's pass of this number, counted among the passes of all ranks."""
        return number * self.ranks + self.rank

    def generator(self, layer, *what, device="cpu"):
        """A torch.Generator for the layer's random numbers for `what`, on the device, whose numbers are its own."""
        return torch.Generator(device).manual_seed(self.entropy(layer, *what))

    def uniform(self, layer, shape, *what):
        """Random numbers from 0 to 1, a tensor of this shape, for `what` in this pass of the layer."""
        if self.draws is None:
            generator = self.generator(layer, *what, *self.number(), device=self.device)
            return torch.rand(shape, generator=generator, device=self.device)
        drawn = torch.empty(shape, device=self.device)
        self.draws.append(lambda: drawn.uniform_(
            generator=self.generator(layer, *what, *self.number(), device=self.device)))
        return drawn

    def settle(self, loss=0.):
        """The loss as a number. Raises CaffeError for what was in doubt. Here alone a forward waits for a GPU."""
        doubts, self.doubts = self.doubts, []
        waited = [pair for _, _, pair in doubts]
        if isinstance(loss, torch.Tensor):
            waited.append(loss.reshape(1))
        if not waited:
            return loss
        numbers = torch.cat(waited).tolist()
        for (layer, message, _), wrong, value in zip(doubts, numbers[::2], numbers[1::2]):
            layer.check(not wrong, message % value if wrong else "")
        return numbers[-1] if isinstance(loss, torch.Tensor) else loss

    def random(self, layer, *what):
        """The same as a numpy RandomState."""
        return np.random.RandomState(self.entropy(layer, *what) % 2 ** 32)

    def entropy(self, layer, *what):
        if layer not in self._names:
            namesakes = sum(other.param.name == layer.param.name for other in self._names)
            self._names[layer] = layer.param.name + namesakes * "/another"
        text = "/".join(map(str, (self.seed, self.phase, self._names[layer]) + what))
        return zlib.crc32(text.encode()) << 31 ^ zlib.crc32(text[::-1].encode())
