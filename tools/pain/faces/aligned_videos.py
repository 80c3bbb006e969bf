"""A dataset's frames aligned, video by video: a folder of faces and frames.csv."""
from pathlib import Path

import skimage.io
import skimage.transform

from pain.datasets import unbc
from pain.datasets.black_frames import read_frame
from pain.faces.alignment import align, interpolate
from pain.faces.detector import detect
from pain.faces.rows import FACE_COLUMNS, detected, earlier_rows, interpolated, missing
from pain.faces.workers import in_workers
from pain.files import making, write_csv
from pain.progress import progress

COLUMNS = ("subject", "video", "frame", "pspi", *FACE_COLUMNS)


def align_video(detector, root, out, subject, video, labels):
    """Align a video's frames into `out`/subject/video. labels: dict, frame name -> PSPI. Returns its rows (COLUMNS)."""
    images = [read_frame(Path(root) / "Images" / subject / video / (frame + ".png")) for frame in labels]
    faces = detect(detector, images)
    found = any(face is not None for face in faces)
    landmarks = interpolate([face and face.landmarks for face in faces]) if found else None

    rows = []
    with making(Path(out) / subject / video) as partial:
        for i, (frame, pspi) in enumerate(labels.items()):
            row = [subject, video, frame, "%g" % pspi]
            if isinstance(images[i], str) or not found:
                rows.append(row + missing(images[i] if isinstance(images[i], str) else "no face in the whole video"))
                continue
            rows.append(row + (detected(faces[i]) if faces[i] else interpolated(landmarks[i])))
            save(partial / (frame + ".png"), align(images[i], landmarks[i]))
        write_csv(partial / "frames.csv", COLUMNS, rows)
    return rows


def save(path, image):
    """Write an aligned face."""
    skimage.io.imsave(str(path), image, check_contrast=False)


def finished_rows(root, out, subject, video, labels):
    """The rows of a video aligned earlier; None unless complete, of these frames and labels, and newer than them."""
    folder = Path(root) / "Images" / subject / video
    newest = max((folder / (frame + ".png")).stat().st_mtime for frame in labels)
    return earlier_rows(Path(out) / subject / video / "frames.csv", COLUMNS, newest, [
        (frame, (subject, video, frame, "%g" % pspi)) for frame, pspi in labels.items()])


def align_faces(root, out, jobs=1):
    """Align the dataset `root` (UNBC's layout) into the folder `out` with `jobs` processes. Returns all rows (COLUMNS).

    Raises Problem for a dataset without subjects, videos, frames or labels, or with a label that is no PSPI, and
    as in_workers() does.
    """
    videos = unbc.list_videos(root)
    tasks = []
    for subject, video in progress(videos, desc="labels", unit="video", leave=False):
        frames = unbc.list_frames(root, subject, video)
        labels = {frame: unbc.read_pspi(unbc.pspi_file(root, subject, video, frame)) for frame in frames}
        tasks.append((root, out, subject, video, labels))
    results = [finished_rows(*task) for task in tasks]
    todo = [i for i, rows in enumerate(results) if rows is None]
    with progress(total=sum(len(task[-1]) for task in tasks), unit="frame", desc="align") as bar:
        bar.update(sum(len(rows) for rows in results if rows))
        for i, rows in in_workers(align_video, [tasks[i] for i in todo], jobs):
            results[todo[i]] = rows
            bar.update(len(rows))
    rows = [row for of_video in results for row in of_video]
    write_csv(Path(out) / "frames.csv", COLUMNS, rows)
    return rows


def compare_with_unbc(rows):
    """Lines, a list of str, that say where the usable frames differ from what is known of UNBC; none for other data."""
    subjects = list(dict.fromkeys(row[0] for row in rows))
    if "042-ll042" not in subjects:
        return []
    if len(subjects) != len(unbc.FRAMES_PER_SUBJECT):
        return ["%d subjects, UNBC has %d" % (len(subjects), len(unbc.FRAMES_PER_SUBJECT))]
    lines = []
    for subject, frames, videos in zip(subjects, unbc.FRAMES_PER_SUBJECT, unbc.VIDEOS_PER_SUBJECT):
        usable = [row for row in rows if row[0] == subject and row[4] != "missing"]
        here = len(usable), len({row[1] for row in usable})
        if here != (frames, videos):
            lines.append("%s: %d frames in %d videos, the authors use %d in %d" % (subject, *here, frames, videos))
    return lines or ["frames and videos of every subject are as many as the authors use"]
