"""A dataset's frames aligned, video by video: a folder of faces and frames.csv."""
from __future__ import annotations

from collections import Counter, namedtuple
from pathlib import Path

from pain.datasets import unbc
from pain.datasets.black_frames import read_frame
from pain.datasets.kinds import data_of_videos
from pain.faces.alignment import align, interpolate, save
from pain.faces.detector import detect
from pain.faces.rows import FACE_COLUMNS, detected, earlier_rows, interpolated, missing
from pain.faces.workers import Alignment, align_all
from pain.files import making, swept, write_csv
from pain.pieces.where import Here, Where
from pain.progress import progress
from pain.provenance import Origin, write_csv_with_origin

NAMED = 20  # frames left out that are named one by one

AlignedFrame = namedtuple("AlignedFrame", ("subject", "video", "frame", "pspi", *FACE_COLUMNS))  # a row of frames.csv


def align_video(detector, root, out, subject, video, labels):
    """Align a video's frames into `out`/subject/video. labels: dict, frame name -> PSPI. Returns AlignedFrames."""
    files, _ = unbc.frame_files(root, subject, video)
    images = [read_frame(files[frame]) for frame in labels]
    faces = detect(detector, images)
    found = any(face is not None for face in faces)
    landmarks = interpolate([face and face.landmarks for face in faces]) if found else None

    rows = []
    with making(Path(out) / subject / video) as partial:
        for i, (frame, pspi) in enumerate(labels.items()):
            if isinstance(images[i], str):
                face = missing(images[i])
            elif not found:
                face = missing("no face in the whole video")
            else:
                face = detected(faces[i]) if faces[i] else interpolated(landmarks[i])
                save(partial / (frame + ".png"), align(images[i], landmarks[i]))
            rows.append(AlignedFrame(subject, video, frame, "%g" % pspi, *face))
        write_csv(partial / "frames.csv", AlignedFrame._fields, rows)
    return rows


def finished_rows(root, out, subject, video, labels):
    """The rows of a video aligned earlier; None unless complete, of these frames and labels, and newer than them."""
    files, _ = unbc.frame_files(root, subject, video)
    newest = max(files[frame].stat().st_mtime for frame in labels)
    return earlier_rows(Path(out) / subject / video / "frames.csv", AlignedFrame, newest, [
        (frame, (subject, video, frame, "%g" % pspi)) for frame, pspi in labels.items()])


class VideoAlignment(Alignment):
    """A video's frames aligned, as a piece: align_video()'s arguments, without the detector."""

    unit = "frame"

    def __init__(self, root, out, subject, video, labels):
        super().__init__("%s/%s" % (subject, video), [Path(root)], [Path(out) / subject / video / "frames.csv"],
                         len(labels))
        self.task = root, out, subject, video, labels

    def rows(self):
        """As finished_rows()."""
        return finished_rows(*self.task)

    def done(self):
        return self.length if self.rows() is not None else 0

    def run(self, means):
        means.update(len(align_video(self.detector, *self.task)))


def align_faces(root: str | Path, out: str | Path, where: Where | None = None) -> list[list[str]]:
    """Align the dataset `root` (UNBC's layout) into the folder `out`, by a Where, here by default. Returns all
    AlignedFrames.

    Raises Problem for a dataset without subjects, videos, frames or labels, or with a label that is no PSPI, and
    as align_all() does.
    """
    videos = unbc.list_videos(root)
    pieces = []
    for subject, video in progress(videos, desc="labels", unit="video", leave=False):
        frames = unbc.list_frames(root, subject, video)
        labels = {frame: unbc.read_pspi(unbc.pspi_file(root, subject, video, frame)) for frame in frames}
        pieces.append(VideoAlignment(root, out, subject, video, labels))
    with swept(out, "*/.*.partial"):
        align_all(pieces, where or Here())
    rows = [row for piece in pieces for row in piece.rows()]
    write_csv_with_origin(Path(out) / "frames.csv", AlignedFrame._fields, rows,
                          Origin(data_of_videos(root, Counter(row.subject for row in rows))))
    return rows


def summary(rows, out):
    """How many frames were aligned, which were left out, and whether that is as in UNBC: a list of lines."""
    count, left_out = Counter(row.status for row in rows), [row for row in rows if row.status == "missing"]
    lines = ["%s: %d frames, %s" % (out, len(rows), ", ".join(
        "%d %s" % (count[status], status) for status in ("detected", "interpolated", "missing")))]
    lines += ["  left out: %s/%s/%s: %s" % (row.subject, row.video, row.frame, row.reason) for row in left_out[:NAMED]]
    if len(left_out) > NAMED:
        lines.append("  left out: and %d more, see %s/frames.csv" % (len(left_out) - NAMED, out))
    return lines + ["  UNBC: " + line for line in compare_with_unbc(rows)]


def files_left_out(root: str | Path) -> list[str]:
    """The files among the frames of the dataset `root` that are none of them, and why: a list of lines."""
    left_out = ["%s/%s/%s: %s" % (subject, video, name, why) for subject, video in unbc.list_videos(root)
                for name, why in unbc.frame_files(root, subject, video)[1].items()]
    return ["  left out: " + line for line in left_out[:NAMED]] + (
        ["  left out: and %d more files" % (len(left_out) - NAMED)] if len(left_out) > NAMED else [])


def compare_with_unbc(rows: list[list[str]]) -> list[str]:
    """Lines, a list of str, that say where the usable frames differ from what is known of UNBC; none for other data."""
    subjects = list(dict.fromkeys(row.subject for row in rows))
    if "042-ll042" not in subjects:
        return []
    if len(subjects) != len(unbc.FRAMES_PER_SUBJECT):
        return ["%d subjects, UNBC has %d" % (len(subjects), len(unbc.FRAMES_PER_SUBJECT))]
    lines = []
    for subject, frames, videos in zip(subjects, unbc.FRAMES_PER_SUBJECT, unbc.VIDEOS_PER_SUBJECT):
        usable = [row for row in rows if row.subject == subject and row.status != "missing"]
        here = len(usable), len({row.video for row in usable})
        if here != (frames, videos):
            lines.append("%s: %d frames in %d videos, the authors use %d in %d" % (subject, *here, frames, videos))
    return lines or ["frames and videos of every subject are as many as the authors use"]
