"""Mutated nets and solvers: a CaffeError, or one that runs; nothing else, no hang, no huge allocation."""
import contextlib
import re
import resource
import signal

import numpy as np

import caffe
import parity
from caffe.errors import CaffeError
from caffe.layer import TABLE
from genuine import CASES, HERE

NETS = 1000
SOLVERS = 400
MEMORY = 1 << 22  # what the machine is said to have, bytes
ALLOCATIONS = 1 << 30  # what the process may allocate at most, bytes
SECONDS = 5  # for one net

NUMBERS = ["0", "-1", "1", "2", "3", "7", "1000000", "2147483647", "-2147483648", "4294967295", "9223372036854775807",
           "99999999999999999999", "0.5", "-0.5", "1e38", "1e-45", "inf", "-inf", "nan", "true", '""']
STRINGS = ['""', '"x0"', '"x1"', '"y0"', '"layer"', '"/"', '"\\0"', '"\\377"', '"%s %d"', '"' + "a" * 300 + '"']
FIELDS = ["loss_weight: 1", "loss_weight: -2", "propagate_down: true", "propagate_down: false", "param { lr_mult: 0 }",
          'param { name: "w" }', 'param { name: "w" share_mode: PERMISSIVE }', "include { phase: TEST }",
          "exclude { phase: TRAIN }", "axis: -1", "axis: 9", 'top: "q"', 'bottom: "x0"', 'bottom: "q"', "phase: TEST",
          "blobs { shape { dim: 3 } data: 1 data: 2 data: 3 }", "blobs { }", 'type: "Pooling"', "kernel_size: 2",
          "group: 3", "num_output: 0", "shape { dim: -1 }", "weight_filler { type: \"xavier\" }", "{", "}", ":", "\0"]
SOLVER_FIELDS = ["solver_type: ADAM", 'type: "AdaDelta"', 'type: "q"', "iter_size: 2", "iter_size: 0",
                 "average_loss: 0", "clip_gradients: 0.1", 'regularization_type: "L1"', 'regularization_type: "q"',
                 "stepvalue: 1",
                 'lr_policy: "multistep"', 'lr_policy: "poly"', "momentum: 2", "max_iter: 0", "test_iter: 1",
                 "test_interval: 1", "snapshot: 1", "snapshot_format: HDF5", "debug_info: true", "random_seed: 3",
                 'train_net: "q"', 'net: "q"', 'weights: "q"', "train_state { level: 1 }", "test_state { level: 1 }",
                 "test_initialization: false", "display: 1", "delta: 0", "rms_decay: 1", "momentum2: 1", "device_id: 9",
                 'snapshot_prefix: "\\000"']
TOKEN = re.compile(r'"[^"]*"|[\w.+-]+|\S')


class Hang(BaseException):
    """Too long for a net."""


def mutated(text, random, fields):
    """The prototxt with one or two fields changed, removed, doubled or added; seldom with its syntax broken."""
    def one_of(choices):
        return choices[random.randint(len(choices))]

    tokens = TOKEN.findall(text)
    for _ in range(one_of([1, 1, 1, 2])):
        colon = one_of([i for i, token in enumerate(tokens) if token == ":"] or [1])
        field, kind = slice(colon - 1, colon + 2), random.randint(24)
        if kind == 0:
            tokens = tokens[:colon]
        elif kind == 1:
            del tokens[random.randint(len(tokens))]
        elif kind < 7:
            del tokens[field]
        elif kind == 7:
            tokens[field] = tokens[field] * 2
        elif kind < 12:
            tokens.insert(one_of([i for i, token in enumerate(tokens) if token == "}"] or [0]), one_of(fields))
        elif kind < 16:
            strings = [i for i, token in enumerate(tokens) if token[0] == '"']
            tokens[one_of(strings or [0])] = one_of([one_of(STRINGS), '"%s"' % one_of(sorted(TABLE))])
        else:
            numbers = [i for i, token in enumerate(tokens) if token[0] in "-.0123456789"]
            tokens[one_of(numbers or [0])] = one_of(NUMBERS)
        tokens = tokens or [""]
    return " ".join(tokens)


@contextlib.contextmanager
def limits(monkeypatch):
    """Little memory, little time."""
    def too_long(*_):
        raise Hang

    monkeypatch.setattr("caffe.blob.memory_size", lambda device: MEMORY)
    used = int(re.search(r"VmSize:\s+(\d+)", open("/proc/self/status").read()).group(1)) << 10
    before, handler = resource.getrlimit(resource.RLIMIT_AS), signal.signal(signal.SIGALRM, too_long)
    resource.setrlimit(resource.RLIMIT_AS, (used + ALLOCATIONS, before[1]))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


def refused(attempt, text):
    """Whether it raises CaffeError. Fails the test, showing the prototxt, for anything else that it raises."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        attempt()
        return False
    except CaffeError:
        return True
    except BaseException as error:
        raise AssertionError("%s: %s" % (type(error).__name__, text)) from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def run_net(path, phase):
    net, random = caffe.Net(path, phase), np.random.RandomState(0)
    for name in net.inputs:
        net.blobs[name].data[...] = random.uniform(0, 2, size=net.blobs[name].data.shape).round()
    for _ in range(2):
        net.forward()
        net.backward()
    for blob in net.blobs.values():
        assert blob.data.shape == blob.diff.shape == blob.shape


def test_nets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corpus = [parity.prototxt(case) for _, case in CASES]
    corpus += [path.read_text() for path in sorted((HERE / "older_formats").glob("[!s]*.prototxt"))]
    random, count, path = np.random.RandomState(0), 0, tmp_path / "net.prototxt"
    with limits(monkeypatch), np.errstate(all="ignore"):
        for i in range(NETS):
            text = mutated(corpus[random.randint(len(corpus))], random, FIELDS)
            path.write_text(text)
            count += refused(lambda phase=i % 2: run_net(str(path), phase), text)
    assert NETS / 5 < count < NETS * 4 / 5  # or the mutations are too coarse, or too fine, to test anything


SOLVER = """net_param { %s } base_lr: 0.01 lr_policy: "step" gamma: 0.1 power: 0.5 stepsize: 2
    weight_decay: 0.001 display: 1 max_iter: 4 solver_mode: CPU snapshot_prefix: "s" test_iter: 1 test_interval: 2 %s"""
KINDS = ['type: "%s"' % name for name in ("AdaGrad", "RMSProp")]  # these take no momentum
KINDS += ['type: "%s" momentum: 0.9' % name for name in ("SGD", "Nesterov", "AdaDelta", "Adam")]
SOLVED_NET = """layer { name: "x" type: "Input" top: "x" top: "t" input_param { shape { dim: 2 dim: 3 } } }
    layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y"
      inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
    layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "loss" }"""


def test_solvers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLOG_minloglevel", "3")
    random, count, path = np.random.RandomState(1), 0, tmp_path / "solver.prototxt"
    with limits(monkeypatch), np.errstate(all="ignore"):
        for i in range(SOLVERS):
            text = mutated(SOLVER % (SOLVED_NET, KINDS[i % len(KINDS)]), random, SOLVER_FIELDS)
            path.write_text(text)

            def attempt():
                solver = caffe.get_solver(str(path))
                param, solver.net.blobs["x"].data[...] = solver.param, 1
                param.iter_size = min(param.iter_size, 2)  # more would be right, and take long
                param.test_iter[:] = [min(count, 2) for count in param.test_iter]
                solver.step(3)
            count += refused(attempt, text)
    assert SOLVERS / 5 < count < SOLVERS * 4 / 5
