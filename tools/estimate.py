"""From frames to Rows of a pain curve: faces found, followed, aligned and given to the nets, in one stream.

    frames ──> detect (MTCNN) ──> follow, in order ──> align, nets ──> (Frame, [Row, ...])

Batches are detected, and rated, by WORKERS threads, whichever is free. Memory does not grow with the video: at most GAP
frames wait for a lost face to be found again, and a few batches are under way. What a frame's rows say depends on the
frames before it and the next GAP ones, and on nothing else: not on how many are computed at a time.
"""
import concurrent.futures
import contextlib
import itertools
import os
import queue
import re
from collections import deque
from pathlib import Path

import numpy as np
import scipy.optimize
import skimage.color
import skimage.measure
import skimage.transform

from align_faces import BATCH, TEMPLATE, FaceDetector, align, interpolate
from check_weights import build_net, load_net
from cli import Problem
from curve import FOUND, INTERPOLATED, NONE, Row, no_face
from video import Frame

NET = "prototxt/pain_regression.prototxt"
MIN_FACE = 0.2  # of the image's height: faces in videos are smaller than the archive's
GAP = 10  # frames that a lost face may take to be found again; its landmarks are then interpolated
OVERLAP = 0.3  # of two boxes, intersection over union, above which they are the same person's
PIXELS = 16e6  # of the frames of a batch, at the most
CORES = os.cpu_count() or 1
WORKERS = min(CORES, 4)

# What a face is doubted for. A rigid face turned by 45 degrees, or nodding by 40, fits the template this badly, as the
# root mean square of its landmarks' distances in pixels of the aligned image; the archive's patients look ahead.
MOST_POSE = 6.
# skimage's blur_effect of the aligned face, 0..1: sharp ones have 0.40 to 0.50, a Gaussian of 2 pixels makes it 0.67.
MOST_BLUR = 0.7


class PainNets:
    """The deploy nets of one fold or of several.

    models: paths of caffemodels; net_file: their prototxt. Several threads may call it at a time; they share the
    weights. Raises Problem when the models are not of that net.
    """

    def __init__(self, models, net_file):
        self.net_file = net_file
        self.nets = [load_net(net_file, model, stages=["deploy"]) for model in models]
        self.free = queue.LifoQueue()  # lists of nets that no thread is using
        self.free.put(self.nets)

    def __call__(self, faces):
        """The intensities, 0..5, (N, nets) float64, of aligned faces, (N, 112, 96, 3) uint8 RGB."""
        pixels, found = faces[..., ::-1].transpose(0, 3, 1, 2), []
        nets = self.take()
        try:
            for net in nets:
                net.blobs["pixels"].reshape(*pixels.shape)
                net.blobs["pixels"].data[...] = pixels
                found.append(net.forward()["intensity"].ravel().astype(float))
        finally:
            self.free.put(nets)
        return np.stack(found, 1)

    def take(self):
        """Nets that no thread is using: if there are none, new ones with the same weights."""
        try:
            return self.free.get_nowait()
        except queue.Empty:
            nets = [build_net(self.net_file, ["deploy"]) for _ in self.nets]
            for net, original in zip(nets, self.nets):
                net.share_with(original)
            return nets


def find_models(paths):
    """The caffemodels that are meant: files; of a fold's folder its last snapshot; of a variant's those of all folds.

    Raises Problem when there are none.
    """
    found = []
    for path in map(Path, paths):
        folders = [path, *sorted(path.glob("*/"))] if path.is_dir() else []
        snapshots = [last for last in map(last_snapshot, folders) if last]
        if not path.exists() or path.is_dir() and not snapshots:
            raise Problem("%s: no caffemodel here; give one, or a folder that `make train` has filled" % path)
        found += snapshots or [path]
    return found


def last_snapshot(folder):
    """The folder's caffemodel of the latest iteration, or None."""
    of_iteration = {int(re.search(r"_iter_(\d+)$", file.stem).group(1)): file
                    for file in folder.glob("*_iter_*.caffemodel") if re.search(r"_iter_\d+$", file.stem)}
    return of_iteration[max(of_iteration)] if of_iteration else None


def find_net(model):
    """The prototxt that belongs to a model: that of the folder with prototxt/ which it lies in, else the project's."""
    for folder in [*Path(model).resolve().parents, Path(__file__).resolve().parents[1]]:
        if (folder / NET).exists():
            return folder / NET
    raise Problem("%s: no %s in any folder above it; name its net with --net" % (model, NET))


class Followed:
    """Who is who from frame to frame, and frames that wait for a lost face to be found again.

    everyone: follow all faces, by the overlap of their boxes; else the largest face is person 1. gap: as GAP.
    rows: of earlier frames, to go on from; the next frame is the one after the last of them.
    """

    def __init__(self, everyone=False, gap=GAP, rows=()):
        self.everyone, self.gap = everyone, gap
        self.waiting = deque()  # (Frame, dict: person -> Row, or None while it is not known)
        last = rows[-1].frame if rows else None
        there = {row.person for row in rows if row.frame == last and row.face != NONE}
        self.seen = {row.person: row for row in rows if row.person in there and row.face == FOUND}
        self.people = max((row.person for row in rows), default=0)

    def add(self, frame, faces):
        """The frames, a list of (Frame, Rows without intensities), of which all is known now that `frame` is.

        faces: (box, confidence, landmarks), as FaceDetector.faces() finds them in it.
        """
        rows = {}
        self.waiting.append((frame, rows))
        for person, (box, confidence, points) in self._who(faces).items():
            # Rounded as in the file, so that a run that goes on from there finds the same.
            row = Row(frame.number, frame.time, person, FOUND, np.round(box, 2), float(confidence),
                      np.round(points, 3), "", *[np.nan] * 5)
            if person in self.seen:
                self._fill(self.seen[person], row)
            self.seen[person] = rows[person] = row
        for person, row in list(self.seen.items()):
            if row.frame + self.gap < frame.number:
                self._give_up(person)
            elif person not in rows:
                rows[person] = None
        return self._known()

    def end(self):
        """The rest, when there are no more frames."""
        for person in list(self.seen):
            self._give_up(person)
        return self._known()

    def _who(self, faces):
        """The faces by the numbers of their persons."""
        if not self.everyone:
            largest = max(faces, key=lambda face: face[0][2] * face[0][3], default=None)
            return {} if largest is None else {1: largest}
        known = list(self.seen)
        overlaps = np.array([[overlap(self.seen[person].box, face[0]) for face in faces] for person in known])
        pairs = zip(*scipy.optimize.linear_sum_assignment(-overlaps)) if known and faces else ()
        who = {j: known[i] for i, j in pairs if overlaps[i, j] > OVERLAP}
        for j in range(len(faces)):
            if j not in who:
                self.people += 1
                who[j] = self.people
        return {who[j]: face for j, face in enumerate(faces)}

    def _fill(self, before, after):
        """Interpolate a person's landmarks between two rows in which the face was found."""
        points = interpolate([before.landmarks, *[None] * (after.frame - before.frame - 1), after.landmarks])
        for frame, rows in self.waiting:
            if before.frame < frame.number < after.frame:
                rows[after.person] = Row(frame.number, frame.time, after.person, INTERPOLATED, None, None,
                                         np.round(points[frame.number - before.frame], 3), "", *[np.nan] * 5)

    def _give_up(self, person):
        """The person is lost, or gone: from now on, and in the frames that waited."""
        del self.seen[person]
        for _, rows in self.waiting:
            if rows.get(person, "") is None:
                del rows[person]

    def _known(self):
        known = []
        while self.waiting and None not in self.waiting[0][1].values():
            frame, rows = self.waiting.popleft()
            nobody = [no_face(frame.number, frame.time, 0 if self.everyone else 1)]
            known.append((frame, [rows[person] for person in sorted(rows)] or nobody))
        return known


def overlap(box, other):
    """Intersection over union of two boxes (4,) x, y, width, height."""
    sides = [max(0., min(box[i] + box[i + 2], other[i] + other[i + 2]) - max(box[i], other[i])) for i in (0, 1)]
    common = sides[0] * sides[1]
    return common / (box[2] * box[3] + other[2] * other[3] - common)


def doubt(image, landmarks, face):
    """Why an aligned face, (112, 96, 3) uint8, is not like those the nets have learned from, in a word; "" if it is.

    image: the frame it is from; landmarks: (5, 2) in it.
    """
    if (landmarks < 0).any() or (landmarks > np.array(image.shape[1::-1]) - 1).any():
        return "outside"
    to_template = skimage.transform.estimate_transform("similarity", landmarks, TEMPLATE)
    if not np.sqrt(((to_template(landmarks) - TEMPLATE) ** 2).sum(1).mean()) <= MOST_POSE:
        return "pose"
    if not skimage.measure.blur_effect(skimage.color.rgb2gray(face)) <= MOST_BLUR:  # NaN, where all is of one colour
        return "blur"
    return ""


class Estimator:
    """What makes Rows of frames. nets: PainNets; the rest: as load_estimator() takes it."""

    def __init__(self, nets, min_face=MIN_FACE, gap=GAP, track=False, calibration=None):
        self.nets, self.gap, self.track, self.calibration = nets, gap, track, calibration
        self.detector = FaceDetector(1, min_face)

    def one(self, image, time=0.):
        """The Rows of a single picture, (height, width, 3) uint8 RGB, of a camera: nothing is interpolated."""
        return next(iter(self.compute([Frame(0, time, image)], Followed(self.track, 0))))[1]

    def compute(self, frames, followed):
        """Yield (Frame, Rows), without threads."""
        for frame in frames:
            yield from self.rate(followed.add(frame, self.detector.faces([frame.image])[0]))
        yield from self.rate(followed.end())

    def with_face(self, frame, rows):
        """(Frame, Rows with their doubts, the aligned faces of those that have none, by index)."""
        faces = {}
        for i, row in enumerate(rows):
            if row.landmarks is not None:
                face = align(frame.image, row.landmarks)
                rows[i] = row._replace(doubt=doubt(frame.image, row.landmarks, face))
                if not rows[i].doubt:
                    faces[i] = face
        return frame, rows, faces

    def rate(self, known):
        """Known frames, a list of (Frame, Rows) as Followed gives them, with their doubts and intensities."""
        known = [self.with_face(*one) for one in known]
        faces = [face for _, _, faces in known for face in faces.values()]
        intensities = iter(self.nets(np.stack(faces)) if faces else ())
        for _, rows, faces in known:
            for i in faces:
                values = next(intensities)
                low, high = self.calibration.bounds(values.mean()) if self.calibration else (np.nan, np.nan)
                rows[i] = rows[i]._replace(intensity=float(values.mean()), low=float(low), high=float(high),
                                           spread=float(values.std(ddof=1)) if len(values) > 1 else np.nan)
        return [(frame, rows) for frame, rows, _ in known]

    def run(self, frames, earlier=(), next_frame=0, live=False):
        """Yield (Frame, Rows), each frame once and in order.

        frames: an iterator of Frame. earlier, next_frame: Rows of the frames before this one, which are not computed
        again but given as they are. live: frame by frame, as they come. Whatever reading them raises is raised here.
        """
        rows_of, frames, ahead = {}, iter(frames), 0 if live else WORKERS
        for row in earlier:
            rows_of.setdefault(row.frame, []).append(row)
        for frame in itertools.islice(frames, next_frame):
            yield frame, rows_of[frame.number]
        with workers() as pool:
            detected = in_order(pool, lambda batch: (batch, self.detector.faces([frame.image for frame in batch])),
                                batches(frames, lambda frame: frame, live), ahead)
            known = self._followed(detected, Followed(self.track, self.gap, earlier))
            for rated in in_order(pool, self.rate, batches(known, lambda one: one[0], live), ahead):
                yield from rated

    @staticmethod
    def _followed(detected, followed):
        for batch, found in detected:
            for frame, faces in zip(batch, found):
                yield from followed.add(frame, faces)
        yield from followed.end()


def batches(things, frame_of, live=False):
    """The things in lists of BATCH, or fewer where their frames are large; of one when `live`."""
    batch = []
    for thing in things:
        batch.append(thing)
        if live or len(batch) == BATCH or len(batch) * frame_of(thing).image.size / 3 >= PIXELS:
            yield batch
            batch = []
    if batch:
        yield batch


@contextlib.contextmanager
def workers():
    """A pool of WORKERS threads, in which PyTorch, if it is what computes, has its share of the cores."""
    def share():
        with contextlib.suppress(ImportError):
            import torch
            torch.set_num_threads(CORES // WORKERS)
    with concurrent.futures.ThreadPoolExecutor(WORKERS, initializer=share) as pool:
        yield pool


def in_order(pool, function, things, ahead):
    """Yield function(thing) of each thing, in order, while the pool works on the next `ahead` ones."""
    pending = deque()
    try:
        for thing in things:
            pending.append(pool.submit(function, thing))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


def load_estimator(models, net=None, gpu=None, min_face=MIN_FACE, gap=GAP, track=False, calibration=None):
    """The Estimator of some models, as find_models() takes them: of several the mean and the spread are given.

    net: their prototxt, or None to look for it; gpu: a number, or None for the CPU; min_face: the smallest face looked
    for, as a share of the image's height; gap: as GAP; track: one curve a person, else that of the largest face;
    calibration: a Calibration, or None. Raises Problem.
    """
    found = find_models(models)
    if gpu is not None:
        from predict import use_gpu
        use_gpu(gpu)
    return Estimator(PainNets(found, net or find_net(found[0])), min_face, gap, track, calibration)
