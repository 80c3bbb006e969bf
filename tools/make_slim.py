"""A slim copy of prototxt/: the same nets and solvers with every convolution of the trunk 1/N as wide.

    python tools/make_slim.py demo/prototxt --divide 8 --batch 16 --solver "base_lr: 0.01 max_iter: 400"

For trying things out in minutes. The heads, the losses and the names stay; so does the layout, so that a solver's
relative `net:` finds the slim net. --batch and --solver are for the variants; pretrain.py has its own.
"""
from pain.command import run, starting

with starting(__name__):
    from pathlib import Path

    from pain.command_line import Parser
    from pain.errors import Problem
    from pain.prototxts import PROTOTXT, make_slim


def main():
    parser = Parser(__doc__)
    parser.add_argument("out", help="folder to write the slim prototxts to")
    parser.add_argument("--divide", type=int, default=8, help="the integer N (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="batch size (default: %(default)s)")
    parser.add_argument("--solver", default="", metavar="PROTOTXT", help="fields to set in every solver")
    parser.add_argument("--seed", type=int, help="of every net and solver, 1 or more (default: theirs)")
    args = parser.parse_args()
    if min(args.divide, args.batch, 1 if args.seed is None else args.seed) < 1:
        raise Problem("--divide, --batch and --seed take 1 or more")
    if Path(args.out).resolve() == PROTOTXT:
        raise Problem("%s: would overwrite the original prototxts; name another folder" % args.out)
    make_slim(args.out, args.divide, args.batch, args.solver, args.seed)


if __name__ == "__main__":
    run(main)
