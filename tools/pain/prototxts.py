"""Prototxt files read, changed, and made slim."""
import ast
import re
from pathlib import Path

from caffe.proto import caffe_pb2
from google.protobuf import text_format

from pain.errors import Problem
from pain.files import replacing
from pain.project import PROTOTXT


def parse(text, message, where):
    """Read the prototxt `text` into the protobuf `message`, empty, and return it. Raises Problem naming `where`."""
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        raise Problem("%s: not a %s prototxt: %s" % (where, type(message).__name__, error)) from error


def read_prototxt(path, message):
    """The prototxt file `path` read into the protobuf `message`, empty. Raises Problem when it is missing or none."""
    try:
        return parse(Path(path).read_text(), message, path)
    except FileNotFoundError:
        raise Problem("%s: no such prototxt; prototxt/ has ours" % path) from None
    except UnicodeDecodeError:
        raise Problem("%s: not a prototxt, which is a text file" % path) from None


def with_changes(solver, changes, where):
    """Set the fields of `changes` (prototxt) in the SolverParameter, in place and returned; lists are replaced."""
    message = parse(changes, caffe_pb2.SolverParameter(), where)
    for field, _ in message.ListFields():
        solver.ClearField(field.name)
    solver.MergeFrom(message)
    return solver


def seeded(message, seed):
    """Set the random seeds of a net or a solver, in place and returned: the solver's, the batches', the centers'."""
    if isinstance(message, caffe_pb2.SolverParameter):
        message.random_seed = seed
        return message
    for layer in message.layer:
        if "seed" in layer.python_param.param_str:
            params = ast.literal_eval(layer.python_param.param_str)
            layer.python_param.param_str = repr(dict(params, seed=seed))
    return message


def batch_size(net):
    """Of a net file's first layer that says one. Raises Problem where none does."""
    found = re.search(r"batch_size\W+(\d{1,9})\b", Path(net).read_text())
    if not found:
        raise Problem("%s: no layer with a batch_size; prototxt/ has our nets" % net)
    return int(found.group(1))


def slim_net(net, divide, batch):
    """Divide the convolutions' outputs and set the data layers' batch size, in place and returned.

    net: caffe_pb2.NetParameter. Raises Problem when a width cannot be divided.
    """
    for layer in net.layer:
        if layer.HasField("data_param"):
            layer.data_param.batch_size = batch
        if "batch_size" in layer.python_param.param_str:
            layer.python_param.param_str = repr(dict(ast.literal_eval(layer.python_param.param_str), batch_size=batch))
        if layer.type == "Convolution":
            width = layer.convolution_param.num_output
            if width % divide:
                raise Problem("--divide %d: layer %s has %d outputs, not a multiple" % (divide, layer.name, width))
            layer.convolution_param.num_output = width // divide
    return net


def make_slim(out, divide, batch, solver_changes="", seed=None):
    """Write the slim nets to `out` and the variants' solvers, with `solver_changes` (prototxt), to `out`/solvers.

    seed: of all of them; None leaves what they have, which is 1
    """
    out = Path(out)
    for path in sorted(PROTOTXT.glob("**/*.prototxt")):
        if path.parent != PROTOTXT:
            message = parse(path.read_text(), caffe_pb2.SolverParameter(), path)
            with_changes(message, solver_changes, "--solver")
        elif path.stem.endswith("_solver"):
            message = parse(path.read_text(), caffe_pb2.SolverParameter(), path)
        else:
            message = slim_net(parse(path.read_text(), caffe_pb2.NetParameter(), path), divide, batch)
        if seed is not None:
            seeded(message, seed)
        with replacing(out / path.relative_to(PROTOTXT)) as partial:
            partial.write_text("# Made by tools/make_slim.py --divide %d from %s.\n%s"
                               % (divide, path.name, text_format.MessageToString(message)))
