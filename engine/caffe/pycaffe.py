"""pycaffe's Net: what scripts and notebooks call.

    net = caffe.Net("deploy.prototxt", caffe.TEST, weights="net.caffemodel")
    net.blobs["data"].data[...] = images
    probabilities = net.forward()["prob"]
"""
from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from caffe import net, ranks, snapshot
from caffe.blob import BlobVec
from caffe.build import read_net
from caffe.errors import CaffeError
from caffe.proto import caffe_pb2
from caffe.turns import alone

_COMPILED = ("AdaDeltaSolver", "AdaGradSolver", "AdamSolver", "NCCL", "NesterovSolver", "RMSPropSolver", "SGDSolver",
             "Timer")


def __getattr__(name):
    """What BVLC's module takes from the compiled one, and scripts take from here."""
    if name not in _COMPILED:
        raise AttributeError("module caffe.pycaffe has no %r" % name)
    from caffe import _caffe
    return getattr(_caffe, name)


class Net(net.Net):
    """Net(network_file, phase, level=0, stages=None, weights=None); of old also Net(network_file, weights, phase).

    blobs: name -> Blob, in the order of the layers that make them; inputs, outputs: names of blobs. Raises CaffeError.
    """

    def __init__(self, network_file: str | bytes | os.PathLike, phase: int | str | bytes, level: int = 0,
                 stages: Iterable[str] | None = None, weights: str | bytes | os.PathLike | None = None):
        if isinstance(phase, (str, bytes)):  # the old order, in which `level` is the third
            weights, phase, level = phase, level, 0
        if phase not in (caffe_pb2.TRAIN, caffe_pb2.TEST):
            raise CaffeError("the phase must be caffe.TRAIN or caffe.TEST, not %r" % (phase,))
        param = read_net(os.fsdecode(network_file))
        param.state.phase, param.state.level = phase, level
        param.state.stage.extend(stages or [])
        super().__init__(param)
        if weights is not None:
            self.copy_from(weights)

    # What the net is made of.

    @property
    def params(self) -> OrderedDict[str, BlobVec]:
        """Layer name -> its learnable blobs, for the layers that have any."""
        return OrderedDict((node.name, node.layer.blobs) for node in self.nodes if node.layer.blobs)

    @property
    def layers(self) -> list[Any]:
        """The layers, each with its type and blobs; of a Python layer the user's own object."""
        return [getattr(node.layer, "user", node.layer) for node in self.nodes]

    @property
    def layer_dict(self) -> OrderedDict[str, Any]:
        """Layer name -> layer."""
        return OrderedDict(zip(self._layer_names, self.layers))

    @property
    def top_names(self) -> OrderedDict[str, list[str]]:
        """Layer name -> the names of its tops."""
        return OrderedDict((node.name, node.top_names) for node in self.nodes)

    @property
    def bottom_names(self) -> OrderedDict[str, list[str]]:
        """Layer name -> the names of its bottoms."""
        return OrderedDict((node.name, node.bottom_names) for node in self.nodes)

    @property
    def blob_loss_weights(self) -> OrderedDict[str, float]:
        """Blob name -> the weight it has in the loss, 0 for most."""
        return OrderedDict((name, blob.loss_weight) for name, blob in self.blobs.items())

    _layer_names = property(lambda self: [node.name for node in self.nodes])
    _blob_names = property(lambda self: list(self.blobs))
    _blobs = property(lambda self: BlobVec(self.blobs.values(), self.context.device))
    _blob_loss_weights = property(lambda self: list(self.blob_loss_weights.values()))
    _inputs = property(lambda self: self._blob_ids(self.inputs))
    _outputs = property(lambda self: self._blob_ids(self.outputs))

    def _top_ids(self, index):
        return self._blob_ids(self.nodes[index].top_names)

    def _bottom_ids(self, index):
        return self._blob_ids(self.nodes[index].bottom_names)

    def _blob_ids(self, names):
        index = {name: i for i, name in enumerate(self.blobs)}
        return [index[name] for name in names]

    # Running.

    @alone
    def forward(self, blobs: Iterable[str] | None = None, start: str | None = None, end: str | None = None,
                **inputs: npt.ArrayLike) -> dict[str, np.ndarray]:
        """Run the net forward and return {name: values} of its outputs and of `blobs`.

        start, end: names of the first and last layer to run, ValueError if there is none of the name; with `end`, that
        layer's tops are returned in the place of the outputs. inputs: values for all of the net's inputs, of their
        batch size.
        """
        first, last = self._layer_index(start, 0), self._layer_index(end, len(self.nodes) - 1)
        wanted = [*(self.nodes[last].top_names if end else self.outputs), *(blobs or [])]
        if inputs:
            self._fill("data", inputs, self.inputs, "Input blob")
        self._forward(first, last)
        return {name: self._blob(name).data for name in wanted}

    @alone
    def backward(self, diffs: Iterable[str] | None = None, start: str | None = None, end: str | None = None,
                 **gradients: npt.ArrayLike) -> dict[str, np.ndarray]:
        """Run the net backward and return {name: gradients} of its inputs and of the blobs `diffs`.

        start, end: names of the first and last layer to run, the last being nearer the input; with `end`, that layer's
        bottoms are returned in the place of the inputs. gradients: those of all of the net's outputs.
        """
        first, last = self._layer_index(start, len(self.nodes) - 1), self._layer_index(end, 0)
        wanted = [*(self.nodes[last].bottom_names if end else self.inputs), *(diffs or [])]
        if gradients:
            self._fill("diff", gradients, self.outputs, "Top diff")
        self._backward(first, last)
        return {name: self._blob(name).diff for name in wanted}

    def _forward(self, start, end):
        """Run the layers of these indices, both included. Returns the loss."""
        return self.run_forward(start, end)

    def _backward(self, start, end):
        self.run_backward(start, end)

    def _layer_index(self, name, default):
        if name is None:
            return default
        if name not in self._layer_names:
            raise ValueError("the net has no layer %r; its layers are %s" % (name, ", ".join(self._layer_names)))
        return self._layer_names.index(name)

    def _blob(self, name):
        if name not in self.blobs:
            raise KeyError("the net has no blob %r; its blobs are %s" % (name, ", ".join(self.blobs)))
        return self.blobs[name]

    def _fill(self, what, arrays, names, kind):
        """Write the arrays, by blob name, to the blobs' data or diff."""
        if set(arrays) != set(names):
            raise CaffeError("%s arguments do not match net %s: they are %s, the net's are %s"
                             % (kind, "inputs" if what == "data" else "outputs", sorted(arrays), sorted(names)))
        for name, array in arrays.items():
            array, blob = np.asarray(array), self.blobs[name]
            if array.shape[:1] != blob.shape[:1]:
                raise CaffeError("%s is not batch sized: %s is given shape %s, the blob's is %s"
                                 % ({"Input blob": "Input", "Top diff": "Diff"}[kind], name, array.shape, blob.shape))
            getattr(blob, what)[...] = array

    @alone
    def forward_all(self, blobs: Iterable[str] | None = None, **inputs: npt.ArrayLike) -> dict[str, np.ndarray]:
        """Run any number of inputs through the net, a batch at a time. Returns {name: values} as forward does."""
        return self._run_all(list(blobs or []), [], inputs, {})[0]

    @alone
    def forward_backward_all(self, blobs: Iterable[str] | None = None, diffs: Iterable[str] | None = None,
                             **inputs_and_gradients: npt.ArrayLike
                             ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Run any number of inputs, and gradients of the outputs, through the net, a batch at a time.

        Returns {name: values} as forward does, and {name: gradients} as backward does.
        """
        given = inputs_and_gradients
        gradients = {name: given[name] for name in self.outputs if name in given}
        inputs = {name: array for name, array in given.items() if name not in gradients}
        return self._run_all(list(blobs or []), list(diffs or []), inputs, gradients, backward=True)

    def _run_all(self, blobs, diffs, inputs, gradients, backward=False):
        values, slopes = {}, {}
        for batch in self._batch({**inputs, **gradients}):
            for name, array in self.forward(blobs, **{name: batch[name] for name in inputs}).items():
                values.setdefault(name, []).append(array.copy())
            if backward:
                for name, array in self.backward(diffs, **{name: batch[name] for name in gradients}).items():
                    slopes.setdefault(name, []).append(array.copy())
        count = len(next(iter(inputs.values()), ()))
        return tuple({name: np.concatenate(parts)[:count] for name, parts in found.items()}
                     for found in (values, slopes))

    def _batch(self, arrays):
        """Cut {name: array} into batches of the size of the net's first blob; the last is filled up with zeros."""
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
        counts = {name: len(array) for name, array in arrays.items()}
        if len(set(counts.values())) > 1:
            raise CaffeError("the inputs and gradients are of different numbers: %s" % counts)
        size = next(iter(self.blobs.values())).shape[0]
        for begin in range(0, max(counts.values(), default=0), size):
            batch = {name: array[begin:begin + size] for name, array in arrays.items()}
            yield {name: array if len(array) == size else
                   np.concatenate([array, np.zeros((size - len(array), *array.shape[1:]))])
                   for name, array in batch.items()}

    @alone
    def set_input_arrays(self, data: np.ndarray, labels: np.ndarray) -> None:
        """Have the MemoryData layer, which must be the first, serve data (N x C x H x W, float32) and labels (N)."""
        labels = np.asarray(labels)
        self._set_input_arrays(data, labels.reshape(-1, 1, 1, 1) if labels.ndim == 1 else labels)

    def _set_input_arrays(self, data, labels):
        if not self.nodes or self.nodes[0].layer.type != "MemoryData":
            raise CaffeError("set_input_arrays may only be called if the first layer is a MemoryDataLayer")
        self.nodes[0].layer.set_input_arrays(data, labels)

    def before_forward(self, function: Callable[[int], object]) -> None:
        """Have function(layer index) called before each layer's forward. The same for the three below."""
        self.callbacks["before_forward"].append(function)

    def after_forward(self, function: Callable[[int], object]) -> None:
        self.callbacks["after_forward"].append(function)

    def before_backward(self, function: Callable[[int], object]) -> None:
        self.callbacks["before_backward"].append(function)

    def after_backward(self, function: Callable[[int], object] | ranks.NCCL) -> None:
        if isinstance(function, ranks.NCCL):
            self.exchange = function.after_backward
        else:
            self.callbacks["after_backward"].append(function)

    # Weights.

    def copy_from(self, path: str | bytes | os.PathLike) -> None:
        """Copy weights from a caffemodel, binary or HDF5, into the layers of the same names."""
        snapshot.load_weights(self, os.fsdecode(path))

    load_hdf5 = copy_from

    def save(self, path: str | os.PathLike) -> None:
        """Write the net and its weights as a binary caffemodel, whole or not at all."""
        snapshot.save_weights(self, path)

    def save_hdf5(self, path: str | os.PathLike) -> None:
        """Write the weights as HDF5, whole or not at all."""
        snapshot.save_weights_hdf5(self, path)

    def share_with(self, other: net.Net) -> None:
        """Have the same weights as another net's layers of the same names, from now on."""
        self.share_weights(other)
