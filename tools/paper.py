"""From the archive to the paper's tables: every step, row and baseline, after a plan that says what it takes.

    make paper DATA=data/unbc                    all of it
    make paper DATA=data/unbc PLAN=1             only the plan
    make paper DATA=data/unbc ONLY="align folds smooth_l1"    or SKIP="temporal"

Each step is a `make` of its own. Ctrl-C ends it, and the same command goes on where it was: what is done is known by
its files. The end is the report, in which each measured figure stands beside the paper's, with its interval.
"""
from pain.command import run, starting

with starting(__name__):
    import os
    from pathlib import Path

    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.paper.costs import free, size_of
    from pain.paper.plan import Measured, plan, plan_text
    from pain.paper.steps import Place, all_steps, chosen_steps, share_done
    from pain.processes import call
    from pain.progress import write


def parse():
    parser = Parser(__doc__)
    for name in "data", "aligned", "folds", "models", "prototxt", "report":
        parser.add_argument("--" + name, required=True, type=Path, help="where it lies, or goes")
    parser.add_argument("--weights", type=Path, help="the face net to fine-tune from (default: from scratch)")
    parser.add_argument("--k", type=int, help="how many folds (default: one a subject)")
    parser.add_argument("--only", default="", metavar="STEPS", help="their names, in one text")
    parser.add_argument("--skip", default="", metavar="STEPS", help="their names, in one text")
    parser.add_argument("--plan", action="store_true", help="print the plan, and do nothing")
    parser.add_argument("--python", required=True, help="the Python that aligns")
    parser.add_argument("--caffe", default="caffe", help="the caffe command (default: %(default)s)")
    parser.add_argument("--gpu", type=int, help="the GPU to train on (default: the CPU)")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time (default: %(default)s)")
    parser.add_argument("--make", default="make", help="the make command (default: %(default)s)")
    args = parser.parse_args()
    if args.jobs < 1 or args.k is not None and args.k < 2:
        raise Problem("--jobs takes 1 or more, --k 2 or more")
    if args.weights and not args.weights.is_file():
        raise Problem("%s: no such caffemodel; name another, or none: WEIGHTS=" % args.weights)
    return args


def main():
    args = parse()
    place = Place(args.data, args.aligned, args.folds, args.models, args.prototxt, args.report, args.weights, args.k)
    steps = chosen_steps(all_steps(args.weights), args.only.split(), args.skip.split())
    size = size_of(args.data, args.k)
    measured = Measured(place, size, args.python, args.caffe, args.gpu, args.jobs)
    print(plan_text(steps, plan(steps, place, measured), size, free(args.models)), flush=True)
    if args.plan:
        return
    for step in steps:
        if step.left_out or share_done(step, place) >= 1:
            continue
        write("\n%s: %s" % (step.name, step.what))
        if call([args.make, "--no-print-directory", *step.targets]):
            raise Problem("%s: ended early, see above; the same command goes on from there" % step.name)
    if (args.report / "report.html").is_file():
        print("%s: every figure beside the paper's" % os.path.relpath(str(args.report / "report.html")))


if __name__ == "__main__":
    run(main)
