"""Make a small dataset in UNBC's layout from one photograph: faces that grimace, with labels right by construction.

The face is scikit-image's astronaut. A frame is drawn by asking of each pixel where in the photograph its colour comes
from: back through the pose of the head, the build of the subject, the skin that the action units move, and the lids and
lips that slide over what lies behind them. That is one map, and one interpolation, a frame.

    Face coordinates: origin between the eyes, x along the eyes to the right of the photograph, y down, in its pixels
    (44 between the pupils). The tables say one side of the face, x > 0; the other is its mirror image.
"""
from pain.command import run, starting

with starting(__name__):
    from pain.command_line import Parser
    from pain.datasets.synthetic.folder import SEEDS, check_ranges, make_once, said
    from pain.datasets.synthetic.videos import draw_dataset


def main():
    parser = Parser(__doc__)
    parser.add_argument("out", help="the folder to make, with Images, Frame_Labels and Sequence_Labels in it")
    parser.add_argument("--subjects", type=int, default=4, help="people, 1 to 999 (default %(default)s)")
    parser.add_argument("--videos", type=int, default=2, help="videos a subject, 1 to 99: odd ones a grimace through "
                        "all classes, even ones a twitch (default %(default)s)")
    parser.add_argument("--frames", type=int, default=60, help="frames a video, 1 to 999; fewer than about 40 may skip "
                        "classes (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="0 to 4294967295: other seeds are other people "
                        "(default %(default)s)")
    arguments = vars(parser.parse_args())
    check_ranges(arguments, subjects=(1, 999), videos=(1, 99), frames=(1, 999), seed=SEEDS)
    print(said(arguments["out"], make_once(draw=draw_dataset, **arguments)))


if __name__ == "__main__":
    run(main)
