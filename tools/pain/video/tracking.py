"""Who is who from frame to frame, and frames that wait for a lost face to be found again."""
from collections import deque

import numpy as np
import scipy.optimize

from pain.faces.alignment import interpolate
from pain.faces.detector import Face
from pain.video.curve import DECIMALS, FOUND, INTERPOLATED, Row, no_face
from pain.video.scenes import another_scene
from pain.video.thread_pool import pixels

GAP = 10  # frames that a lost face may take to be found again; its landmarks are then interpolated
MOST_GAP = 1000
WAITING = 256e6  # pixels of the frames that wait, at the most
OVERLAP = 0.3  # of two boxes, intersection over union, above which they are the same person's


SIZES = 1.5  # how often as wide or high, at most, a face is when it is found again


class Tracker:
    """Who is who from frame to frame, and frames that wait for a lost face to be found again.

    everyone: follow all faces, by the overlap of their boxes; else the largest face is person 1. gap: as GAP. A cut
    ends a person, and nothing is interpolated between two places. Faces count with the decimals of curve.csv, so that
    those of its rows, faces_in(), bring a Tracker to where it was.
    """

    def __init__(self, everyone=False, gap=GAP):
        self.everyone, self.gap, self.people = everyone, gap, 0
        self.waiting = deque()  # (Frame, dict: person -> Row, or None while it is not known)
        self.seen, self.scenes = {}, {}  # by person: the Row in which the face was last found, and the scene around it

    def add(self, frame, faces, scene=None):
        """The frames, a list of (Frame, Rows without intensities), of which all is known now that `frame` is.

        faces: the Faces that are in it; scene: of scene_of(), or None where cuts do not matter.
        """
        rows, faces = {}, [Face(*map(as_in_file, Face._fields, face)) for face in faces]
        for person in list(self.seen):
            cut = scene is not None and self.scenes[person] is not None and another_scene(self.scenes[person], scene)
            if cut or (self.seen[person].turned or 0) != (frame.turned or 0):
                self._give_up(person)
        self.waiting.append((frame, rows))
        for person, face in sorted(self._who(faces).items()):
            row = Row(frame.number, frame.time, frame.media_time, person, FOUND, *face,
                      turned=frame.turned)
            if person in self.seen and same_place(self.seen[person].box, row.box):
                self._fill(self.seen[person], row)
            elif person in self.seen:
                self._give_up(person)
            self.seen[person], self.scenes[person] = row, scene
            rows[person] = row
        for person, row in list(self.seen.items()):
            if row.frame + min(self.gap, WAITING // pixels(frame)) < frame.number:
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
            largest = max(faces, key=lambda face: face.box[2] * face.box[3], default=None)
            return {} if largest is None else {1: largest}
        known, columns = list(self.seen), sorted(range(len(faces)), key=lambda j: faces[j].box.tolist())
        overlaps = np.array([[overlap(self.seen[person].box, faces[j].box) for j in columns] for person in known])
        pairs = zip(*scipy.optimize.linear_sum_assignment(-overlaps)) if known and faces else ()
        who = {columns[k]: known[i] for i, k in pairs if overlaps[i, k] > OVERLAP}
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
                rows[after.person] = Row(frame.number, frame.time, frame.media_time, after.person, INTERPOLATED,
                                         landmarks=as_in_file("landmarks", points[frame.number - before.frame]))

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
            nobody = [no_face(frame.number, frame.time, 0 if self.everyone else 1, frame.media_time)]
            known.append((frame, [rows[person] for person in sorted(rows)] or nobody))
        return known


def as_in_file(field, values):
    """The values of a Row's field rounded as in curve.csv, so that a run that goes on from there finds the same."""
    return np.round(values, DECIMALS[field])


def faces_in(rows):
    """The Faces that a Tracker was given of a frame whose Rows these are; of the largest one alone, that one."""
    return [Face(row.box, row.confidence, row.landmarks) for row in rows if row.face == FOUND]


def same_place(box, other):
    """Whether boxes (4,) x, y, width, height overlap and are about as large, as those of one face are soon after."""
    sizes = np.divide(box[2:], other[2:])
    return overlap(box, other) > OVERLAP and max(sizes.max(), 1 / sizes.min()) < SIZES


def moves(rows):
    """The first rows of a person in another place than in the row before: of another person, perhaps. rows: of one."""
    found = [row for row in rows if row.face == FOUND and row.box is not None]
    return [row for before, row in zip(found, found[1:]) if not same_place(before.box, row.box)]


def overlap(box, other):
    """Intersection over union of two boxes (4,) x, y, width, height."""
    sides = [max(0., min(box[i] + box[i + 2], other[i] + other[i + 2]) - max(box[i], other[i])) for i in (0, 1)]
    common = sides[0] * sides[1]
    return common / (box[2] * box[3] + other[2] * other[3] - common)
