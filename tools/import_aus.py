"""A toolbox's action units as a row of the tables: PSPI of every frame, as it is or fitted to other subjects' labels.

    tables of OpenFace 2 or 3, py-feat or LibreFace, TABLES/<subject>/<video>.csv or TABLES/<video>.csv
    data/aligned/frames.csv ──> models/<toolbox>[_<fit>]/NN-subject/predictions.csv, predictions.origin.json
                                                        made_from.json    how it was made, in words

TABLES may be the archive itself, too, whose own action units give its PSPI exactly. A row of a table belongs to the
frame whose file it names, or to the one of its number in the order of frames.csv. Frames without a face are filled in
from their neighbours. Frames of which `make align` has no face are left out, as no net predicts them either.
pain/baselines/action_units.py says how each program is read.
"""
from pain.command import run, starting

with starting(__name__):
    import datetime
    import json
    from pathlib import Path

    import numpy as np

    from pain.baselines.action_units import FITS, filled, find_table, intensities, is_archive, read_coders, read_table
    from pain.command_line import Parser
    from pain.datasets.frames_csv import read_frames
    from pain.datasets.pspi import CLASSES
    from pain.errors import Problem
    from pain.evaluation.results import COLUMNS
    from pain.files import making
    from pain.progress import progress
    from pain.provenance import Data, Origin, read_origin, write_csv_with_origin


def read_videos(frames_csv):
    """{(subject, video): its LabelledFrames} of frames.csv, in its order."""
    videos = {}
    for frame in read_frames(frames_csv):
        videos.setdefault((frame.subject, frame.video), []).append(frame)
    return videos


def read_pspi(tables, videos):
    """The Reading of every video, {(subject, video): Reading}. videos: of read_videos(). Raises Problem as they do."""
    coders, readings = is_archive(tables), {}
    for (subject, video), frames in progress(videos.items(), unit="video", desc="read"):
        names = [frame.frame for frame in frames]
        readings[subject, video] = (read_coders(tables, subject, video, names) if coders else
                                    read_table(find_table(tables, subject, video), names))
    kinds = {(reading.name, reading.how) for reading in readings.values()}
    if len(kinds) > 1:
        raise Problem("%s: tables of different kinds (%s); give each kind a folder of its own" % (
            tables, "; ".join(sorted(how for _, how in kinds))))
    return readings


def aligned(videos, readings):
    """The frames that were aligned, subject by subject: {subject: (LabelledFrame and PSPI, a list of pairs)}."""
    rows = {}
    for video, frames in videos.items():
        rows.setdefault(video[0], []).extend(
            (frame, value) for frame, value in zip(frames, filled(readings[video].pspi)) if frame.is_aligned)
    return {subject: pairs for subject, pairs in rows.items() if pairs}


def origin_of(how, fit, kind, labels):
    """The Origin of a row: the toolbox as it is, or with a curve that was fitted to the labels.

    how: what the toolbox is, and how it was read; kind: whose faces these are; labels: (N,) int a subject
    """
    today = datetime.date.today().isoformat()
    if fit == "none":
        return Origin(Data(kind), how, iterations=None, date=today)
    counts = np.bincount(np.concatenate(labels), minlength=CLASSES).tolist()
    return Origin(Data(kind, len(labels), sum(counts), tuple(counts)), "%s; %s fit" % (how, fit), date=today)


def write_row(folder, made_from, origin, rows, predictions):
    """Write a row of the tables, whole or not at all. rows: of aligned(); predictions: (N,) a subject."""
    with making(folder) as partial:
        (partial / "made_from.json").write_text(json.dumps(made_from, indent=1) + "\n")
        for number, ((subject, pairs), values) in enumerate(zip(rows.items(), predictions), 1):
            fold = "%02d-%s" % (number, subject)
            left_out = (fold,) if origin.data.subjects else ()
            write_csv_with_origin(partial / fold / "predictions.csv", COLUMNS,
                                  [(frame.subject, frame.video, frame.frame, frame.label, "%.6f" % value)
                                   for (frame, _), value in zip(pairs, values)],
                                  origin._replace(data=origin.data._replace(left_out=left_out)))


def main():
    parser = Parser(__doc__)
    parser.add_argument("tables", metavar="TABLES", help="the folder of the toolbox's CSV files, or the archive's")
    parser.add_argument("--frames", default="data/aligned/frames.csv",
                        help="the frames and their labels, as `make align` lists them (default: %(default)s)")
    parser.add_argument("--fit", choices=FITS, nargs="+", default=["none"],
                        help="how PSPI becomes an intensity 0..5, a row each: quantised as labels are, or by a curve "
                        "fitted to the other subjects (default: none)")
    parser.add_argument("--models", default="models", help="where the rows go (default: %(default)s)")
    args = parser.parse_args()
    if not Path(args.tables).is_dir():
        raise Problem("%s: no such folder; name the one with the toolbox's CSV files" % args.tables)
    videos = read_videos(args.frames)
    readings = read_pspi(args.tables, videos)
    rows, toolbox = aligned(videos, readings), next(iter(readings.values()), None)
    if not rows:
        raise Problem("%s: no aligned frames; make it with `make align`" % args.frames)
    labels, pspi = ([np.array(values) for values in column] for column in zip(*(
        ([frame.label for frame, _ in pairs], [value for _, value in pairs]) for pairs in rows.values())))
    frames, missing = map(sum, zip(*((len(reading.pspi), int(np.isnan(reading.pspi).sum()))
                                     for reading in readings.values())))
    print("%s; %d of %d frames without a face" % (toolbox.how, missing, frames))
    for fit in dict.fromkeys(args.fit):
        folder = Path(args.models) / (toolbox.name if fit == "none" else "%s_%s" % (toolbox.name, fit))
        write_row(folder, {"action_units": toolbox.how, "fit": fit, "frames": frames, "without_a_face": missing},
                  origin_of(toolbox.how, fit, read_origin(args.frames).kind, labels), rows,
                  intensities(pspi, labels, fit))
        print(folder)


if __name__ == "__main__":
    run(main)
