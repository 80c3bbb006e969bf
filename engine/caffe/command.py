"""The command `caffe`: train, test, time, device_query, with the flags, the log and the statuses of BVLC's caffe.cpp.

    caffe train -solver solver.prototxt [-weights net.caffemodel | -snapshot net_iter_1000.solverstate] [-gpu 0]
    caffe test -model net.prototxt -weights net.caffemodel -iterations 100
    caffe time -model net.prototxt -iterations 10

Status: 0 done (also when a signal stopped the training), 1 flags that there are not, 134 anything else that is wrong:
then the log's last line, an F line, says what; BVLC's aborts with the same.
"""
import contextlib
import os
import platform
import signal
import sys
import time as clock

import torch

from caffe import context, launch, log, program, pycaffe, ranks, solver_param, solvers
from caffe.errors import CaffeError
from caffe.flags import FLAGS
from caffe.proto import caffe_pb2

USAGE = """caffe: trains, scores and times nets
usage: caffe <command> <flags>

commands:
  train           train a model, from scratch, from weights or on from a snapshot
  test            score a model: the mean outputs over some batches
  time            time each layer of a model, forward and backward
  device_query    describe the GPUs

flags, with one dash or two:
"""


def main():
    """Run the command with the arguments of the process, and exit with its status."""
    program.main("caffe", FLAGS, USAGE, run, counts=(1,), misused=0)


def run(others, flags):
    """Carry out the command of this name. Raises CaffeError for what is wrong with the flags and what they name."""
    name, = others
    if name not in COMMANDS:
        raise CaffeError("Unknown action: %s; there are %s" % (name, ", ".join(COMMANDS)))
    log.info("caffe %s, on PyTorch %s, %d threads" % (" ".join(sys.argv[1:]), torch.__version__,
                                                      torch.get_num_threads()))
    if flags.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with it
        torch.use_deterministic_algorithms(True)
    COMMANDS[name](flags)


def need(condition, message):
    """Raise CaffeError unless the condition holds."""
    if not condition:
        raise CaffeError(message)


# What several commands do.

def chosen_gpus(text):
    """The numbers of the GPUs that the flag -gpu names, a list; empty without it."""
    if text == "all":
        need(torch.cuda.device_count(), "-gpu all: no GPU here that PyTorch can use")
        return list(range(torch.cuda.device_count()))
    parts = text.split(",") if text else []
    need(all(part.strip().isdecimal() for part in parts), "-gpu takes the number of a GPU, numbers separated by "
         "commas, or all, not %r" % text)
    return [int(part) for part in parts]


def use_device(text, words, at):
    """Compute on the first of the GPUs that the flag -gpu names, or on the CPU. Returns all of their numbers.

    words: what the log says before the numbers; at: the lines of caffe.cpp that log GPUs, and the CPU.
    """
    gpus = chosen_gpus(text)
    if gpus:
        log.info(words + ", ".join(map(str, gpus)), at="caffe.cpp:%d" % at[0])
        for gpu in reversed(gpus):
            context.set_device(gpu)
        context.set_mode_gpu()
    else:
        log.info("Use CPU.", at="caffe.cpp:%d" % at[1])
        context.set_mode_cpu()
    return gpus


def stages(flags):
    return [stage for stage in flags.stage.split(",") if stage]


def make_net(flags, phase, at, weights=None):
    """The net of -model, in the state that the flags describe, with the weights of the caffemodel. at: use_device's."""
    need(flags.iterations > 0, "-iterations must be 1 or more, not %d" % flags.iterations)
    use_device(flags.gpu, "Use GPU with device ID ", at)
    with precision(flags):
        return pycaffe.Net(flags.model, phase, flags.level, stages(flags), weights)


def precision(flags):
    """A context in which nets are made that compute as precisely as the flags say."""
    if flags.tf32:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    half = flags.bf16
    if half and not flags.gpu:
        if not cpu_has_bf16():  # PyTorch would, many times slower
            log.warning("This CPU does not compute in bfloat16: -bf16 is left out, and all is float32")
            half = False
        elif platform.machine() in ("x86_64", "AMD64") and not torch.cpu._is_amx_tile_supported():
            log.warning("This CPU has no AMX: with -bf16 it needs less memory, but more time than in float32")
    return context.autocast(torch.bfloat16 if half else None)


def cpu_has_bf16():
    """Whether PyTorch has bfloat16 convolutions for this CPU: AVX-512 on x86, BF16 on ARM."""
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


# The commands.

class Signals:
    """What the user's signals ask of a training. Called once an iteration: None, "stop" or "snapshot"."""

    def __init__(self, **effects):
        """effects: signal name -> "stop", "snapshot" or "none"."""
        self._effects, self._arrived = {}, set()
        for name, effect in effects.items():
            need(effect in ("stop", "snapshot", "none"), 'Invalid signal effect "%s" was specified: -%s_effect takes '
                 "stop, snapshot or none" % (effect, name.lower()))
            if hasattr(signal, name):
                self._effects[getattr(signal, name)] = effect
                signal.signal(getattr(signal, name), lambda number, frame: self._arrived.add(number))

    def __call__(self):
        for number in list(self._arrived):
            self._arrived.discard(number)
            if self._effects[number] != "none":
                return self._effects[number]
        return None


def train(flags):
    """Train as the solver says, from -weights or -snapshot if given; signals stop it, or have it write a snapshot."""
    need(flags.solver, "Need a solver definition to train: -solver FILE")
    need(not (flags.snapshot and flags.weights),
         "Give a snapshot to resume training or weights to finetune but not both.")
    signals = Signals(SIGINT=flags.sigint_effect, SIGHUP=flags.sighup_effect)
    param = solver_param.read_param(flags.solver)
    param.train_state.level = flags.level
    param.train_state.stage.extend(stages(flags))
    if not flags.gpu and param.HasField("solver_mode") and param.solver_mode == caffe_pb2.SolverParameter.GPU:
        flags.gpu = str(param.device_id)
    gpus = use_device(flags.gpu, "Using GPUs ", at=(204, 197))
    need(flags.cpu_ranks > 0, "-cpu_ranks must be 1 or more, not %d" % flags.cpu_ranks)
    need(flags.cpu_ranks == 1 or not gpus, "-cpu_ranks is for the CPU; there is a rank for each GPU that -gpu names")
    if flags.weights or flags.snapshot:
        param.weights[:] = [flags.weights] * bool(flags.weights)
    if max(len(gpus), flags.cpu_ranks) > 1:
        train_together(flags, param, signals, gpus)
        return
    solver = make_solver(flags, param, signals)
    log.info("Starting Optimization", at="caffe.cpp:239")
    solver.solve()
    log.info("Optimization Done.", at="caffe.cpp:250")


def make_solver(flags, param, signals):
    """The solver, with the weights or the state that it begins with."""
    with precision(flags):
        solver = solvers.get_solver(param)
    solver.action, solver.keep = signals, False
    if flags.snapshot:
        log.info("Resuming from " + flags.snapshot, at="caffe.cpp:235")
        solver.restore(flags.snapshot)
    return solver


def train_together(flags, param, signals, gpus):
    """Train in a process for each GPU, or for each rank on the CPU: each with a batch of its own, as BVLC's does."""
    count = len(gpus) or flags.cpu_ranks
    uid = launch.be_rank_of(count)
    if gpus:
        context.set_device(gpus[ranks.solver_rank()])
    with contextlib.nullcontext() if uid else launch.Others(count) as others:
        try:
            solver = make_solver(flags, param, signals)
            nccl = ranks.NCCL(solver, uid or others.uid)
            nccl.bcast()
            solver.add_callback(nccl)
            if param.layer_wise_reduce:
                solver.net.after_backward(nccl)
            log.info("Starting Optimization", at="caffe.cpp:239")
            solver.solve() if others else solver.step(solver.max_iter - solver.iter)
            log.info("Optimization Done.", at="caffe.cpp:250")
        except ranks.OtherRankEnded:
            if uid:
                clock.sleep(launch.GRACE)  # for the first to say which
            raise


def test(flags):
    """Run the net forward, and log each batch's outputs and their means."""
    need(flags.model, "Need a model definition to score: -model FILE")
    need(flags.weights, "Need model weights to score: -weights FILE")
    net = make_net(flags, caffe_pb2.TEST, (266, 275), flags.weights)
    net.context.forward_only = True
    log.info("Running for %d iterations." % flags.iterations, at="caffe.cpp:281")
    losses, sums = 0., {}  # sums: (output, index) -> sum over the batches
    for i in range(flags.iterations):
        losses += net.run_forward()
        for name in net.outputs:
            for k, value in enumerate(net.blobs[name].tensor.float().flatten().tolist()):
                log.info("Batch %d, %s = %g" % (i, name, value), at="caffe.cpp:304")
                sums[name, k] = sums.get((name, k), 0.) + value
    log.info("Loss: %g" % (losses / flags.iterations), at="caffe.cpp:309")
    for (name, _), total in sums.items():
        mean, weight = total / flags.iterations, net.blob_loss_weights[name]
        log.info("%s = %g" % (name, mean) + (" (* %g = %g loss)" % (weight, weight * mean) if weight else ""),
                 at="caffe.cpp:321")


def time(flags):
    """Log how long each layer's forward and backward take on average, in ms."""
    need(flags.model, "Need a model definition to time: -model FILE")
    need(flags.phase in ("", "TRAIN", "TEST"), 'phase must be "TRAIN" or "TEST", not %r' % flags.phase)
    net = make_net(flags, caffe_pb2.TEST if flags.phase == "TEST" else caffe_pb2.TRAIN, (339, 343))
    net.context.keep = False

    def ms(function, *args):
        start = clock.perf_counter()
        function(*args)
        context.synchronize()
        return 1000 * (clock.perf_counter() - start)

    log.info("Performing Forward", at="caffe.cpp:351")
    log.info("Initial loss: %g" % net.run_forward(), at="caffe.cpp:356")
    log.info("Performing Backward", at="caffe.cpp:357")
    net.run_backward()
    context.synchronize()
    log.info("*** Benchmark begins ***", at="caffe.cpp:365")
    log.info("Testing for %d iterations." % flags.iterations, at="caffe.cpp:366")
    layers = range(len(net.layers))
    forward, backward = [0.] * len(layers), [0.] * len(layers)
    begin = clock.perf_counter()
    for i in range(flags.iterations):
        start = clock.perf_counter()
        for k in layers:
            forward[k] += ms(net.run_forward, k, k)
        for k in reversed(layers):
            backward[k] += ms(net.run_backward, k, k)
        log.info("Iteration: %d forward-backward time: %g ms." % (i + 1, 1000 * (clock.perf_counter() - start)),
                 at="caffe.cpp:394")
    total = 1000 * (clock.perf_counter() - begin)
    log.info("Average time per layer: ", at="caffe.cpp:397")
    for name, ahead, back in zip(net.layer_dict, forward, backward):
        log.info("%10s\tforward: %g ms." % (name, ahead / flags.iterations), at="caffe.cpp:400")
        log.info("%10s\tbackward: %g ms." % (name, back / flags.iterations), at="caffe.cpp:403")
    log.info("Average Forward pass: %g ms." % (sum(forward) / flags.iterations), at="caffe.cpp:408")
    log.info("Average Backward pass: %g ms." % (sum(backward) / flags.iterations), at="caffe.cpp:410")
    log.info("Average Forward-Backward: %g ms." % (total / flags.iterations), at="caffe.cpp:412")
    log.info("Total Time: %g ms." % total, at="caffe.cpp:414")
    log.info("*** Benchmark ends ***", at="caffe.cpp:415")


def device_query(flags):
    """Log what is known of the GPUs that -gpu names, or of all."""
    log.info("Querying GPUs " + flags.gpu, at="caffe.cpp:138")
    if not flags.gpu and not torch.cuda.device_count():
        log.error("no GPU here that PyTorch can use")
    for number in chosen_gpus(flags.gpu or ("all" if torch.cuda.device_count() else "")):
        context.set_device(number)
        device = torch.cuda.get_device_properties(number)
        for what, value in (("Device id", number), ("Major revision number", device.major),
                            ("Minor revision number", device.minor), ("Name", device.name),
                            ("Total global memory", device.total_memory), ("Warp size", device.warp_size),
                            ("Number of multiprocessors", device.multi_processor_count)):
            log.info("%-30s %s" % (what + ":", value))


COMMANDS = {"train": train, "test": test, "time": time, "device_query": device_query}
