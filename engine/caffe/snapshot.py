"""Weights and solver states in files: caffemodel and solverstate, binary and HDF5, laid out as BVLC's.

A file is written whole or not at all. Binary ones are written a layer, or a history blob, at a time: protobuf messages
written one after the other read as one, so that nothing of the size of the net is ever copied.
"""
from __future__ import annotations

import contextlib
import io
import os
from collections import namedtuple
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from caffe.build import read_binary, read_weights
from caffe.errors import CaffeError
from caffe.proto import caffe_pb2
from caffe.serialize import array_to_blobproto, blobproto_shape, blobproto_values, check_shape, hdf5_file, replacing
from caffe.turns import alone, engines_turn

if TYPE_CHECKING:
    from caffe.net import Net

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"

# iter: iterations done; weights: path of the caffemodel; step: learning-rate steps taken; seed: of the random numbers,
# None in BVLC's files; history: arrays, in the order of the solver's; carried: Net.carried().
State = namedtuple("State", "iter weights step seed history carried")


def is_hdf5(path: str | bytes | os.PathLike) -> bool:
    """Whether the file is HDF5. Raises CaffeError if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(len(HDF5_SIGNATURE)) == HDF5_SIGNATURE
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise CaffeError("%s: %s" % (path, getattr(error, "strerror", error))) from error


class _KeepingErrors(io.FileIO):
    """A file that keeps the first error of writing or growing in `error`, and goes on as if nothing had been.

    HDF5 cannot close a file that it could not write, and says so on stderr, again and again.
    """

    error = None

    def write(self, data):
        try:
            return super().write(data)
        except OSError as error:
            self.error = self.error or error
            return len(data)

    def truncate(self, size=None):
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size


@contextlib.contextmanager
def _writing_hdf5(path):
    import h5py
    with replacing(path) as partial, _KeepingErrors(partial, "w+") as raw:
        with h5py.File(raw, "w") as file:
            yield file
        if raw.error:
            raise raw.error


# Weights.

@alone
@engines_turn
def load_weights(net: Net, path: str | os.PathLike) -> None:
    """Copy the caffemodel's blobs into the layers of the same names. Raises CaffeError if they do not fit."""
    if is_hdf5(path):
        _load_weights_hdf5(net, path)
    else:
        net.copy_weights(read_weights(path), path)


@alone
@engines_turn
def save_weights(net: Net, path: str | os.PathLike, with_diff: bool = False) -> None:
    """Write a binary caffemodel. Raises CaffeError if it cannot be written."""
    with replacing(path) as partial, open(partial, "wb") as file:
        file.write(caffe_pb2.NetParameter(name=net.name).SerializeToString())
        for layer in net.layer_protos(with_diff):
            file.write(caffe_pb2.NetParameter(layer=[layer]).SerializeToString())


@alone
@engines_turn
def save_weights_hdf5(net: Net, path: str | os.PathLike, with_diff: bool = False) -> None:
    """Write an HDF5 caffemodel: /data/LAYER/0, 1, ... and the same in /diff. A shared blob is where it is first."""
    with _writing_hdf5(path) as file:
        data, diff = file.create_group("data"), file.create_group("diff") if with_diff else None
        for layer, blob_is_first in _with_owned_blobs(net):
            group = data.create_group(layer.param.name)
            for i, (blob, first) in enumerate(zip(layer.blobs, blob_is_first)):
                if first:
                    group.create_dataset(str(i), data=blob.tensor.cpu().numpy())
            if with_diff:
                group = diff.create_group(layer.param.name)
                for i, blob in enumerate(layer.blobs):
                    group.create_dataset(str(i), data=blob.grad.cpu().numpy())


def _load_weights_hdf5(net, path):
    with hdf5_file(path) as file:
        data, pairs = file["data"], []
        for layer, blob_is_first in _with_owned_blobs(net):
            if layer.param.name not in data:
                continue
            group = data[layer.param.name]
            found = sum(key.isdigit() for key in group)
            if found > len(layer.blobs) or any(first and str(i) not in group for i, first in enumerate(blob_is_first)):
                layer.fail("Incompatible number of blobs: %d in %s, %d in the net" % (found, path, len(layer.blobs)))
            for i, blob in enumerate(layer.blobs):
                if str(i) in group:
                    check_shape(layer, i, blob, group[str(i)].shape, path)
                    pairs.append((blob, group[str(i)]))
        for blob, dataset in pairs:
            blob.tensor.copy_(torch.from_numpy(np.asarray(dataset[()], np.float32)))


def _with_owned_blobs(net):
    """Each layer, and for each of its blobs whether it is the first of those that share its memory."""
    seen = set()
    for layer in (node.layer for node in net.nodes):
        first = [id(blob.values) not in seen for blob in layer.blobs]
        seen.update(id(blob.values) for blob in layer.blobs)
        yield layer, first


# Solver states.

def save_state(path: str | os.PathLike, state: State) -> None:
    """Write a binary solverstate; the history as tensors. Raises CaffeError if it cannot be written."""
    carried = [caffe_pb2.LayerParameter(name=name, blobs=[array_to_blobproto(tensor.cpu().numpy())
                                                          for tensor in tensors])
               for name, tensors in state.carried.items()]
    with replacing(path) as partial, open(partial, "wb") as file:
        file.write(caffe_pb2.SolverState(iter=state.iter, learned_net=state.weights, current_step=state.step,
                                         seed=state.seed, carried=carried).SerializeToString())
        for tensor in state.history:
            blob = array_to_blobproto(tensor.cpu().numpy())
            file.write(caffe_pb2.SolverState(history=[blob]).SerializeToString())


def save_state_hdf5(path: str | os.PathLike, state: State) -> None:
    """Write an HDF5 solverstate: /iter, /learned_net, /current_step, /seed, /history/0, 1, ..., /carried/LAYER/0, ...
    """
    with _writing_hdf5(path) as file:
        file["iter"], file["current_step"] = np.int32([state.iter]), np.int32([state.step])
        file["seed"] = np.int64([state.seed])
        text = state.weights.encode()
        file["learned_net"] = np.array(text, "S%d" % (len(text) + 1))  # BVLC reads up to a NUL
        history = file.create_group("history")
        for i, tensor in enumerate(state.history):
            history[str(i)] = tensor.cpu().numpy()
        for name, tensors in state.carried.items():
            for i, tensor in enumerate(tensors):
                file["carried/%s/%d" % (name, i)] = tensor.cpu().numpy()


def load_state(path: str | os.PathLike, shapes: Sequence[tuple[int, ...]]) -> State:
    """The State in a solverstate, binary or HDF5, whose history is to have these shapes.

    Raises CaffeError if it has not, or if the file is damaged.
    """
    state = (_load_state_hdf5 if is_hdf5(path) else _load_state_binary)(path, shapes)
    if state.iter < 0 or state.step < 0:
        raise CaffeError("%s: damaged: iteration %d, step %d" % (path, state.iter, state.step))
    if state.weights and not os.path.isfile(state.weights):
        raise CaffeError("%s: its weights, %r, are not there: move them there, or start where the training was started"
                         % (path, state.weights))
    return state


def _check_history(path, found, shapes):
    if len(found) != len(shapes):
        raise CaffeError("%s: Incorrect length of history blobs: %d, but this solver has %d. It is of another net or "
                         "solver type, or damaged" % (path, len(found), len(shapes)))
    for i, (shape, wanted) in enumerate(zip(found, shapes)):
        if shape != wanted:
            raise CaffeError("%s: its history blob %d is of shape %s, but that of this net %s. It is of another net"
                             % (path, i, shape, wanted))


def _load_state_binary(path, shapes):
    proto = read_binary(path, caffe_pb2.SolverState())
    found = [blobproto_shape(blob) for blob in proto.history]
    for i, blob in enumerate(proto.history):  # the old form has four axes, always
        if not blob.HasField("shape") and i < len(shapes) and found[i] == (1,) * (4 - len(shapes[i])) + shapes[i]:
            found[i] = shapes[i]
    _check_history(path, found, shapes)
    history = [_values(blob, shape, "its history blob %d" % i, path)
               for i, (blob, shape) in enumerate(zip(proto.history, shapes))]
    carried = {layer.name: [torch.from_numpy(_values(blob, blobproto_shape(blob), "what %s carries" % layer.name, path))
                            for blob in layer.blobs] for layer in proto.carried}
    return State(proto.iter, proto.learned_net, proto.current_step, proto.seed if proto.HasField("seed") else None,
                 history, carried)


def _values(blob, shape, what, path):
    values = blobproto_values(blob)
    if values.size != np.prod(shape):
        raise CaffeError("%s: damaged: %s has %d values for the shape %s" % (path, what, values.size, shape))
    return values.reshape(shape)


def _load_state_hdf5(path, shapes):
    with hdf5_file(path) as file:
        group = file["history"]
        names = sorted(group, key=int)
        _check_history(path, [group[name].shape for name in names], shapes)
        return State(int(file["iter"][0]), bytes(file["learned_net"][()]).decode(), int(file["current_step"][0]),
                     int(file["seed"][0]) if "seed" in file else None,
                     [np.asarray(group[name][()], np.float32) for name in names], _carried_in_hdf5(file))


def _carried_in_hdf5(file):
    import h5py
    carried = {}

    def take(path, found):
        if isinstance(found, h5py.Dataset):
            layer, _, index = path.rpartition("/")  # a layer's name may have slashes, too
            carried.setdefault(layer, {})[int(index)] = torch.from_numpy(np.asarray(found[()], np.float32))
    if "carried" in file:
        file["carried"].visititems(take)
    return {layer: [tensors[index] for index in sorted(tensors)] for layer, tensors in carried.items()}
