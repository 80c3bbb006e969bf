"""Train the trunk to tell people apart: caffe-face's net and solver, on the people of `make identities`.

    data/identities/  ──>  models/face_verification/    net.prototxt, solver.prototxt   for as many people as there are
                                                        train_lmdb                      a link to the data
                                                        train.log                       what caffe said, run after run
                                                        face_iter_N.caffemodel, .solverstate
                           models/face_verification.caffemodel    the last of them, once training is finished

It is nothing but `caffe train -solver solver.prototxt` in that folder. Ctrl-C makes caffe write a snapshot; the same
command goes on from the last one, and leaves a finished training as it is.
"""
import ast
import shutil
from pathlib import Path

from caffe.proto import caffe_pb2
from google.protobuf import text_format

from cli import Parser, Problem, replacing, run
from make_slim import read_prototxt, with_changes
from train import Training, train

MADE_BY = "make identities"


def read_people(path):
    """The names in `path`, a person a line, whose number is the label. Raises Problem unless there are two or more."""
    try:
        people = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        raise Problem("%s: no such file; make it with `%s`" % (path, MADE_BY))
    except UnicodeDecodeError:
        raise Problem("%s: not a text file; make it again with `%s`" % (path, MADE_BY))
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
    training = Training(solver, folder, identities, ("train_lmdb",), MADE_BY, weights)
    train([training], caffe, gpu, title="pretrain")
    out = Path(models) / "face_verification.caffemodel"
    with replacing(out) as partial:
        shutil.copyfile(str(folder / training.snapshot(training.last_snapshot(), "caffemodel")), str(partial))
    return out


def main():
    parser = Parser(__doc__)
    parser.add_argument("solver", help="prototxt/face_verification_solver.prototxt; its net is looked up beside it")
    parser.add_argument("--identities", default="data/identities",
                        help="where `make identities` put them (default: %(default)s)")
    parser.add_argument("--models", default="models", help="where results go (default: %(default)s)")
    parser.add_argument("--weights", help="caffemodel to begin with (default: start from scratch)")
    parser.add_argument("--batch", type=int, help="images an iteration (default: the net's, 256)")
    parser.add_argument("--at-a-time", type=int, metavar="N", help="of them, images in memory at once (default: all)")
    parser.add_argument("--settings", default="", metavar="PROTOTXT", help="fields to set in the solver")
    parser.add_argument("--caffe", default="caffe", help="the caffe command (default: %(default)s)")
    parser.add_argument("--gpu", type=int, help="the GPU to train on (default: the CPU)")
    args = parser.parse_args()
    for name in "batch", "at_a_time":
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise Problem("--%s takes 1 or more" % name.replace("_", "-"))
    print(pretrain(args.solver, args.identities, args.models, args.weights, args.caffe, args.gpu, batch=args.batch,
                   at_a_time=args.at_a_time, changes=args.settings))


if __name__ == "__main__":
    run(main)
