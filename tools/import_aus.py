"""A toolbox's action units as a row of the tables: PSPI of every frame, as it is or fitted to other subjects' labels.

    tables of OpenFace 2 or 3, py-feat or LibreFace, TABLES/<subject>/<video>.csv or TABLES/<video>.csv
    data/aligned/frames.csv ──> models/<toolbox>[_<fit>]/NN-subject/predictions.csv
                                                        made_from.json    how it was made, in words

TABLES may be the archive itself, too, whose own action units give its PSPI exactly. A row of a table belongs to the
frame whose file it names, or to the one of its number in the order of frames.csv. Frames without a face are filled in
from their neighbours. pain/baselines/action_units.py says how each program is read.
"""
import json
from pathlib import Path

from pain.command import Parser, run, starting

with starting(__name__):
    import numpy as np

    from pain.baselines.action_units import FITS, filled, find_table, intensities, is_archive, read_coders, read_table
    from pain.datasets.frames_csv import read_frames
    from pain.errors import Problem
    from pain.evaluation.results import COLUMNS
    from pain.files import making, write_csv
    from pain.progress import progress


def read_videos(frames_csv):
    """{(subject, video): (names of its frames, their labels)} of frames.csv, in its order."""
    videos = {}
    for frame in read_frames(frames_csv):
        videos.setdefault((frame.subject, frame.video), []).append((frame.frame, frame.label))
    return {video: tuple(zip(*frames)) for video, frames in videos.items()}


def write_rows(folder, made_from, videos, predictions):
    """Write a row of the tables, whole or not at all. videos: as read_videos(); predictions: {subject: (N,)}."""
    with making(folder) as partial:
        (partial / "made_from.json").write_text(json.dumps(made_from, indent=1) + "\n")
        for number, (subject, values) in enumerate(predictions.items(), 1):
            frames = [(*video, *frame) for video, both in videos.items() if video[0] == subject for frame in zip(*both)]
            write_csv(partial / ("%02d-%s" % (number, subject)) / "predictions.csv", COLUMNS,
                      [(*frame, "%.6f" % value) for frame, value in zip(frames, values)])


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
    videos, readings, coders = read_videos(args.frames), {}, is_archive(args.tables)
    for (subject, video), (frames, _) in progress(videos.items(), total=len(videos), unit="video", desc="read"):
        readings[subject, video] = (read_coders(args.tables, subject, video, frames) if coders else
                                    read_table(find_table(args.tables, subject, video), frames))
    kinds = {(reading.name, reading.how) for reading in readings.values()}
    if len(kinds) > 1:
        raise Problem("%s: tables of different kinds (%s); give each kind a folder of its own" % (
            args.tables, "; ".join(sorted(how for _, how in kinds))))
    (name, how), = kinds
    subjects = list(dict.fromkeys(subject for subject, _ in videos))
    pspi, labels = ([np.concatenate([of_video(video) for video in videos if video[0] == subject])
                     for subject in subjects]
                    for of_video in (lambda video: filled(readings[video].pspi), lambda video: videos[video][1]))
    missing = sum(int(np.isnan(reading.pspi).sum()) for reading in readings.values())
    print("%s; %d of %d frames without a face" % (how, missing, sum(map(len, pspi))))
    for fit in dict.fromkeys(args.fit):
        folder = Path(args.models) / (name if fit == "none" else "%s_%s" % (name, fit))
        write_rows(folder, {"action_units": how, "fit": fit, "frames": sum(map(len, pspi)), "without_a_face": missing},
                   videos, dict(zip(subjects, intensities(pspi, labels, fit))))
        print(folder)


if __name__ == "__main__":
    run(main)
