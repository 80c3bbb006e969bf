"""Faces found by MTCNN and aligned to caffe-face's 112 x 96 template, video by video.

    data/unbc/Images/<subject>/<video>/<frame>.png ──> data/aligned/<subject>/<video>/<frame>.png
    data/unbc/Frame_Labels/PSPI/...                    data/aligned/<subject>/<video>/frames.csv
                                                       data/aligned/frames.csv      all of them

A frame is `detected`; or `interpolated`: no face was found, its landmarks are those of its neighbours in the video; or
`missing`, with the reason, and then has no aligned image. A video is made in .<video>.partial and renamed when it is
complete; one that is complete and newer than its frames is not made again.
"""
import concurrent.futures.process
import contextlib
import importlib.util
import multiprocessing
import os
import shutil
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import numpy as np
import skimage.io
import skimage.transform
from PIL import Image
from tqdm import tqdm

import unbc
from cli import Parser, Problem, end_on_interrupt, read_csv, run, write_csv
from images import read_rgb

SHAPE = 112, 96
# Where the landmarks go, in pixels (x, y) of the 112 x 96 image. caffe-face gives them in MATLAB's convention, whose
# first pixel is 1; here it is 0.
LANDMARKS = "left_eye", "right_eye", "nose", "mouth_left", "mouth_right"
TEMPLATE = np.array([(30.2946, 51.6963), (65.5318, 51.5014), (48.0252, 71.7366),
                     (33.5493, 92.3655), (62.7299, 92.2041)]) - 1
FACE_COLUMNS = ("status", "reason", "box_x", "box_y", "box_width", "box_height", "confidence",
                *(name + axis for name in LANDMARKS for axis in ("_x", "_y")))
COLUMNS = ("subject", "video", "frame", "pspi", *FACE_COLUMNS)

THRESHOLDS = 0.6, 0.7, 0.7
PYRAMID_FACTOR = 0.709
MIN_FACE = 100 / 240  # of the image's height
BATCH = 16  # frames MTCNN sees at a time
ENOUGH = 60  # pixels: images whose smallest face has a multiple of them are reduced by that, for MTCNN looks at 48
BLACK = 16  # a frame without a pixel as bright as this shows nothing


class FaceDetector:
    """MTCNN as the authors set it, on `threads` cores. Loads TensorFlow, so make one a process.

    min_face: the smallest face looked for, as a share of the image's height.
    """

    def __init__(self, threads, min_face=MIN_FACE):
        # TensorFlow announces its faster but less repeatable kernels on stderr; without them it is quiet and as fast.
        os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0")
        import mtcnn
        import tensorflow
        with contextlib.suppress(RuntimeError):  # it runs already, in the threads of the process's first detector
            tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
            tensorflow.config.threading.set_inter_op_parallelism_threads(1)
        self.min_face = min_face
        self.old = version("mtcnn").startswith("0.")  # what Python 3.8 can have
        if self.old:
            self.mtcnn, self.pixels = None, None
        else:
            mtcnn.stages.stage_pnet.build_scale_pyramid = image_pyramid
            mtcnn.mtcnn.standarize_batch = normalized
            self.mtcnn = mtcnn.MTCNN()

    def __call__(self, images):
        """The face nearest each image's centre, or None: what faces() gives, a face or None an image."""
        return [min(found, key=lambda face: np.linalg.norm(centre(face[0]) - np.array(image.shape[1::-1]) / 2),
                    default=None) for image, found in zip(images, self.faces(images))]

    def faces(self, images):
        """All faces in each of the images.

        images: list of (height, width, 3) uint8 arrays, RGB, of any sizes; what is found in one depends on no other.
        Returns a list for each of (box, confidence, landmarks): box (4,) x, y, width, height; landmarks (5, 2) x, y in
        the order of LANDMARKS; all in pixels, the first being 0.
        """
        found = [None] * len(images)
        for batch in batches([image.shape for image in images]):
            some = [images[i] for i in batch]
            for i, faces in zip(batch, self._detect_old(some) if self.old else self._detect(some)):
                found[i] = faces
        return found

    def _detect(self, images):
        smallest = self.min_face * images[0].shape[0]
        reduced = max(1, int(smallest // ENOUGH))
        rows = np.asarray(self.mtcnn.detect_faces(
            [image if reduced == 1 else np.asarray(Image.fromarray(image).reduce(reduced)) for image in images],
            output_type="numpy", fit_to_image=False, min_face_size=smallest / reduced, scale_factor=PYRAMID_FACTOR,
            threshold_pnet=THRESHOLDS[0], threshold_rnet=THRESHOLDS[1], threshold_onet=THRESHOLDS[2])).reshape(-1, 16)
        rows[:, [*range(1, 5), *range(6, 16)]] *= reduced
        rows[:, [1, 2, *range(6, 16)]] += (reduced - 1) / 2  # the first pixel's middle is that of a block's
        return [[(row[1:5], row[5], row[6:].reshape(2, 5).T) for row in rows[rows[:, 0] == i]]
                for i in range(len(images))]

    def _detect_old(self, images):
        from mtcnn import MTCNN
        if self.pixels != self.min_face * images[0].shape[0]:
            self.pixels = self.min_face * images[0].shape[0]
            self.mtcnn = MTCNN(min_face_size=self.pixels, steps_threshold=list(THRESHOLDS),
                               scale_factor=PYRAMID_FACTOR)
        return [[(np.array(face["box"]), face["confidence"], np.array([face["keypoints"][name] for name in LANDMARKS]))
                 for face in self.mtcnn.detect_faces(image)] for image in images]


def image_pyramid(width, height, min_face_size, scale_factor, min_size=12):
    """The scales at which MTCNN's first net looks for faces, largest first.

    In the place of mtcnn 1.0's own, which goes on to images smaller than the net's window, fails there, and reports
    no face at all whenever min_face_size is much above its default of 20.
    """
    count = np.floor(np.log(min_face_size / min(width, height)) / np.log(scale_factor)) + 1
    return min_size / min_face_size * scale_factor ** np.arange(max(count, 0))


def normalized(images, **_):
    """What MTCNN's nets take: images (N x height x width x 3) of one shape, -1..1; their shapes, and no padding.

    In the place of mtcnn 1.0's own, whose float64 array is copied into TensorFlow anew for every scale and every net:
    three quarters of the time. The values are the same to the bit, for float32 has room for them.
    """
    import tensorflow
    pixels = tensorflow.cast(tensorflow.constant(np.stack(images)), tensorflow.float32)
    return (pixels - 127.5) / 128, np.array([image.shape for image in images]), np.zeros((len(images), 3, 2), int)


def batches(shapes):
    """The numbers of the images, whose shapes these are, in lists of at most BATCH of one shape.

    MTCNN pads images of several sizes to the largest, and then finds other faces in them.
    """
    of_shape = {}
    for i, shape in enumerate(shapes):
        of_shape.setdefault(shape, []).append(i)
    return [same[start:start + BATCH] for same in of_shape.values() for start in range(0, len(same), BATCH)]


def centre(box):
    """The centre (2,) x, y of a box (4,) x, y, width, height."""
    return box[:2] + box[2:] / 2


def align(image, landmarks):
    """The image warped so that its landmarks come to lie on the template, by the least-squares similarity transform.

    image: (height, width, 3) uint8; landmarks: (5, 2) x, y. Returns (112, 96, 3) uint8, black outside the image.
    """
    to_template = skimage.transform.estimate_transform("similarity", landmarks, TEMPLATE)
    from_template = skimage.transform.SimilarityTransform(matrix=np.linalg.inv(to_template.params))
    corners = from_template([(0, 0), (SHAPE[1], 0), (0, SHAPE[0]), SHAPE[::-1]])
    # The part that is needed, with a pixel to spare: of a large image the rest takes most of the time.
    (left, top), (right, bottom) = (np.clip(edge, 0, image.shape[1::-1]).astype(int) for edge in (
        np.floor(corners.min(0)) - 1, np.ceil(corners.max(0)) + 2))
    if left >= right or top >= bottom:
        return np.zeros((*SHAPE, 3), np.uint8)
    part = skimage.transform.SimilarityTransform(translation=(-left, -top))
    warped = skimage.transform.warp(image[top:bottom, left:right], from_template + part, output_shape=SHAPE, order=1,
                                    preserve_range=True)
    return np.round(warped).astype(np.uint8)


def read_frame(path):
    """A frame as (height, width, 3) uint8 RGB, or the reason, a str, why it cannot be used."""
    try:
        image = read_rgb(path)
    except Problem as problem:
        return str(problem)[len(str(path)) + 2:]
    return image if image.max() >= BLACK else "black"


def interpolate(landmarks):
    """Fill the undetected frames of a video linearly from their neighbours, and with the nearest at its ends.

    landmarks: list, a frame each, of (5, 2) arrays or None, at least one an array. Returns (frames, 5, 2).
    """
    known = [i for i, points in enumerate(landmarks) if points is not None]
    values = np.array([landmarks[i] for i in known]).reshape(len(known), -1)
    return np.stack([np.interp(np.arange(len(landmarks)), known, column) for column in values.T], 1).reshape(-1, 5, 2)


def align_video(detector, root, out, subject, video, labels):
    """Align a video's frames into `out`/subject/video. labels: dict, frame name -> PSPI. Returns its rows (COLUMNS)."""
    images = [read_frame(Path(root) / "Images" / subject / video / (frame + ".png")) for frame in labels]
    faces = detect(detector, images)
    found = any(face is not None for face in faces)
    landmarks = interpolate([face and face[2] for face in faces]) if found else None

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


def detect(detector, images):
    """What `detector` finds in each of `images`, arrays, or str where one cannot be used: None there."""
    usable = [i for i, image in enumerate(images) if not isinstance(image, str)]
    faces = dict(zip(usable, detector([images[i] for i in usable])))
    return [faces.get(i) for i in range(len(images))]


def detected(face):
    """The texts in FACE_COLUMNS of a face that was found."""
    box, confidence, landmarks = face
    return ["detected", "", *("%.4g" % value for value in (*box, confidence)),
            *("%.3f" % value for value in landmarks.ravel())]


def interpolated(landmarks):
    """The texts in FACE_COLUMNS of a frame whose landmarks are its neighbours'."""
    return ["interpolated"] + [""] * 6 + ["%.3f" % value for value in landmarks.ravel()]


def missing(reason):
    """The texts in FACE_COLUMNS of an image without an aligned face."""
    return ["missing", reason] + [""] * (len(FACE_COLUMNS) - 2)


def save(path, image):
    """Write an aligned face."""
    skimage.io.imsave(str(path), image, check_contrast=False)


@contextlib.contextmanager
def making(folder):
    """Give an empty folder, .NAME.partial, that on success is renamed to `folder`, in the place of what is there."""
    partial = folder.with_name(".%s.partial" % folder.name)
    shutil.rmtree(str(partial), ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        shutil.rmtree(str(folder), ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(str(partial), ignore_errors=True)


def finished_rows(root, out, subject, video, labels):
    """The rows of a video aligned earlier; None unless complete, of these frames and labels, and newer than them."""
    folder = Path(root) / "Images" / subject / video
    newest = max((folder / (frame + ".png")).stat().st_mtime for frame in labels)
    return earlier_rows(Path(out) / subject / video / "frames.csv", COLUMNS, newest, [
        (frame, (subject, video, frame, "%g" % pspi)) for frame, pspi in labels.items()])


def earlier_rows(table, columns, newest, expected):
    """The rows of `table`, an earlier run's CSV whose `columns` end in FACE_COLUMNS; None where all must be done again.

    That is unless it is as new as `newest`, a time, its rows are those `expected`, and their aligned faces are there.
    expected: (name of the aligned PNG without .png, the fields before the status), a row each.
    """
    try:
        rows = [[row[column] for column in columns] for row in read_csv(table, columns, "make align")]
    except Problem:  # missing, or of another version
        return None
    before = len(columns) - len(FACE_COLUMNS)
    if [tuple(row[:before]) for row in rows] != [fields for _, fields in expected]:
        return None
    if not all((table.parent / (name + ".png")).exists()
               for (name, _), row in zip(expected, rows) if row[before] != "missing"):
        return None
    return rows if table.stat().st_mtime >= newest else None


def start_worker(threads, min_face):
    """Prepare a worker process: a detector of its own, using `threads` cores."""
    global worker_detector
    end_on_interrupt()
    worker_detector = FaceDetector(threads, min_face)


def work(function, task):
    """What a worker process does."""
    return function(worker_detector, *task)


def in_workers(function, tasks, jobs, min_face=MIN_FACE):
    """Yield (i, function(a FaceDetector, *tasks[i])) in the order in which `jobs` processes get them done.

    Raises Problem when this Python has no MTCNN, or when a process dies.
    """
    if not tasks:
        return
    if importlib.util.find_spec("mtcnn") is None:
        raise Problem("%s: has no package mtcnn, with which faces are found; take another Python for this step"
                      % sys.executable)
    jobs = min(jobs, len(tasks))
    with concurrent.futures.ProcessPoolExecutor(
            jobs, mp_context=multiprocessing.get_context("spawn"), initializer=start_worker,
            initargs=(max(1, os.cpu_count() // jobs), min_face)) as pool:
        futures = {pool.submit(work, function, task): i for i, task in enumerate(tasks)}
        try:
            for future in concurrent.futures.as_completed(futures):
                yield futures[future], future.result()
        except concurrent.futures.process.BrokenProcessPool:
            raise Problem("a worker process died, perhaps for want of memory; run the command again with fewer --jobs "
                          "to go on")
        finally:
            for future in futures:
                future.cancel()


def align_faces(root, out, jobs=1):
    """Align the dataset `root` (UNBC's layout) into the folder `out` with `jobs` processes. Returns all rows (COLUMNS).

    Raises Problem for a dataset without subjects, videos, frames or labels, or with a label that is no PSPI, and
    as in_workers() does.
    """
    videos = unbc.list_videos(root)
    tasks = []
    for subject, video in tqdm(videos, desc="labels", unit="video", leave=False):
        frames = unbc.list_frames(root, subject, video)
        labels = {frame: unbc.read_pspi(unbc.pspi_file(root, subject, video, frame)) for frame in frames}
        tasks.append((root, out, subject, video, labels))
    results = [finished_rows(*task) for task in tasks]
    todo = [i for i, rows in enumerate(results) if rows is None]
    with tqdm(total=sum(len(task[-1]) for task in tasks), unit="frame", desc="align") as progress:
        progress.update(sum(len(rows) for rows in results if rows))
        for i, rows in in_workers(align_video, [tasks[i] for i in todo], jobs):
            results[todo[i]] = rows
            progress.update(len(rows))
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


def main():
    parser = Parser(__doc__)
    parser.add_argument("root", help="the dataset: a folder with Images and Frame_Labels")
    parser.add_argument("--out", default="data/aligned", help="where the aligned frames go (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(),
                        help="processes, of about 1 GB of memory each (default: %(default)s)")
    args = parser.parse_args()
    if args.jobs < 1:
        raise Problem("--jobs takes 1 or more")
    rows = align_faces(args.root, args.out, args.jobs)
    count = Counter(row[4] for row in rows)
    print("%s: %d frames, %s" % (args.out, len(rows), ", ".join(
        "%d %s" % (count[status], status) for status in ("detected", "interpolated", "missing"))))
    left_out = [row for row in rows if row[4] == "missing"]
    for row in left_out[:20]:
        print("  left out: %s/%s/%s: %s" % (row[0], row[1], row[2], row[5]))
    if len(left_out) > 20:
        print("  left out: and %d more, see %s/frames.csv" % (len(left_out) - 20, args.out))
    for line in compare_with_unbc(rows):
        print("  UNBC: " + line)


if __name__ == "__main__":
    run(main)
