"""Which way up a face is: MTCNN's last net sees it turned four ways.

A face that is upside down or on its side is often found all the same, with a confidence of 0.99 and landmarks in wrong
places. But the net is surer of a face the right way up than of the same face turned, if it is asked a few times, each
time about a part of the image that lies a little elsewhere: of 500 faces of 130 people always, by 2.5 and more.
"""
from __future__ import annotations

import numpy as np
from PIL import Image

TURNS = 0, 90, 180, 270  # degrees by which a picture may be turned, clockwise
SHIFTS = (0, 0), (0.1, 0), (-0.1, 0), (0, 0.1), (0, -0.1)  # shares of the box's longer side, of which SIDE is seen
SIDE = 1.05
LEAST, MARGIN, SLIGHT = 4., 1., 0.5  # log odds: of a turn not expected; over the one upside down; no difference yet


def righted(image: np.ndarray, turned: int) -> np.ndarray:
    """The image, (height, width, ...), that was turned by so many degrees of TURNS, the right way up."""
    return np.ascontiguousarray(np.rot90(image, turned // 90)) if turned else image


def turned_face(face, turned, shape):
    """A Face found in the righted() image, where it is in the image of this shape, which is turned."""
    height, width = shape[:2]
    def there(points):
        x, y = np.transpose(points)
        return np.transpose({0: (x, y), 90: (width - 1 - y, x), 180: (width - 1 - x, height - 1 - y),
                             270: (y, height - 1 - x)}[turned])
    corners = there([face.box[:2], face.box[:2] + face.box[2:]])
    return face._replace(box=np.append(corners.min(0), np.ptp(corners, 0)), landmarks=there(face.landmarks))


def upright_log_odds(detector, boxes: list[tuple[np.ndarray, np.ndarray]], turns=TURNS) -> np.ndarray:
    """The mean log odds, by a FaceDetector, that in each of N boxes is a face turned by each of T turns, (N, T).

    boxes: a list of (image (height, width, 3) uint8 RGB, box (4,) x, y, width, height in it).
    """
    seen = []
    for image, box in boxes:
        side = SIDE * box[2:].max()
        corners = box[:2] + box[2:] / 2 - side / 2 + np.array(SHIFTS) * side / SIDE
        patches = [part(image, corner, side).resize([detector.SEES] * 2, Image.BILINEAR) for corner in corners]
        seen += [np.rot90(patch, turned // 90) for turned in turns for patch in patches]
    return detector.log_odds(np.stack(seen)).reshape(len(boxes), len(turns), -1).mean(2)


def part(image, corner, side):
    """The square of the image whose top left corner is there, black beyond its edges, as a PIL image."""
    (left, top), side = np.round(corner).astype(int), max(1, round(side))
    inside = image[max(0, top):max(0, top + side), max(0, left):max(0, left + side)]
    square = Image.new("RGB", (side, side))
    if inside.size:
        square.paste(Image.fromarray(inside), (max(0, -left), max(0, -top)))
    return square


def turn_of(log_odds: np.ndarray, expected: int = 0) -> int | None:
    """The turn that these log odds, (4,) of TURNS, speak for; None where it cannot be told.

    Of a face held obliquely, between two turns, either will do, so it is the one expected unless the other is likelier.
    """
    odds = dict(zip(TURNS, log_odds))
    likeliest = max(TURNS, key=lambda turned: odds[turned] + (turned == expected) * SLIGHT)
    if odds[likeliest] - odds[(likeliest + 180) % 360] < MARGIN or likeliest != expected and odds[likeliest] < LEAST:
        return None
    return likeliest
