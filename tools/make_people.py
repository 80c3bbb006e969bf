"""Make a folder a person, in LFW's layout, by make_synthetic.py's generator: who they are is all they differ in.

    <out>/p0001/p0001_0001.jpg     a person; half of the images at rest, half with action units at any intensity
    <out>/pairs.txt                LFW's protocol: ten folds of as many pairs of one person as of two, no person in two

Pose, light, colours, blur and grain are drawn anew for every image, as if each were another camera's, so that only the
face tells people apart. People of other seeds are other people, and none is a subject of make_synthetic.py's.
"""
from pain.command import run, starting

with starting(__name__):
    import functools
    import os

    from pain.command_line import Parser
    from pain.datasets.synthetic.folder import SEEDS, check_ranges, make_once, said
    from pain.datasets.synthetic.people import draw_people


def main():
    parser = Parser(__doc__)
    parser.add_argument("out", help="the folder to make")
    parser.add_argument("--people", type=int, default=100, help="2 to 9999 (default %(default)s)")
    parser.add_argument("--images", type=int, default=12, help="images a person, 2 to 9999 (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="0 to 4294967295 (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: %(default)s)")
    arguments = vars(parser.parse_args())
    check_ranges(arguments, people=(2, 9999), images=(2, 9999), seed=SEEDS, jobs=(1, 9999))
    draw = functools.partial(draw_people, jobs=arguments.pop("jobs"))
    print(said(arguments["out"], make_once(draw=draw, **arguments)))


if __name__ == "__main__":
    run(main)
