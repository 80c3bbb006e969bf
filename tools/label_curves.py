"""Pain curves and your own labels as predictions.csv, to be scored: evaluate.py and report.py take what comes out.

    python tools/label_curves.py curves --labels labels --out by_hand
    python tools/evaluate.py by_hand

CURVES are folders with curves in them or in folders below, each as tools/predict_video.py writes it. Labels are CSV,
ELAN's or BORIS's (docs/labels.md): files, or folders of them. In --out come

    predictions.csv       a row a frame that has a label and an intensity; of several raters the mean label counts
    rater-<name>.csv      the same by each of several raters
    labels.about.json     how it was made, what was not covered, how far raters and net agree

A label file or a curve that cannot be used is named and left out; the others are done, and the exit status is 1.
"""
from pain.command import fail_if_left_out, run, starting

with starting(__name__):
    from pathlib import Path

    from pain.command_line import Parser
    from pain.errors import Problem, leaving_out, one_line
    from pain.labels.arguments import add_reading, reading_of
    from pain.labels.matching import find_label_files, owned, with_raters
    from pain.labels.reading import read_labels
    from pain.notice import terminal_lines
    from pain.progress import progress
    from pain.provenance import merged
    from pain.study.labelled import (
        ceiling,
        ceiling_text,
        counts,
        figures,
        labelled_curve,
        subject_in,
        write_predictions,
    )
    from pain.study.participants import read_participants
    from pain.study.people import find_curves
    from pain.video.whole_curve import read_curve
    from pain.video_names import name_pattern


def arguments():
    """The command line's."""
    parser = Parser(__doc__)
    parser.add_argument("curves", nargs="+", type=Path, metavar="CURVES", help="folders with curves in them")
    parser.add_argument("--labels", nargs="+", required=True, metavar="LABELS", help="label files, or folders of them")
    add_reading(parser)
    parser.add_argument("--raw", action="store_true", help="leave PSPI 0..16 as it is, for evaluate.py --pspi --raw; "
                        "of use for correlations, for curves are 0..5")
    parser.add_argument("--participants", type=Path, metavar="TABLE",
                        help="a CSV or TSV file that says who is in which video (docs/study.md)")
    parser.add_argument("--pattern", metavar="NAME", help="how videos' names are made, as {sub}_{task}: what each part "
                        "is called (default: as BIDS has it, sub-01_ses-2_task-arm)")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the folder for what comes out")
    args = parser.parse_args()
    if args.raw and not args.pspi:
        raise Problem("--raw leaves PSPI as it is; say that labels are PSPI with --pspi")
    if args.out.exists() and not args.out.is_dir():
        raise Problem("%s: is a file; name a folder" % args.out)
    return args


def tried(names, do, left_out):
    """What do(name) gives of each name, {name: ...}; where that is a Problem it is put into left_out, {name: text}."""
    done = {}
    for name in progress(names, unit="file", leave=False):
        with leaving_out(left_out, str(name)):
            done[name] = do(name)
    return done


def by_curve(read):
    """{curve: [(file, Labels)]} of {file: [(curve, Labels)]}."""
    found = {}
    for file, pairs in read.items():
        for curve, labels in pairs:
            found.setdefault(curve, []).append((str(file), labels))
    return found


def report(made, curves, without):
    """Print what came out. made: paths; curves: each LabelledCurve; without: the names of curves without labels."""
    counted = counts(curves)
    print(one_line("%s: %d frames of %d videos, %d subjects" % (
        ", ".join(map(str, made)), counted["frames"], len(curves), len({curve.subject for curve in curves}))))
    print("  not covered: %(labelled_without_intensity)d labelled frames without an intensity, "
          "%(intensity_without_label)d with an intensity but no label, %(labels_without_frame)d labels of no frame"
          % counted)
    if without:
        print("  " + one_line("%d curves without labels: %s" % (len(without), ", ".join(without))))
    print("\n".join(terminal_lines(merged([curve.origin for curve in curves]))))
    print(ceiling_text(ceiling(curves)))


def main():
    args = arguments()
    reading, pattern = reading_of(args)._replace(raw=args.raw), name_pattern(args.pattern) if args.pattern else None
    participants = read_participants(args.participants) if args.participants else None
    folders, left_out = find_curves(args.curves), {}
    curves = tried(list(folders), lambda name: read_curve(folders[name]), left_out)
    sources = {name: str(curve.about.get("source") or name) for name, curve in curves.items()}
    read = tried(list(find_label_files(args.labels)),
                 lambda file: owned(sources, str(file), read_labels(file, reading)), left_out)
    for note in dict.fromkeys(labels.note for pairs in read.values() for _, labels in pairs if labels.note):
        print(note)
    found = with_raters(sources, by_curve(read))
    subjects = tried(list(found), lambda name: subject_in(
        participants, name, sources[name], found[name], pattern), left_out)
    labelled = tried(list(subjects), lambda name: labelled_curve(
        subjects[name], name, curves[name], [labels for _, labels in found[name]]), left_out).values()
    if not labelled:
        raise Problem("; ".join(left_out.values()) or "no labels of any curve")
    made = write_predictions(args.out, list(labelled), dict(
        made_from=list(map(str, args.curves)), labels=list(map(str, args.labels)), reading=figures(reading),
        participants=args.participants and str(args.participants), pattern=args.pattern, left_out=left_out))
    report(made, list(labelled), [name for name in curves if name not in found])
    fail_if_left_out(left_out, "%d files or curves left out; %s is of the others" % (len(left_out), made[0]))


if __name__ == "__main__":
    run(main)
