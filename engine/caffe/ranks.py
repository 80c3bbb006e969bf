"""Several processes that train a net together, a device each: ranks 0, 1, ... of a count (BVLC parallel.cpp).

Each runs the net on batches of its own, and before each update the gradients become their mean over the ranks, so that
all take the same step. The first one tests, logs, writes snapshots, and says when to stop. What a script does in each
of its processes:

    caffe.set_solver_count(count), caffe.set_solver_rank(rank)   # before the solver is made
    solver = caffe.get_solver("solver.prototxt")
    nccl = caffe.NCCL(solver, uid)                               # uid: of caffe.NCCL.new_uid(), the same for all
    nccl.bcast()
    solver.add_callback(nccl)
    solver.step(solver.param.max_iter)
"""
from __future__ import annotations

import atexit
import contextlib
import os
import socket
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
from torch import distributed

from caffe.errors import CaffeError
from caffe.turns import engines_turn

if TYPE_CHECKING:
    from caffe.solvers import Solver

BUCKET = 1 << 20  # gradients that are exchanged at once, while the backward goes on
FOR_EVER = timedelta(days=365)  # the first rank may test for as long as it likes
LOOPBACK = "127.0.0.1"

_mine = {"rank": 0, "count": 1}
_served = []  # the stores of this process by which ranks find each other


def solver_count() -> int:
    """How many ranks train together."""
    return _mine["count"]


def set_solver_count(count: int) -> None:
    """Have nets that are made from now on share their training data with so many ranks."""
    _mine["count"] = int(count)


def solver_rank() -> int:
    """Which of the ranks this process is, from 0."""
    return _mine["rank"]


def set_solver_rank(rank: int) -> None:
    _mine["rank"] = int(rank)


def set_multiprocess(multiprocess: bool) -> None:
    """Of no effect: ranks are processes always."""


def has_nccl() -> bool:
    """Whether several GPUs can train together here."""
    return torch.cuda.is_available() and distributed.is_available() and distributed.is_nccl_available()


class OtherRankEnded(CaffeError):
    """Of the ranks that train together another one has ended."""


class NCCL:
    """What the solver of a rank exchanges with the others: on GPUs by NCCL, of which BVLC's has the name; else by Gloo.

    Raises CaffeError where this PyTorch can do neither, and, later, when another rank has ended.
    """

    def __init__(self, solver: Solver, uid: str):
        self._solver = solver
        self._last = _last_backwards(solver.net)
        self._waiting, self._bucket, self._sent, self._passes = [], [], [], 0
        _join(str(uid), solver.net.context)

    @staticmethod
    def new_uid() -> str:
        """What the ranks of a training find each other by. This process has to live until they have."""
        _need_distributed()
        listening = socket.create_server((LOOPBACK, 0))
        port = listening.getsockname()[1]
        _served.append(distributed.TCPStore(LOOPBACK, port, is_master=True, wait_for_workers=False,
                                            master_listen_fd=listening.detach()))
        return "%s:%d" % (LOOPBACK, port)

    @engines_turn
    def bcast(self) -> None:
        """Have the weights of the first rank, and its seed."""
        context = self._solver.net.context
        seed = torch.tensor([context.seed])
        with _others_may_have_ended():
            distributed.broadcast(seed, 0)
        context.seed = int(seed)
        for node in self._solver.net.nodes:
            for blob in node.layer.blobs:
                values = blob.tensor.flatten().clone()
                with _others_may_have_ended():
                    distributed.broadcast(values, 0)
                blob.tensor.copy_(values.view(blob.shape))

    def agree(self, wanted: bool) -> bool:
        """What the first rank wants."""
        said = torch.tensor([wanted], dtype=torch.int32)
        with _others_may_have_ended():
            distributed.broadcast(said, 0)
        return bool(said)

    # In each iteration, in this order.

    def on_start(self) -> None:
        """Before its first forward."""
        self._waiting, self._bucket, self._sent = list(self._last), [], []
        self._passes = self._solver.param.iter_size

    def after_backward(self, lowest: int) -> None:
        """Send the gradients that are complete when the layers down to this index have done their backward."""
        if self._passes == 1:
            while self._waiting and self._waiting[-1][0] >= lowest:
                self._bucket.append(self._waiting.pop()[1])
            if sum(blob.count for blob in self._bucket) >= BUCKET:
                self._send()
        self._passes -= lowest == 0

    @engines_turn
    def on_gradients_ready(self) -> None:
        """Before its update: have the gradients be their mean over the ranks."""
        self._bucket += [blob for _, blob in reversed(self._waiting)]
        self._waiting = []
        if self._bucket:
            self._send()
        for blobs, gradients, exchange in self._sent:
            with _others_may_have_ended():
                exchange.wait()
            gradients /= distributed.get_world_size()
            for blob, mean in zip(blobs, gradients.split([blob.count for blob in blobs])):
                blob.grad.copy_(mean.view(blob.shape))
        self._sent = []

    def _send(self):
        gradients = torch.cat([blob.grad.flatten() for blob in self._bucket])
        with _others_may_have_ended():
            self._sent.append((self._bucket, gradients, distributed.all_reduce(gradients, async_op=True)))
        self._bucket = []


def _last_backwards(net):
    """(index of the layer, blob): with whose backward, of the layers that have the blob, its gradient is complete."""
    first = {}
    for i, node in enumerate(net.nodes):
        for blob in node.layer.blobs:
            first.setdefault(blob.gradients, i)
    return sorted(((first[blob.gradients], blob) for blob, _ in net.learnable), key=lambda pair: pair[0])


def _need_distributed():
    if not distributed.is_available():
        raise CaffeError("this PyTorch cannot train with several processes (torch.distributed is not in it)")


def _join(uid, context):
    """Have this process be one of those that train together."""
    _need_distributed()
    host, _, port = uid.rpartition(":")
    if not port.isdecimal():
        raise CaffeError("NCCL: %r is none of NCCL.new_uid()'s" % uid)
    backend = "gloo" if context.device.type == "cpu" else "cpu:gloo,cuda:" + (
        "nccl" if distributed.is_nccl_available() else "gloo")
    if context.device.type == "cuda":
        torch.cuda.set_device(context.device)
    leave()  # those of a solver before
    with _others_may_have_ended(), _on_loopback():
        store = distributed.TCPStore(host, int(port), is_master=False)
        distributed.init_process_group(backend, store=store, rank=context.rank, world_size=context.ranks,
                                       timeout=FOR_EVER)


@atexit.register  # left to the end of the program, Gloo's threads now and then abort it
def leave() -> None:
    """Have this process be none of those that train together."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


@contextlib.contextmanager
def _on_loopback():
    """In a `with`: Gloo listens where other machines do not reach it, unless the user chose."""
    name = "GLOO_SOCKET_IFNAME"
    chosen = name in os.environ or not sys.platform.startswith("linux")
    if not chosen:
        os.environ[name] = "lo"
    try:
        yield
    finally:
        if not chosen:
            del os.environ[name]


@contextlib.contextmanager
def _others_may_have_ended():
    try:
        yield
    except RuntimeError as error:  # all that torch.distributed raises
        raise OtherRankEnded("rank %d: another rank has ended, and so does this one (%s)"
                             % (solver_rank(), str(error).splitlines()[0])) from error
