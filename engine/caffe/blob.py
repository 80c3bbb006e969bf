"""Blobs: the named arrays that flow through a net, values (`data`) and gradients (`diff`).

Layers see torch tensors on the net's device. Scripts and Python layers see NumPy arrays, float32, that they may write
to: `net.blobs["data"].data[...] = image`.
"""
import functools
import math
import os

import numpy as np
import torch

from caffe.errors import CaffeError

MAX_COUNT = 2 ** 31 - 1  # BVLC counts in 32-bit integers


@functools.lru_cache(maxsize=None)
def memory_size(device):
    """How many bytes of memory the torch.device has."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class Memory:
    """The values of a blob, or its gradients, or those that several blobs share: a tensor, and, once somebody has asked
    for one, a NumPy array.

    From then on the array's memory stays the same, and nobody else's, while the values fit. On the CPU the tensor lies
    in it, too; on another device whichever was handed out for writing last is the one that counts.
    """

    def __init__(self, device, capacity):
        self.device = device
        self.capacity = capacity  # how many values there is room for
        self._tensor = None  # of any shape; None: zeros, not allocated yet
        self._host = self._view = None  # the memory handed out, flat, and the array that was handed out last
        self._host_is_newer = False

    def tensor(self, shape):
        """The values as a tensor of this shape on the device. float32, or bfloat16 where a net computes in it."""
        count = math.prod(shape)
        if self._host_is_newer:
            self._tensor = torch.from_numpy(self._host).to(self.device)
            self._host_is_newer = False
        if self._tensor is None or self._tensor.numel() < count:
            self.capacity = max(self.capacity, count)
            self._tensor, self._host = torch.zeros(self.capacity, device=self.device), None
        if self._tensor.shape == shape:
            return self._tensor
        if not self._tensor.is_contiguous():
            self._tensor = self._tensor.contiguous()
        return self._tensor.view(-1)[:count].view(shape)

    def set(self, tensor):
        """Take these values, without a copy unless somebody holds the array."""
        tensor = tensor.detach()
        if self.is_exposed and tensor.numel() <= self._host.size:
            if self._host_is_tensor:
                torch.from_numpy(self._host)[:tensor.numel()].copy_(tensor.reshape(-1))
                return
        else:
            self._host = None
            self.capacity = tensor.numel()
        self._tensor, self._host_is_newer = tensor, False

    def array(self, shape):
        """The values as a writable NumPy array of this shape, float32, C order."""
        values = self.tensor(shape)
        if not self.is_exposed:
            self._host = np.empty(self._tensor.numel(), np.float32)
            torch.from_numpy(self._host).copy_(self._tensor.reshape(-1))
            self._view = None
            if self._host_is_tensor:
                self._tensor = torch.from_numpy(self._host)
        elif not self._host_is_tensor:
            torch.from_numpy(self._host)[:values.numel()].copy_(values.reshape(-1))
        if self._view is None or self._view.shape != tuple(shape):
            self._view = self._host[:values.numel()].reshape(shape)
        self._host_is_newer = not self._host_is_tensor
        return self._view

    def free(self):
        """Forget the values, which then are zeros, unless somebody holds the array."""
        if not self.is_exposed:
            self._tensor = None

    def apart(self, tensor):
        """The tensor, or a copy of it if it lies in the memory that was handed out."""
        shared = (self.is_exposed and self._host_is_tensor
                  and tensor.untyped_storage().data_ptr() == self._tensor.untyped_storage().data_ptr())
        return tensor.clone() if shared else tensor

    @property
    def is_exposed(self):
        """Whether somebody may hold the array."""
        return self._host is not None

    @property
    def _host_is_tensor(self):
        return self.device.type == "cpu"


class Blob:
    """An N-dimensional array with gradients. As in pycaffe: data, diff, shape, count, num, channels, height, width."""

    def __init__(self, *shape, device=torch.device("cpu")):
        self.values, self.gradients = Memory(device, 0), Memory(device, 0)
        self.reshape(*shape)

    def reshape(self, *shape):
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
        self._shape = torch.Size(int(dim) for dim in shape)
        if self.count > self.values.capacity:
            if 4 * self.count > memory_size(self.values.device):
                raise CaffeError("blob of shape %s: %d GB, more than there is memory"
                                 % (shape, 4 * self.count >> 30))
            self.values = Memory(self.values.device, self.count)
        if self.count > self.gradients.capacity:
            self.gradients = Memory(self.values.device, self.count)

    @property
    def data(self):
        """The values: a writable NumPy array, float32."""
        return self.values.array(self._shape)

    @property
    def diff(self):
        """The gradients: a writable NumPy array, float32."""
        return self.gradients.array(self._shape)

    @property
    def tensor(self):
        """The values as a torch tensor on the net's device. Assign to it to replace them and the shape."""
        return self.values.tensor(self._shape)

    @tensor.setter
    def tensor(self, tensor):
        self._shape = tensor.shape
        self.values.set(tensor)

    @property
    def grad(self):
        """The gradients as a torch tensor on the net's device. Assign to it to replace them."""
        return self.gradients.tensor(self._shape)

    @grad.setter
    def grad(self, tensor):
        self.gradients.set(tensor)

    def add_grad(self, tensor):
        """Add to the gradients, in place."""
        self.grad.add_(tensor.reshape(self._shape))

    def share(self, other):
        """Have the same values and gradients as `other`, from now on."""
        self.values, self.gradients = other.values, other.gradients

    @property
    def shape(self):
        return tuple(self._shape)

    @property
    def count(self):
        return math.prod(self._shape)

    def _legacy_dim(self, index):
        if len(self._shape) > 4:
            raise CaffeError("blob of shape %s: num, channels, height and width are of blobs with at most 4 axes"
                             % (self.shape,))
        return self._shape[index] if index < len(self._shape) else 1

    num = property(lambda self: self._legacy_dim(0))
    channels = property(lambda self: self._legacy_dim(1))
    height = property(lambda self: self._legacy_dim(2))
    width = property(lambda self: self._legacy_dim(3))


class BlobVec(list):
    """A layer's blobs. A Python layer adds its own in setup: `self.blobs.add_blob(6, 50)`."""

    def __init__(self, blobs=(), device=torch.device("cpu")):
        super().__init__(blobs)
        self.device = device

    def add_blob(self, *shape):
        self.append(Blob(*shape, device=self.device))
