"""A study's table: what the curves of many videos come to, a row a video and person, for a statistics program.

    python tools/study.py curves --participants participants.tsv --out study

CURVES are folders with curves in them or in folders below, each as tools/predict_video.py writes it. In --out come

    study.csv           figures of each video and person (docs/study.md says what the columns are)
    study.parquet       the same with types, where pyarrow is installed
    study.about.json    how it was made, and what to look at
    study.html          every curve, the table, what to look at again, and groups, to be read in a browser; where jinja2
                        is installed

A curve that cannot be read is named and left out; the others are done, and the exit status is 1.
"""
from pain.command import fail_if_left_out, run, starting

with starting(__name__):
    from importlib.util import find_spec
    from pathlib import Path

    from pain.command_line import Parser
    from pain.errors import Problem, leaving_out, needed_for, one_line
    from pain.notice import terminal_lines
    from pain.progress import progress
    from pain.study.groups import USUAL, groups_of, groups_table, participant_column
    from pain.study.page import write_page
    from pain.study.participants import read_participants
    from pain.study.people import find_curves, people_of
    from pain.study.table import study_table, write_study
    from pain.video.episodes import THRESHOLDS, check_above
    from pain.video.smoothing import smoothing
    from pain.video_names import name_pattern

MOST_NAMED = 5  # curves of a note on the terminal; study.about.json has all


def arguments():
    """The command line's. Raises Problem for a number that is out of range."""
    parser = Parser(__doc__)
    parser.add_argument("curves", nargs="+", type=Path, metavar="CURVES", help="folders with curves in them")
    parser.add_argument("--participants", type=Path, metavar="TABLE",
                        help="a CSV or TSV file with a row a participant, or a video, whose columns are added")
    parser.add_argument("--pattern", metavar="NAME", help="how videos' names are made, as {sub}_{task}: what each part "
                        "is called (default: as BIDS has it, sub-01_ses-2_task-arm)")
    parser.add_argument("--above", type=float, nargs="+", default=list(THRESHOLDS), metavar="INTENSITY",
                        help="of time, share and episodes of at least that intensity (default: 1 2 3)")
    parser.add_argument("--smooth", default="", metavar="KIND:SECONDS",
                        help="smooth all curves alike first: gaussian:0.5 or median:0.5 (default: as they are)")
    parser.add_argument("--group", metavar="COLUMN", help="the column of study.csv with participants' groups, whose "
                        "means study.html shows (default: %s, if there is one)" % USUAL)
    parser.add_argument("--stills", action="store_true", help="show frames of the videos to look at again in "
                        "study.html, if these videos are still there; they are pictures of people")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the folder for what comes out")
    args = parser.parse_args()
    check_above(args.above)
    if args.out.exists() and not args.out.is_dir():
        raise Problem("%s: is a file; name a folder" % args.out)
    return args


def read_all(curves, *options):
    """Whoever is in curves, {name: folder}, and why some of these are left out, {name: text}."""
    people, left_out = [], {}
    for name, folder in progress(curves.items(), total=len(curves), unit="curve", leave=False):
        with leaving_out(left_out, name):
            people += people_of(name, folder, *options)
    return people, left_out


def grouped(args, table, thresholds):
    """The groups of the participants, and their table; nothing where there are none. Raises Problem."""
    by = args.group or USUAL
    if not args.group and by not in table.columns:
        return [], None
    share = "above_%s_share" % ("%g" % thresholds[0]).replace(".", "_")
    titles = {"mean": "mean", "peak": "peak", share: "share of time at %g or more" % thresholds[0]}
    groups = groups_of(table.columns, by, list(titles))
    return groups, groups_table(groups, by, titles, participant_column(table.columns)) if groups else None


def all_stills(people, table):
    """Stills of the curves to look at, {curve: its Stills, or why there are none}."""
    with needed_for("--stills"):
        from pain.study.stills import stills_of
    stills = {}
    curves = list(dict.fromkeys(curve for note in table.notes for curve in note.curves))
    for curve in progress(curves, total=len(curves), unit="video", leave=False):
        with leaving_out(stills, curve):
            stills[curve] = stills_of([one for one in people if one.curve == curve])
    return stills


def report(made, table, left_out):
    """Print what came out, and what to look at."""
    curves = len(set(table.columns["curve"]))
    print(one_line("%s: %d rows of %d curves" % (", ".join(map(str, made)), len(table.columns["curve"]), curves)))
    print("\n".join(terminal_lines(table.origin)))
    for note in table.notes:
        more = len(note.of) - MOST_NAMED
        print("  " + one_line("%s: %s%s" % (note.text, "; ".join(note.of[:MOST_NAMED]),
                                            " and %d more" % more if more > 0 else "")))
    fail_if_left_out(left_out, "%d of %d curves left out; %s is of the others" % (
        len(left_out), len(left_out) + curves, made[0]))


def main():
    args = arguments()
    filtered, pattern = smoothing(args.smooth), name_pattern(args.pattern) if args.pattern else None
    participants = read_participants(args.participants) if args.participants else None
    thresholds = sorted(set(args.above))
    people, left_out = read_all(find_curves(args.curves), thresholds, filtered, pattern)
    if not people:
        raise Problem("; ".join(left_out.values()))
    table = study_table(people, participants)
    groups = grouped(args, table, thresholds)
    made = write_study(args.out, table, dict(
        curves=list(map(str, args.curves)), participants=args.participants and str(args.participants),
        pattern=args.pattern, above=thresholds, smooth=args.smooth or None, group=args.group, left_out=left_out))
    stills = all_stills(people, table) if args.stills else None
    if find_spec("jinja2"):
        write_page(args.out / "study.html", people, table, left_out, thresholds, *groups, stills)
        made.append(args.out / "study.html")
    report(made, table, left_out)


if __name__ == "__main__":
    run(main)
