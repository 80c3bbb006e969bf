"""The solvers: training a net as a SolverParameter says (BVLC solver.cpp, sgd_solver.cpp).

    solver = caffe.get_solver("solver.prototxt")
    solver.step(100)            # or solver.solve(), up to max_iter
    solver.net, solver.test_nets, solver.iter

On one machine's CPU a training that was interrupted and restored from its snapshot ends in the very weights that it
would have ended in: the solverstate keeps the seed, and what is random depends on nothing but seed, layer and pass; and
the hidden state of recurrent layers.
"""
from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable

import torch

from caffe import debug, graphs, log, net, pycaffe, ranks, snapshot, updates
from caffe.context import derived
from caffe.errors import CaffeError
from caffe.proto import caffe_pb2
from caffe.solver_nets import make_test_nets, make_train_net
from caffe.solver_param import check_param, check_prefix, read_param
from caffe.turns import alone, engines_turn, free, turn

REMEDY = "Lower base_lr, set clip_gradients, or look at the data"
TYPES = {}  # SolverParameter.type -> class


def solver_type(name):
    """Class decorator: the class of the solvers of this type."""
    def register(solver_class):
        TYPES[name], solver_class.type = solver_class, name
        return solver_class
    return register


def get_solver(source: str | bytes | os.PathLike | caffe_pb2.SolverParameter) -> Solver:
    """The solver of a prototxt file, or of a SolverParameter, of the class that its `type` names. Raises CaffeError."""
    param = read_param(source)
    if param.type not in TYPES:
        raise CaffeError("Unknown solver type: %s (known types: %s)" % (param.type, ", ".join(sorted(TYPES))))
    return TYPES[param.type](param)


class Solver:
    """What the solvers of all types share. As in pycaffe: net, test_nets, iter, lr, param, step, solve, ...

    `source`: path of a solver prototxt, or a SolverParameter. Raises CaffeError for what BVLC's Caffe refuses.
    """

    update = None  # a function of caffe.updates
    histories = 1  # tensors kept for each weight

    @engines_turn
    def __init__(self, source: str | bytes | os.PathLike | caffe_pb2.SolverParameter):
        self.param: caffe_pb2.SolverParameter = read_param(source)
        self.keep = True  # False: training frees gradients and graphs as they are used, and needs less memory
        self.action = lambda: None  # asked after each iteration and before each test batch: "stop", "snapshot"
        self._callbacks = []
        self._together = None  # the NCCL of several ranks
        self._iter = self._step = 0
        self._stopped = False
        check_param(self.param, self.type)
        log.info("Initializing solver from parameters: \n%s", self.param, at="solver.cpp:45")
        self.net: pycaffe.Net = make_train_net(self.param)
        self.lock = self.net.lock
        self.test_nets: list[pycaffe.Net] = make_test_nets(self.param, self.net.context.seed)
        self.history = [torch.zeros_like(blob.tensor) for _ in range(self.histories) for blob, _ in self.net.learnable]
        for blob, _ in self.net.learnable:
            blob.grad = torch.zeros_like(blob.tensor)  # laid out as the weights, and the history, are
        self._update = graphs.Update(self, uses_time=self.update is updates.adam)
        self._clock, self._displayed = time.perf_counter(), 0
        log.info("Solver scaffolding done.", at="solver.cpp:57")

    __del__ = free

    # Training.

    @property
    def iter(self) -> int:
        """How many times the weights have been updated."""
        return self._iter

    @property
    def max_iter(self) -> int:
        return self.param.max_iter

    @property
    def lr(self) -> float:
        """The learning rate of this iteration, before any lr_mult. Asking moves a multistep policy on, as in BVLC."""
        p = self.param
        if p.lr_policy == "step":
            self._step = self._iter // p.stepsize
        elif p.lr_policy == "multistep" and self._step < len(p.stepvalue) and self._iter >= p.stepvalue[self._step]:
            self._step += 1
            log.info("MultiStep Status: Iteration %d, step = %d" % (self._iter, self._step),
                     at="sgd_solver.cpp:50")
        rate = updates.learning_rate(p, self._iter, self._step)
        if not math.isfinite(rate):
            raise CaffeError("Iteration %d: the learning rate is %g; check base_lr, gamma, power and max_iter"
                             % (self._iter, rate))
        return rate

    def add_callback(self, on_start: Callable[[], object] | ranks.NCCL,
                     on_gradients_ready: Callable[[], object] | None = None) -> None:
        """Have both called in each iteration: before its forward, and between its backward and the update.

        Or give an NCCL alone, by which this solver trains together with those of other ranks.
        """
        if isinstance(on_start, ranks.NCCL):
            self._together = on_start
            on_start, on_gradients_ready = self._together.on_start, self._together.on_gradients_ready
        self._callbacks.append((on_start, on_gradients_ready))

    @alone
    @engines_turn
    def solve(self, resume_file: str | os.PathLike | None = None) -> None:
        """Train up to max_iter, from the solverstate `resume_file` if given, with tests and snapshots on the way."""
        p = self.param
        log.info("Solving " + self.net.name, at="solver.cpp:289")
        log.info("Learning Rate Policy: " + p.lr_policy, at="solver.cpp:290")
        self._stopped = False
        if p.snapshot_after_train:
            check_prefix(p)
        if resume_file:
            self.restore(resume_file)
        losses = self._run(p.max_iter - self._iter)
        if p.snapshot_after_train and not (p.snapshot and self._iter % p.snapshot == 0):
            self.snapshot()
        if self._stopped:
            log.info("Optimization stopped early.", at="solver.cpp:311")
            return
        if p.display and self._iter % p.display == 0:
            losses.append(self._forward_only(self.net))
            log.info("Iteration %d, loss = %g" % (self._iter, sum(losses) / len(losses)), at="solver.cpp:327")
        if p.test_interval and self._iter % p.test_interval == 0:
            self._test_all()
        log.info("Optimization Done.", at="solver.cpp:332")

    @alone
    @engines_turn
    def step(self, iters: int) -> None:
        """Train for so many iterations. Raises CaffeError when the loss is not finite."""
        self._run(iters)

    def _run(self, iters):
        """Train; returns the losses that the average is of."""
        p = self.param
        stop = self._iter + iters
        losses = deque(maxlen=p.average_loss)
        self._clock = time.perf_counter()
        self.net.context.keep = self.keep
        first = self.net.context.rank == 0  # tests, displays and saves for all
        while self._iter < stop:
            self.net.clear_param_diffs()
            if p.test_interval and self._iter % p.test_interval == 0 and (self._iter or p.test_initialization):
                if first:
                    self._test_all()
                if self._agree(self._stopped):
                    break
            self._call_back(0)
            display = first and p.display and self._iter % p.display == 0
            self.net.debug_info = bool(display and p.debug_info)
            losses.append(sum(self._forward_backward() for _ in range(p.iter_size)) / p.iter_size)
            if display:
                self._display(sum(losses) / len(losses))
            self._call_back(1)
            self.apply_update()
            action = self.action()
            if first and (p.snapshot and self._iter % p.snapshot == 0 or action == "snapshot"):
                self.snapshot()
            if self._agree(action == "stop"):
                break
        return losses

    def _agree(self, stop):
        """Whether to stop: in a training of several ranks the first one says so for all."""
        self._stopped = self._together.agree(stop) if self._together else stop
        return self._stopped

    def _call_back(self, which):
        """Call the first or the second of each pair of callbacks."""
        if self._callbacks:
            with turn(scripts=True):
                for pair in self._callbacks:
                    pair[which]()

    def _forward_backward(self):
        loss = self.net.run_forward()
        if not math.isfinite(loss):
            raise CaffeError("Iteration %d: the loss is %g. Not finite first is %s. %s"
                             % (self._iter, loss, self._first_not_finite(self.net), REMEDY))
        self.net.run_backward()
        return loss

    @staticmethod
    def _forward_only(which, function=net.Net.run_forward):
        """function(which), by default the net's forward, without preparing for a backward. Returns what it returns."""
        which.context.forward_only = True
        try:
            return function(which)
        finally:
            which.context.forward_only = False

    def _first_not_finite(self, which):
        return self._forward_only(which, debug.first_not_finite) or "nothing, when computed again"

    @alone
    @engines_turn
    def apply_update(self) -> None:
        """Update the weights by their gradients, and count the iteration. The gradients become what was subtracted."""
        p, learnable, rate = self.param, self.net.learnable, self.lr
        if p.display and self._iter % p.display == 0:
            log.info("Iteration %d, lr = %g" % (self._iter, rate), at="sgd_solver.cpp:112")
        if p.clip_gradients >= 0:
            norm = updates.clip([blob.grad for blob, _ in learnable], p.clip_gradients)
            if norm > p.clip_gradients:
                log.info("Gradient clipping: scaling down gradients (L2 norm %g > %g) by scale factor %g"
                         % (norm, p.clip_gradients, p.clip_gradients / norm), at="sgd_solver.cpp:99")
        (self._update if graphs.usable(self.net.context.device) else self._update_weights)(rate, self._iter)
        self._iter += 1

    def _update_weights(self, rate, iteration):
        updates.apply(self.update, self.net.learnable, self.history, rate, self.param, iteration)

    def _display(self, loss):
        now = time.perf_counter()
        lapse, done = now - self._clock, self._iter - self._displayed
        log.info("Iteration %d (%g iter/s, %gs/%d iters), loss = %g"
                 % (self._iter, done / max(lapse, 1e-9), lapse, self.param.display, loss),
                 at="solver.cpp:239")
        self._clock, self._displayed = now, self._iter
        self._log_outputs("Train", self.net, self._outputs(self.net).tolist())

    # Testing.

    def _test_all(self):
        for i, test_net in enumerate(self.test_nets):
            if not self._stopped:
                self._test(i, test_net)

    def _test(self, index, test_net):
        """Run test_iter batches with the train net's weights, and log the mean of each output."""
        log.info("Iteration %d, Testing net (#%d)" % (self._iter, index), at="solver.cpp:347")
        test_net.share_weights(self.net)
        count, loss, scores = self.param.test_iter[index], 0., None
        for _ in range(count):
            action = self.action()
            if action == "snapshot":
                self.snapshot()
            elif action == "stop":
                self._stopped = True
                log.info("Test interrupted.", at="solver.cpp:396")
                return
            batch_loss = self._forward_only(test_net)
            if math.isfinite(loss) and not math.isfinite(batch_loss):  # said once; training can go on
                log.warning("Iteration %d, test net #%d: the loss is %g. Not finite first is %s"
                            % (self._iter, index, batch_loss, self._first_not_finite(test_net)))
            loss += batch_loss
            found = self._outputs(test_net)
            if scores is not None and scores.shape != found.shape:
                raise CaffeError("test net #%d: its outputs have %d values, and had %d in the batch before"
                                 % (index, found.numel(), scores.numel()))
            scores = found if scores is None else scores + found
        if scores is None:
            return
        if self.param.test_compute_loss:
            log.info("Test loss: %g" % (loss / count), at="solver.cpp:401")
        self._log_outputs("Test", test_net, (scores / count).tolist())

    @staticmethod
    def _outputs(which):
        """All values of the net's outputs in a row."""
        return torch.cat([which.blobs[name].tensor.float().flatten() for name in which.outputs] or [torch.zeros(0)])

    @staticmethod
    def _log_outputs(phase, which, values):
        names = [name for name in which.outputs for _ in range(which.blobs[name].count)]
        for i, (name, value) in enumerate(zip(names, values)):
            weight = which.blob_loss_weights[name]
            log.info("    %s net output #%d: %s = %g" % (phase, i, name, value)
                     + (" (* %g = %g loss)" % (weight, weight * value) if weight else ""),
                     at="solver.cpp:258" if phase == "Train" else "solver.cpp:414")

    # Snapshots.

    @alone
    @engines_turn
    def snapshot(self) -> None:
        """Write the weights and the solver's state to <snapshot_prefix>_iter_<iter>.caffemodel and .solverstate."""
        p = self.param
        check_prefix(p)
        broken = debug.learned_not_finite(self.net)
        if broken:
            raise CaffeError("Iteration %d: no snapshot is written, for not finite is %s. %s"
                             % (self._iter, broken, REMEDY))
        hdf5 = p.snapshot_format == caffe_pb2.SolverParameter.HDF5
        kind, end, *at = (("HDF5", ".h5", "solver.cpp:474", "sgd_solver.cpp:296") if hdf5 else
                          ("binary proto", "", "solver.cpp:464", "sgd_solver.cpp:284"))
        weights, state = ("%s_iter_%d.%s%s" % (p.snapshot_prefix, self._iter, what, end)
                          for what in ("caffemodel", "solverstate"))
        log.info("Snapshotting to %s file %s" % (kind, weights), at=at[0])
        (snapshot.save_weights_hdf5 if hdf5 else snapshot.save_weights)(self.net, weights, p.snapshot_diff)
        log.info("Snapshotting solver state to %s file %s" % (kind, state), at=at[1])
        (snapshot.save_state_hdf5 if hdf5 else snapshot.save_state)(
            state, snapshot.State(self._iter, weights, self._step, self.net.context.seed, self.history,
                                  self.net.carried()))

    @alone
    @engines_turn
    def restore(self, path: str | os.PathLike) -> None:
        """Go on from a solverstate. Raises CaffeError, and changes nothing, if it is damaged or of another net."""
        state = snapshot.load_state(path, [tuple(tensor.shape) for tensor in self.history])
        self.net.check_carried(state.carried)
        if state.weights:
            snapshot.load_weights(self.net, state.weights)
        log.info("SGDSolver: restoring history", at="sgd_solver.cpp:336")
        for tensor, array in zip(self.history, state.history):
            tensor.copy_(torch.from_numpy(array))
        self._iter, self._step, self._displayed = state.iter, state.step, state.iter
        if state.seed is not None and self.param.random_seed < 0:
            self.net.context.seed = state.seed
            for i, test_net in enumerate(self.test_nets):
                test_net.context.seed = derived(state.seed, i)
        self.net.reset_passes(self._iter * self.param.iter_size)
        self.net.carry(state.carried)
        for test_net, count in zip(self.test_nets, self.param.test_iter):
            test_net.reset_passes(self._tests_done() * max(count, 0))

    def _tests_done(self):
        """How many times an uninterrupted training has tested before this iteration."""
        tests = -(-self._iter // self.param.test_interval)
        return tests if self.param.test_initialization else max(tests - 1, 0)

    def share_weights(self, other: pycaffe.Net) -> None:
        """Train the weights of this net: they are shared with solver.net from now on."""
        self.net.share_weights(other)


@solver_type("SGD")
class SGDSolver(Solver):
    update = staticmethod(updates.sgd)


@solver_type("Nesterov")
class NesterovSolver(Solver):
    update = staticmethod(updates.nesterov)


@solver_type("AdaGrad")
class AdaGradSolver(Solver):
    update = staticmethod(updates.adagrad)


@solver_type("RMSProp")
class RMSPropSolver(Solver):
    update = staticmethod(updates.rmsprop)


@solver_type("AdaDelta")
class AdaDeltaSolver(Solver):
    update = staticmethod(updates.adadelta)
    histories = 2


@solver_type("Adam")
class AdamSolver(Solver):
    update = staticmethod(updates.adam)
    histories = 2
