"""Videos a minute: many by one predict_video, next to the same one after the other in one process, both once loaded.

    PYTHONPATH=tools:tests .venv/bin/python tests/bench/many_videos.py --seconds 3 12 --divide 16 1

Drawn videos of these lengths, with the full trunk (1) and slim ones, turn by turn; medians, the ratio of each pair, and
how many cores each way had. On a machine that others use, too, it is the ratio that says something; on a free one, no
ratio can be above the cores there are to those that one after the other had.
"""
import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import caffe

from pain.pieces.where import Here
from pain.video.curve_folder import about_curve, about_nets, finish_curve, record_curve
from pain.video.episodes import THRESHOLDS
from pain.video.estimator import GAP, MIN_FACE, load_estimator
from pain.video.many import ManyVideos, Options
from pain.video.named_videos import find_videos
from pain.video.source import open_video
from pain.video.video_piece import pieces_of
from support.project import PAIN, ROOT
from video import drawn_faces, write_video

FRAMES = 600  # of all videos together, about
RATE = 25


def one_after_the_other(estimator, videos, out):
    """Rate the videos as the command does with one."""
    nets, estimator.pool = about_nets(estimator.nets.models), None
    for video in videos:
        with open_video(video.path) as opened:
            about = dict(about_curve(opened, [], MIN_FACE, GAP, False, None, estimator.nets.net_file), **nets)
            for _ in record_curve(estimator, opened, out / video.name, about):
                pass
        finish_curve(out / video.name)


def at_a_time(estimator, videos, out):
    """Rate the videos as the command does with many."""
    many = ManyVideos(estimator, out, Options(THRESHOLDS))
    with many.at_work():
        Here().see_through(pieces_of(many, videos, dict(models=[], gpu=None, calibration=None))[0], "videos")


def compare(folder, seconds, divide, rounds):
    """Print how fast both ways are, and check that they give the same curves."""
    net_file = folder / ("slim_%d" % divide) / PAIN.name if divide > 1 else PAIN
    if divide > 1:
        subprocess.check_call([sys.executable, str(ROOT / "tools" / "make_slim.py"), str(net_file.parent), "--divide",
                               str(divide), "--batch", "6"])
    caffe.Net(str(net_file), caffe.TEST, stages=["deploy"]).save(str(folder / "random.caffemodel"))
    estimator = load_estimator([folder / "random.caffemodel"], net_file)
    (folder / "videos").mkdir()
    for i in range(max(2, FRAMES // (seconds * RATE))):
        write_video(folder / "videos" / ("%d.mp4" % i), drawn_faces(seconds * RATE), (320, 240))
    videos, took = find_videos([str(folder / "videos")]).videos, {one_after_the_other: [], at_a_time: []}
    for turn in range(rounds):
        for way in list(took)[::1 if turn % 2 else -1]:
            shutil.rmtree(str(folder / way.__name__), ignore_errors=True)
            start = time.perf_counter(), time.process_time()
            way(estimator, videos, folder / way.__name__)
            took[way].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    for path in (folder / "at_a_time").rglob("curve.csv"):
        other = folder / "one_after_the_other" / path.relative_to(folder / "at_a_time")
        assert path.read_bytes() == other.read_bytes(), path
    shutil.rmtree(str(folder / "videos"))
    ratios = [one / many for (one, _), (many, _) in zip(*took.values())]
    figures = [(60 * len(videos) / statistics.median(wall for wall, _ in took[way]),
                statistics.median(cpu / wall for wall, cpu in took[way])) for way in (at_a_time, one_after_the_other)]
    print("1/%d trunk, %d videos of %d s: %.1f a minute on %.2f cores; one after the other %.1f on %.2f; ratios %s" % (
        divide, len(videos), seconds, *figures[0], *figures[1], " ".join("%.2f" % ratio for ratio in ratios)),
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, nargs="+", default=[3, 12], help="default: 3 12")
    parser.add_argument("--divide", type=int, nargs="+", default=[16, 1], help="of the trunk's width (default: 16 1)")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for divide in args.divide:
            for seconds in args.seconds:
                compare(Path(temporary), seconds, divide, args.rounds)


if __name__ == "__main__":
    main()
