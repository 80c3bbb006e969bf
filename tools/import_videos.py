"""A dataset to train on, in the archive's layout, of your own labelled videos or folders of frames.

    python tools/import_videos.py labels.csv --videos recordings --out data/mine
    make audit align folds train predict evaluate DATA=data/mine WORK=mine FOLDS=5

    labels.csv, or a label file a video ──> data/mine/Images, Frame_Labels    as of the archive
    recordings/sub-01_task-arm.mp4, ...               frames.csv              each frame's time and label, as it was
                                                      README.md               what was assumed
                                                      Videos, own_data.json   what was made of which video; whose it is

Labels are read in every form that pain/labels/reading.py names; several raters' are averaged. Whose labels are whose,
and whose face a video shows, is told by columns and names (pain/own_data/matching.py). A video whose frames are there
is not read again, unless it, its labels or the settings have changed. Videos that cannot be used are left out and
named; the exit status is then 1.
"""
from pain.command import fail_if_left_out, run, starting

with starting(__name__):
    import os
    from pathlib import Path

    from pain.command_line import Parser
    from pain.errors import Problem, one_line
    from pain.folders import is_name
    from pain.labels.arguments import add_reading, reading_of
    from pain.labels.matching import find_label_files
    from pain.labels.reading import read_labels
    from pain.own_data.importing import FORMATS, Settings, import_videos
    from pain.own_data.matching import matched, repeated
    from pain.own_data.readme import remarks
    from pain.progress import progress
    from pain.video.named_videos import find_videos
    from pain.video.source import RATE
    from pain.video_names import name_pattern

SOME = 3  # videos named of those without labels, and things said of what looks wrong


def parse():
    parser = Parser(__doc__)
    parser.add_argument("labels", nargs="+", help="a table of all videos' labels; label files of a video each; or "
                        "folders of them")
    parser.add_argument("--videos", nargs="+", required=True, metavar="VIDEO", help="folders of videos, or of folders "
                        "of frames, or single ones")
    parser.add_argument("--out", required=True, help="the folder of the dataset")
    parser.add_argument("--name", help="what the dataset is called by the nets that learn from it (default: as its "
                        "folder)")
    parser.add_argument("--pattern", metavar="{sub}_{task}", help="how names of videos say whose face it is (default: "
                        "as in BIDS, sub-01_task-arm.mp4)")
    parser.add_argument("--format", choices=FORMATS, default="png", help="of the frames (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=RATE,
                        help="frames a second in folders of frames (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="videos at a time (default: %(default)s)")
    add_reading(parser)
    args = parser.parse_args()
    args.name = args.name or Path(os.path.abspath(args.out)).name
    if args.jobs < 1 or not 0 < args.rate <= 1000:
        raise Problem("--jobs takes 1 or more, --rate more than 0, and 1000 at most")
    if not is_name(args.name):
        raise Problem("--name %s: takes a name that can be printed, without / in it" % args.name)
    return args


def main():
    args = parse()
    pattern = name_pattern(args.pattern) if args.pattern else None
    reading = reading_of(args)._replace(raw=args.pspi)  # raters are averaged first, and then quantised
    named, wrong = find_videos(args.videos)
    for why in wrong.values():
        raise Problem(why)
    files = list(find_label_files(args.labels))
    labels = {str(file): read_labels(file, reading)
              for file in progress(files, unit="file", desc="labels", leave=False)}
    videos = matched({video.name: video.path for video in named}, labels, pattern)
    again = repeated(videos)
    without = [video.name for video in named if video.path not in {labelled.path for labelled in videos}]
    notes = ["left out: %s: the same file as %s" % pair for pair in again.items()]
    if without:
        notes.append("left out: %d videos without labels: %s%s" % (
            len(without), ", ".join(without[:SOME]), ", ..." if len(without) > SOME else ""))
    made, left_out, new = import_videos([video for video in videos if video.path not in again], args.out, Settings(
        args.name, args.pspi, args.format, args.rate), args.jobs, notes)
    print(one_line("%s: %s%d subjects, %d videos, %d frames" % (
        args.out, "" if new else "made already: ", len({record["subject"] for record in made}), len(made),
        sum(len(record["rows"]) for record in made))))
    remarked = remarks(made)
    for note in [*notes, *remarked[:SOME]]:
        print("  " + one_line(note))
    print("  README.md there says what was assumed%s" % (
        ", and %d more things to look at" % (len(remarked) - SOME) if len(remarked) > SOME else ""))
    fail_if_left_out(left_out, "%d of %d videos left out; %s is of the others" % (
        len(left_out), len(left_out) + len(made), args.out))


if __name__ == "__main__":
    run(main)
