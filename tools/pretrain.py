"""Train the trunk to tell people apart: caffe-face's net and solver, on the people of `make identities`.

    data/identities/  ──>  models/face_verification/    net.prototxt, solver.prototxt   for as many people as there are
                                                        train_lmdb                      a link to the data
                                                        train.log                       what caffe said, run after run
                                                        face_iter_N.caffemodel, .solverstate
                                                        face_iter_N.origin.json   what it has learned from
                           models/face_verification.caffemodel    the last of them, once training is finished, and
                                                                  its .origin.json

It is nothing but `caffe train -solver solver.prototxt` in that folder. Ctrl-C makes caffe write a snapshot; the same
command goes on from the last one, and leaves a finished training as it is.
"""
from pain.command import run, starting

with starting(__name__):
    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.training.pretraining import pretrain


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
