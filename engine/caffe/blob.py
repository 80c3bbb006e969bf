"""Blobs: the named arrays that flow through a net, values (`data`) and gradients (`diff`).

Layers see torch tensors on the net's device. Scripts and Python layers see NumPy arrays, float32, that they may write
to: `net.blobs["data"].data[...] = image`.

On the CPU an array and its tensor are the same memory. On a GPU they are two, and take turns: while scripts run (also
callbacks, and Python layers' methods) the arrays that they hold count, and else the tensors. What counts no more is
brought up to date: an array as the scripts' turn begins, if its tensor has changed; a tensor when a layer asks for it.
An array that nobody holds any more costs nothing.
"""
from __future__ import annotations

import contextlib
import functools
import math
import os
import sys
import weakref
from collections.abc import Iterable

import numpy as np
import torch

from caffe import turns
from caffe.errors import CaffeError
from caffe.turns import mine

CPU = torch.device("cpu")
MAX_COUNT = 2 ** 31 - 1  # BVLC counts in 32-bit integers


@functools.cache
def memory_size(device):
    """How many bytes of memory the torch.device has."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class Memory:
    """The values of a blob, or its gradients, or those that several blobs share: a tensor, and, once somebody has asked
    for one, a NumPy array.

    From then on the memory of both stays the same, and nobody else's, while the values fit, for as long as somebody
    holds the array or, on a CPU, asks for it between one pass and the next.
    """

    def __init__(self, device, capacity, initial=0.):
        self.device = device
        self.capacity = capacity  # how many values there is room for
        self._initial = initial  # what they are until they are set
        self._tensor = None  # of any shape; None: initial values, not allocated yet
        self._array, self._on_host = None, None  # what was handed out, flat, and the tensor of the same memory
        self._asked = False  # for the array, since the values were set
        # On a GPU, whether the array counts, and of which of the tensor's versions it is a copy.
        self._array_counts, self._version = False, None
        self.stays = False  # nobody but the solver shares the tensor: an array can be made of the same memory again
        self._before = None, None  # then: the tensor and the array's memory, when there was an array last
        self._changes = 0  # how often they may have been written to without PyTorch's counting it
        self.convolve = None  # what packed.py convolves by them with
        self.twin = None  # a tensor in which a graph makes or reads the values, and is to have what scripts write

    def tensor(self, shape):
        """The values as a tensor of this shape on the device. float32, or bfloat16 where a net computes in it."""
        if self._array_counts:
            self.update()
        if self._tensor is not None and self._tensor.shape == shape:
            return self._tensor
        count = math.prod(shape)
        if self._tensor is None or self._tensor.numel() < count:
            self.capacity = max(self.capacity, count)
            self._hide()
            self._tensor = torch.zeros(self.capacity, device=self.device)
            if self._initial:
                self._tensor.fill_(self._initial)
        if not self._tensor.is_contiguous():
            self._tensor = self._tensor.contiguous()
        view = self._tensor.view(-1)[:count].view(shape)
        if count == self._tensor.numel() and self.device.type == "cpu":
            self._tensor = view  # the next time, it is there
        return view

    def set(self, tensor):
        """Take these values, without a copy unless somebody holds the array."""
        if tensor.requires_grad:
            tensor = tensor.detach()
        self._changes += 1
        if self.is_exposed and not self._asked and self.device.type == "cpu":
            self._hide_if_unheld()
        self._asked = False
        if not self.is_exposed:
            self.capacity, self._tensor = tensor.numel(), tensor
            return
        if self._array_counts:
            if tensor.numel() < self._array.size:
                self._upload()
            self._settle()
        if not self.is_exposed or tensor.numel() > self._array.size:
            self._hide()
            self.capacity, self._tensor = tensor.numel(), tensor
            return
        # .data: autograd shall see the new values
        self._tensor.data.view(-1)[:tensor.numel()].copy_(tensor.reshape(-1))
        self._version = None
        if mine.scripts:
            self._array_counts = False
            self.show()

    def array(self, shape):
        """The values as a writable NumPy array of this shape, float32, C order."""
        count, array = math.prod(shape), self._array
        self._changes += 1
        self._asked = True
        if self.device.type != "cpu" or array is None or array.size < count:
            with turns.others_halted():  # they may be writing to the tensor
                self.show()
                if not self.is_exposed or self._array.size < count:
                    self.tensor(shape)  # there is one, and large enough
                    self._expose()
                array = self._array
        return array[:count].reshape(shape)

    def update(self):
        """Bring the tensor up to date, if it is the array that counts."""
        if self._array_counts:
            upload = self._upload()
            if self.twin is not None and self.twin is not self._tensor:
                self.twin.data.copy_(self._tensor[:self.twin.numel()].view(self.twin.shape))
            self._settle()
            if self.is_exposed:  # somebody may write to the array in the scripts' next turn
                mine.upload = upload or mine.upload

    def put(self, tensor):
        """Take what a graph has written to this tensor, which may be the one there is. None: forget the values."""
        if tensor is None:
            self.free()
        elif tensor is not self._tensor:
            self.set(tensor)
        elif self.is_exposed:
            self.touch()
            self._settle()

    def own(self):
        """Have a tensor that is nobody else's."""
        if not self.is_exposed and self._tensor is not self.twin:
            self._tensor = self._tensor.clone()

    def touch(self):
        """Note that the tensor has been written to without PyTorch's knowing."""
        self._version = None
        self._changes += 1

    def stamp(self):
        """On a CPU, what stays the same while the values do; None while somebody holds the array, and may write."""
        if self.is_exposed and sys.getrefcount(self._array) > 2:  # this object, and the function
            return None
        if self._tensor is None:
            return self._changes, None, 0
        return self._changes, self._tensor.data_ptr(), self._tensor._version

    def free(self):
        """Forget the values, which then are the initial ones, unless somebody holds the array."""
        if not self.is_exposed:
            self._tensor = None

    def apart(self, tensor):
        """The tensor, or a copy of it if it lies in memory that is nobody else's."""
        shared = self.is_exposed and tensor.untyped_storage()._cdata == self._tensor.untyped_storage()._cdata
        return tensor.clone() if shared else tensor

    @property
    def is_exposed(self):
        """Whether somebody may hold the array."""
        return self._array is not None

    def hold(self):
        """What keeps the array, if there is one, for as long as it is held: it then need not be copied again."""
        return self._array

    def show(self):
        """Bring the array up to date; from now on it is what counts."""
        if self.device.type == "cpu" or not self.is_exposed or self._array_counts or self._hide_if_unheld():
            return
        if self._version != self._tensor._version:
            self._on_host.copy_(self._tensor)
        self._array_counts = True

    def _expose(self):
        """Have an array of all values, and a tensor of its own."""
        tensor, on_host = self._before
        if tensor is not self._tensor:
            # Pinned memory: a GPU fetches from it several times as fast.
            on_host = torch.empty(self._tensor.numel(), pin_memory=self.device.type == "cuda")
        self._array, self._on_host = on_host.numpy(), on_host
        on_host.copy_(self._tensor.reshape(-1))
        if self.device.type == "cpu":
            self._tensor = on_host
            return
        if tensor is not self._tensor:
            self._tensor = torch.empty(len(on_host), device=self.device).copy_(self._tensor.reshape(-1))
        if self.stays:
            self._before = self._tensor, on_host
        self._version, self._array_counts = self._tensor._version, True
        mine.shown.add(self)

    def _upload(self):
        """Copy the array to the tensor. Returns the event behind it, if the copy is not done yet."""
        later = self.device.type == "cuda" and not mine.scripts  # else the script goes on, and may write
        self._tensor.data.copy_(self._on_host, non_blocking=later)  # PyTorch keeps its memory until that is done
        self._version = self._tensor._version
        return torch.cuda.current_stream(self.device).record_event() if later else None

    def _settle(self):
        """In the engine's turn: from now on it is the tensor that counts."""
        if not mine.scripts:
            self._array_counts = False
            self._hide_if_unheld()

    def _hide_if_unheld(self):
        """Hide the array if only this object knows of it; returns whether it is so."""
        held = weakref.ref(self._array)
        self._array = None
        self._array = held()
        if self._array is None:
            self._hide()
        return self._array is None

    def _hide(self):
        """From now on the array, if there is any, is another's."""
        self._array, self._on_host, self._array_counts = None, None, False
        mine.shown.discard(self)


class Blob:
    """An N-dimensional array with gradients. As in pycaffe: data, diff, shape, count, num, channels, height, width."""

    def __init__(self, *shape: int | Iterable[int], device: torch.device = CPU, lock: turns.Lock | None = None):
        self._lock = lock or contextlib.nullcontext()  # its net's
        self.loss_weight = 0.  # where it counts in the loss: what its gradients are in new memory
        self.values, self.gradients = Memory(device, 0), Memory(device, 0)
        self.reshape(*shape)

    def reshape(self, *shape: int | Iterable[int]) -> None:
        """Change the shape. Values stay in their order; without room for more, they become zeros and are not shared.

        Raises CaffeError for a negative dimension, for more than 2^31 - 1 values (BVLC blob.cpp), and for more than
        the device's memory holds.
        """
        if len(shape) == 1 and not isinstance(shape[0], (int, np.integer)):
            shape = tuple(shape[0])
        if any(dim < 0 for dim in shape):
            raise CaffeError("blob of shape %s: a dimension is negative" % (shape,))
        if max(math.prod(shape), *shape, 0) > MAX_COUNT:
            raise CaffeError("blob of shape %s: more than 2^31 - 1 values" % (shape,))
        with self._lock:
            self._shape = torch.Size(int(dim) for dim in shape)
            if self.count > self.values.capacity:
                if 4 * self.count > memory_size(self.values.device):
                    raise CaffeError("blob of shape %s: %d GB, more than there is memory"
                                     % (shape, 4 * self.count >> 30))
                self.values = Memory(self.values.device, self.count)
            if self.count > self.gradients.capacity:
                self.gradients = Memory(self.values.device, self.count, self.loss_weight)

    @property
    def data(self) -> np.ndarray:
        """The values: a writable NumPy array, float32."""
        return self.values.array(self._shape)

    @property
    def diff(self) -> np.ndarray:
        """The gradients: a writable NumPy array, float32."""
        return self.gradients.array(self._shape)

    @property
    def tensor(self) -> torch.Tensor:
        """The values as a torch tensor on the net's device. Assign to it to replace them and the shape."""
        return self.values.tensor(self._shape)

    @tensor.setter
    def tensor(self, tensor: torch.Tensor) -> None:
        self._shape = tensor.shape
        self.values.set(tensor)

    @property
    def grad(self) -> torch.Tensor:
        """The gradients as a torch tensor on the net's device. Assign to it to replace them."""
        return self.gradients.tensor(self._shape)

    @grad.setter
    def grad(self, tensor: torch.Tensor) -> None:
        self.gradients.set(tensor)

    def add_grad(self, tensor: torch.Tensor) -> None:
        """Add to the gradients, in place."""
        self.grad.add_(tensor.reshape(self._shape))

    def weigh(self, loss_weight: float) -> None:
        """Have the gradients be the blob's weight in the loss, until they are set to something else."""
        self.loss_weight = loss_weight
        self.grad = torch.full(self._shape, loss_weight, device=self.values.device)

    def share(self, other: Blob) -> None:
        """Have the same values and gradients as `other`, from now on."""
        self.values, before, self.gradients = other.values, self.gradients, other.gradients
        if self.loss_weight and self.gradients is not before:
            self.weigh(self.loss_weight)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._shape)

    @property
    def count(self) -> int:
        return math.prod(self._shape)

    def _legacy_dim(self, index):
        if len(self._shape) > 4:
            raise CaffeError("blob of shape %s: num, channels, height and width are of blobs with at most 4 axes"
                             % (self.shape,))
        return self._shape[index] if index < len(self._shape) else 1

    @property
    def num(self) -> int:
        return self._legacy_dim(0)

    @property
    def channels(self) -> int:
        return self._legacy_dim(1)

    @property
    def height(self) -> int:
        return self._legacy_dim(2)

    @property
    def width(self) -> int:
        return self._legacy_dim(3)


class BlobVec(list[Blob]):
    """A layer's blobs. A Python layer adds its own in setup: `self.blobs.add_blob(6, 50)`."""

    def __init__(self, blobs: Iterable[Blob] = (), device: torch.device = CPU):
        super().__init__(blobs)
        self.device = device

    def add_blob(self, *shape: int | Iterable[int]) -> None:
        blob = Blob(*shape, device=self.device)
        blob.values.stays = blob.gradients.stays = True
        self.append(blob)
