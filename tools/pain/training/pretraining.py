"""The face verification net trained for as many people as there are."""
import ast
import shutil
from pathlib import Path

from caffe.proto import caffe_pb2
from google.protobuf import text_format

from pain.errors import Problem
from pain.files import replacing
from pain.prototxts import read_prototxt, with_changes
from pain.provenance import read_origin, write_origin
from pain.training.caffe_train import Training, train

MADE_BY = "make identities"


def read_people(path):
    """The names in `path`, a person a line, whose number is the label. Raises Problem unless there are two or more."""
    try:
        people = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        raise Problem("%s: no such file; make it with `%s`" % (path, MADE_BY)) from None
    except UnicodeDecodeError:
        raise Problem("%s: not a text file; make it again with `%s`" % (path, MADE_BY)) from None
    if len(people) < 2:
        raise Problem("%s: %d people; telling people apart takes two or more" % (path, len(people)))
    return people


def fit_net(net, people, batch):
    """Make the net (caffe_pb2.NetParameter) tell this many people apart, `batch` images at a time; in place.

    A head for another number of people gets another name, so that the weights of the first do not stand in its way.
    """
    for layer in net.layer:
        if layer.HasField("data_param"):
            layer.data_param.batch_size = batch
        elif layer.name == "fc6" and layer.inner_product_param.num_output != people:
            layer.inner_product_param.num_output = people
            layer.name += "_%d" % people
        elif layer.python_param.layer == "CenterLossLayer":
            params = ast.literal_eval(layer.python_param.param_str)
            if params["classes"] != people:
                layer.python_param.param_str = repr(dict(params, classes=people))
                layer.name += "_%d" % people


def prepare(solver_file, identities, folder, batch=None, at_a_time=None, changes=""):
    """Write `folder`'s net.prototxt and solver.prototxt. Returns the solver's path.

    batch: images an iteration, the net's own unless given; at_a_time: images in memory at once, the batch's gradient
    being added up over batch / at_a_time passes; changes: prototxt to merge into the solver.
    Raises Problem for files that are none, and when `folder` holds a training on other people.
    """
    folder = Path(folder)
    solver = read_prototxt(solver_file, caffe_pb2.SolverParameter())
    if not solver.net:
        raise Problem("%s: names no net; prototxt/face_verification_solver.prototxt does" % solver_file)
    net_file = Path(solver_file).parent / Path(solver.net).name
    net = read_prototxt(net_file, caffe_pb2.NetParameter())
    batches = [layer.data_param.batch_size for layer in net.layer if layer.HasField("data_param")]
    if not batches:
        raise Problem("%s: reads no train_lmdb; name the solver of prototxt/face_verification.prototxt" % net_file)
    with_changes(solver, changes, "--settings")
    people = read_people(Path(identities) / "people.txt")
    names = "".join(name + "\n" for name in people)
    record = folder / "people.txt"
    if record.exists() and record.read_text(encoding="utf-8") != names:
        raise Problem("%s: a training on other people than %s; remove the folder or name other --models"
                      % (folder, identities))
    batch = batch or batches[0]
    at_a_time = at_a_time or batch
    if batch % at_a_time:
        raise Problem("--at-a-time %d: does not divide the batch of %d" % (at_a_time, batch))
    fit_net(net, len(people), at_a_time)
    solver.net, solver.iter_size = "net.prototxt", batch // at_a_time
    for name, text in (("net.prototxt", text_format.MessageToString(net)),
                       ("solver.prototxt", text_format.MessageToString(solver)), ("people.txt", names)):
        with replacing(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")
    return folder / "solver.prototxt"


def pretrain(solver_file, identities, models, weights=None, caffe="caffe", gpu=None, **settings):
    """Train on the people of the folder `identities`. Returns the path of the weights, a caffemodel.

    settings: prepare()'s. Raises Problem as prepare() and train.train() do.
    """
    folder = Path(models) / "face_verification"
    solver = prepare(solver_file, identities, folder, **settings)
    training = Training(solver, folder, identities, ("train_lmdb",), MADE_BY, weights, folder.name)
    train([training], caffe, gpu, title="pretrain")
    last = folder / training.snapshot(training.last_snapshot(), "caffemodel")
    out = Path(models) / "face_verification.caffemodel"
    with replacing(out) as partial:
        shutil.copyfile(str(last), str(partial))
        write_origin(out, read_origin(last), partial)
    return out
