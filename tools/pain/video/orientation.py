"""Which way up the people in a video are, who may lie, or be seen by a turned camera: one orientation a stretch.

A stretch ends at a cut. Frames at its beginning vote, and MTCNN then looks at all of it righted; landmarks and boxes
stay where they are in the frame. The vote is taken again now and then, for cameras are turned, and people lie down,
without a cut. Where nobody is seen, a frame is searched now and then with its other sides up.
"""
import numpy as np
from PIL import Image

from pain.faces.orientation import LEAST, TURNS, righted, turn_of, turned_face, upright_log_odds
from pain.video.scenes import another_scene, scene_of, shows_something

VOTES = 3  # frames that vote, if there are so many with a face among those of a batch
SURE = 8.  # log odds of one side up that no other side needs to be asked after: no other one had more than 7
AGAIN, SEARCH = 128, 64  # frames after which a vote is taken again, and a stretch without a face searched again
COARSE = 24  # pixels of the smallest face that is searched for


class Orientation:
    """The orientation of a video's stretches. detector: a FaceDetector; all_upright: do not look, they are.

    find() may be called by several threads, ahead of settle() and passed(), which take the frames in order. What they
    say depends on the frames and their batches, and not on when find() was called.
    """

    def __init__(self, detector, all_upright=False):
        self.detector, self.all_upright = detector, all_upright
        self.turned, self.scene, self.age = 0 if all_upright else None, None, 0  # age: frames since the cut

    def find(self, batch):
        """The faces in a batch, a list of Frame, if it is as the last one: for settle()."""
        turned = self.turned or 0
        return batch, {turned: self._faces(batch, [turned] * len(batch))}

    def settle(self, batch, found):
        """The orientation of a batch: a list of (Frame with it, its Faces, its scene). found: as find() gives it."""
        turns, scenes, start = [], [], 0
        cuts = [i for i, frame in enumerate(batch) if self._is_cut(frame, scenes)]
        for start, end in zip([0, *cuts], [*cuts, len(batch)]):
            if start in cuts:
                self._begin()
            if start < end:
                self.turned = self._vote(batch, range(start, end), found)
                self.age += end - start
                turns += [self.turned] * (end - start)
        supposed = [turned or 0 for turned in turns]
        alike = len(set(supposed)) == 1
        faces_of = self._found(batch, supposed[0], found) if alike else self._faces(batch, supposed)
        return [(frame._replace(turned=turned), faces, scene)
                for frame, turned, faces, scene in zip(batch, turns, faces_of, scenes)]

    def passed(self, frame, turned):
        """Go past a frame whose orientation is known. Returns (Frame with it, its scene), as settle() does."""
        scenes = []
        if self._is_cut(frame, scenes):
            self._begin()
        self.turned, self.age = turned, self.age + 1
        return frame._replace(turned=turned), scenes[0]

    def _is_cut(self, frame, scenes):
        """Whether a stretch begins with the frame, whose scene is added to `scenes`."""
        before, scene = self.scene, scene_of(frame.image)
        scenes.append(scene)
        if before is None or shows_something(scene):
            self.scene = scene
        return before is not None and another_scene(before, scene)

    def _begin(self):
        self.turned, self.age = 0 if self.all_upright else None, 0

    def _vote(self, batch, part, found):
        """The orientation of a part of the batch, a range, of one stretch."""
        if self.all_upright or self.turned is not None and self.age >= VOTES and not passes(batch, part, AGAIN):
            return self.turned
        turned, odds = self._confirmed(batch, part, found, self.turned or 0)
        if odds < LEAST and self.turned is None and (self.age < VOTES or passes(batch, part, SEARCH)):
            other, others = self._confirmed(batch, part, found, self._search(batch[part[len(part) // 2]].image))
            turned = other if others > odds else turned
        return self.turned if turned is None else turned

    def _confirmed(self, batch, part, found, turned):
        """The orientation, `turned` or another, that the faces found by it vote for, None where there is none; and its
        mean log odds."""
        tried = []
        while turned not in (None, *tried):
            tried.append(turned)
            faces_of = self._found(batch, turned, found)
            faces = [(batch[i].image, largest(faces_of[i])) for i in part if faces_of[i]]
            voters = [faces[i] for i in spread(len(faces), VOTES)]
            if not voters:
                break
            odds = self._log_odds(voters[::2], [turned])[0]  # the first and the last, which is cheaper
            vote = turned if odds >= SURE else turn_of(self._log_odds(voters), turned)
            if vote == turned:
                return turned, odds
            turned = vote
        return None, -np.inf

    def _log_odds(self, faces, turns=TURNS):
        """The mean log odds of `turns`, (N,). faces: a list of (image, Face)."""
        return upright_log_odds(self.detector, [(image, face.box) for image, face in faces], turns).mean(0)

    def _search(self, image):
        """The orientation of the likeliest of the faces that are found in an image with other sides up, or None."""
        smallest = self.detector.min_face * min(image.shape[:2])
        factor = max(1, int(smallest // COARSE))
        small = on_black_square(np.asarray(Image.fromarray(image).reduce(factor)))
        faces_of = self.detector.faces([righted(small, turned) for turned in TURNS[1:]], smallest / factor)
        boxes = [(small, turned_face(largest(faces), turned, small.shape).box)
                 for turned, faces in zip(TURNS[1:], faces_of) if faces]
        return turn_of(max(upright_log_odds(self.detector, boxes), key=np.max)) if boxes else None

    def _found(self, batch, turned, found):
        """The faces in the frames of a batch, all turned by so much. found: those known, by their turn."""
        if turned not in found:
            found[turned] = self._faces(batch, [turned] * len(batch))
        return found[turned]

    def _faces(self, batch, turns):
        faces_of = self.detector.faces([righted(frame.image, turned) for frame, turned in zip(batch, turns)])
        return [[turned_face(face, turned, frame.image.shape) if turned else face for face in faces]
                for frame, turned, faces in zip(batch, turns, faces_of)]


def largest(faces):
    """The Face with the largest box."""
    return max(faces, key=lambda face: face.box[2] * face.box[3])


def on_black_square(image):
    """The image, (height, width, 3), with black to its right or below, so that its shape stays however it is turned."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, max(0, width - height)), (0, max(0, height - width)), (0, 0)))


def spread(count, most):
    """The numbers of at most `most` of `count` things, from the first on, evenly."""
    return [i * count // most for i in range(most)] if count > most else range(count)


def passes(batch, part, frames):
    """Whether the part of the batch has a frame whose number is a multiple of `frames`."""
    first, last = batch[part[0]].number, batch[part[-1]].number
    return last // frames > (first - 1) // frames
