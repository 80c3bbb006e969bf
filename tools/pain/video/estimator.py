"""From frames to Rows of a pain curve: faces found, followed, aligned and given to the nets, in one stream.

    frames ──> detect (MTCNN) ──> orientation, follow, in order ──> align, nets ──> (Frame, [Row, ...])

Batches are detected, and rated, by a few threads, whichever is free. Memory does not grow with the video: at most GAP
frames, fewer if they are large, wait for a lost face to be found again, and a few batches are under way. What a frame's
rows say depends on the frames before it, the next GAP ones and, by rounding, the others of its batch. Batches begin at
the same frames wherever a run goes on, so that it gives what an uninterrupted one gives, bit by bit.
"""
import itertools

import numpy as np

from pain.errors import Problem
from pain.faces.alignment import align
from pain.faces.detector import FaceDetector
from pain.models import PainNets, load_nets
from pain.video.curve import ORIENTATION
from pain.video.doubts import doubt
from pain.video.orientation import Orientation
from pain.video.source import Frame
from pain.video.thread_pool import batches, in_order, workers
from pain.video.tracking import GAP, MOST_GAP, Tracker, as_in_file, faces_in

MIN_FACE, LEAST_FACE = 0.2, 0.02  # of the image's height: faces in videos are smaller than the archive's


class Estimator:
    """What makes Rows of frames. nets: PainNets; detector: a FaceDetector; the rest: as load_estimator() takes it.

    all_upright: do not look which way up the people are. Several videos may be run at a time; `pool` is then the
    workers() of all of them.
    """

    pool = None

    def __init__(self, nets, detector, gap=GAP, track=False, calibration=None, all_upright=True):
        self.nets, self.detector, self.gap, self.track, self.calibration = nets, detector, gap, track, calibration
        self.all_upright = all_upright
        self.of_pictures = self.orientation()

    def orientation(self):
        """An Orientation, of a video or of pictures that follow each other."""
        return Orientation(self.detector, self.all_upright)

    def rate_picture(self, image, time=0.):
        """The Rows of a single picture, (height, width, 3) uint8 RGB, of a camera: nothing is interpolated.

        While the scene stays, so does the orientation, as in a video.
        """
        frame = Frame(self.of_pictures.age, time, image)
        return next(iter(self.compute([frame], Tracker(self.track, 0), self.of_pictures)))[1]

    def compute(self, frames, tracker, orientation=None):
        """Yield (Frame, Rows), without threads."""
        orientation = orientation or self.orientation()
        for known in self._tracked((orientation.find([frame]) for frame in frames), tracker, orientation):
            yield from self.rate([known])

    def with_faces(self, frame, rows):
        """(Frame, Rows with their doubts, the aligned faces of those that have none, by index)."""
        rows, faces = [row._replace(turned=frame.turned) for row in rows], {}
        for i, row in enumerate(rows):
            if row.landmarks is not None:
                face = align(frame.image, row.landmarks)
                rows[i] = row._replace(doubt=ORIENTATION if frame.turned is None
                                       else doubt(frame.image, row.landmarks, face))
                if not rows[i].doubt:
                    faces[i] = face
        return frame, rows, faces

    def rate(self, known):
        """Known frames, a list of (Frame, Rows) as a Tracker gives them, with their doubts and intensities."""
        aligned = [self.with_faces(frame, rows) for frame, rows in known]
        all_faces = [face for _, _, faces in aligned for face in faces.values()]
        intensities = iter(self.nets(np.stack(all_faces)) if all_faces else ())
        for _, rows, faces in aligned:
            for i in faces:
                values = next(intensities)
                low, high = self.calibration.bounds(values.mean()) if self.calibration else (np.nan, np.nan)
                figures = dict(intensity=values.mean(), low=low, high=high,
                               spread=values.std(ddof=1) if len(values) > 1 else np.nan)
                rows[i] = rows[i]._replace(**{name: float(as_in_file(name, figures[name])) for name in figures})
        return [(frame, rows) for frame, rows, _ in aligned]

    def run(self, frames, earlier=(), next_frame=0, live=False):
        """Yield (Frame, Rows), each frame once and in order.

        frames: an iterator of Frame. earlier, next_frame: Rows of the frames before this one, which are given as they
        are. live: frame by frame, as they come. Whatever reading them raises is raised here.
        """
        rows_of, given, frames = {}, -1, iter(frames)
        tracker, orientation = Tracker(self.track, self.gap), self.orientation()
        for row in earlier:
            rows_of.setdefault(row.frame, []).append(row)
        for batch in batches(frames, lambda frame: frame, live):
            if batch[-1].number >= next_frame:  # all of it is computed, and those before next_frame for naught
                frames = itertools.chain(batch, frames)
                break
            for frame in batch:
                rows = rows_of[frame.number]
                frame, scene = orientation.passed(frame, rows[0].turned)
                tracker.add(frame, faces_in(rows), scene)
                yield frame, rows
                given = frame.number
        with workers(self.pool) as pool:
            detected = in_order(pool, orientation.find, frames, lambda frame: frame, live)
            tracked = self._tracked(detected, tracker, orientation)
            known = ((frame, rows) for frame, rows in tracked if frame.number > given)
            for rated in in_order(pool, self.rate, known, lambda frame_rows: frame_rows[0], live):
                for frame, rows in rated:
                    yield frame, rows_of.get(frame.number, rows)

    @staticmethod
    def _tracked(detected, tracker, orientation):
        for batch, found in detected:
            for frame, faces, scene in orientation.settle(batch, found):
                yield from tracker.add(frame, faces, scene)
        yield from tracker.end()


def load_estimator(models, net=None, gpu=None, min_face=MIN_FACE, gap=GAP, track=False, calibration=None):
    """The Estimator of PainNets, or of models as load_nets() takes them: of several the mean and the spread are given.

    net, gpu: as for load_nets(); min_face: the smallest face looked for, 0.02..1 of the image's height; gap: as GAP,
    0..1000; track: one curve a person, else that of the largest face; calibration: a Calibration, or None. Raises
    Problem.
    """
    if not LEAST_FACE <= min_face <= 1 or not 0 <= gap <= MOST_GAP:
        raise Problem("min_face %s, gap %s: out of range, which is %s..1 and 0..%d"
                      % (min_face, gap, LEAST_FACE, MOST_GAP))
    nets = models if isinstance(models, PainNets) else load_nets(models, net, gpu)
    return Estimator(nets, FaceDetector(1, min_face), gap, track, calibration, all_upright=False)
