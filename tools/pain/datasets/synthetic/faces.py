"""A face drawn by warping and repainting one photograph: identity, pose, light and action units."""
import math
from collections import namedtuple

import numpy as np
from scipy import ndimage
from skimage import data

WIDTH, HEIGHT = 320, 240  # of a frame, pixels
ZOOM = 1.5  # frame pixels a pixel of the photograph: the face is then some 130 pixels wide
MIDDLE = 0, 24  # the face coordinates in the middle of the frame while the head is at rest
ORIGIN, TILT = (224.6, 101.75), math.radians(3.24)  # of face coordinates in the photograph (column, row)
COS, SIN = math.cos(TILT), math.sin(TILT)
CROP = slice(0, 250), slice(80, 370)  # the rows and columns of the photograph that a frame can show
DENSITY = 2  # texture pixels a pixel of the photograph; cubic once, so that linear is good enough for every frame
HIGHEST = {"AU4": 5, "AU6": 5, "AU7": 5, "AU9": 5, "AU10": 5, "AU43": 1}  # intensities of the action units
GRIMACE = {"AU4": (2.6, 5), "AU6": (2.6, 5), "AU7": (1, 4), "AU9": (0, 3), "AU10": (1, 4)}  # least and highest peak

# Skin that moves: a bell around (x, y), `reach` wide each way, its middle moving by `move`.
Slide = namedtuple("Slide", "x y reach_x reach_y move_x move_y")

MOVES = {  # by an action unit at its highest intensity
    "AU4": [Slide(13, -10, 9, 7, -3.5, 4.5), Slide(27, -12, 10, 7, -2.5, 3.5)],
    "AU6": [Slide(25, 18, 13, 9, 0, -4.5), Slide(40, 8, 8, 10, -2, -2)],
    "AU7": [Slide(22, 9, 12, 5, 0, -1.5)],
    "AU9": [Slide(10, 25, 8, 8, 0.5, -4), Slide(8, 5, 6, 8, -1, -1.5)],
    "AU10": [Slide(14, 33, 11, 8, 1, -3.5)],
    "AU43": [Slide(22, -10, 13, 5, 0, 1.5)],
}
BUILD = [  # by a subject's build, at most and either way
    Slide(22, 0, 13, 13, 3, 0),  # eyes apart
    Slide(24, -11, 14, 6, 0, 2),  # brows
    Slide(40, 20, 14, 22, 5, 0),  # cheeks
    Slide(30, 58, 15, 18, 7, 0),  # jaw
    Slide(10, 26, 7, 8, 2.2, 0),  # nose, its width
    Slide(6, 27, 12, 12, 0, 3.5),  # nose, its length
    Slide(15, 42, 15, 7, 2.5, 0),  # mouth
    Slide(12, 76, 22, 16, 0, 5),  # chin
    Slide(20, -32, 26, 12, 0, 6),  # hairline
]
UNSMILE = [Slide(22, 38, 8, 8, -2, 5), Slide(24, 22, 9, 9, 0, 1.5)]  # the astronaut smiles; at rest, few do

# A fold of the skin: a dark line with lighter banks through (x, y), `angle` degrees clockwise from x.
Fold = namedtuple("Fold", "x y angle length width depth")

FOLDS = {
    "AU4": [Fold(4.5, -8, 84, 4.5, 1.5, 0.35), Fold(10, -8, 60, 4, 2, 0.2)],
    "AU6": [Fold(37, 2.5, -10, 3.5, 0.9, 0.25), Fold(36.5, 6, 20, 3.5, 0.9, 0.25), Fold(24, 9.5, -5, 5.5, 1.5, 0.25)],
    "AU7": [Fold(23, 6.3, -3, 5.5, 1.1, 0.3)],
    "AU9": [Fold(3.5, 3, -10, 2.5, 1, 0.3), Fold(4, 7, -20, 2.5, 1, 0.25), Fold(16, 23, 62, 5, 1.8, 0.3)],
    "AU10": [Fold(21.5, 29.5, 50, 7, 1.8, 0.4)],
}
BLUSH = 0.7, 1, 1.2  # a fold's depth in red, green and blue: skin shades skin with its own colour
BROWS = [Fold(19, -10.8, -11, 5, 1.4, 1), Fold(31, -11, 18, 4, 1.4, 1)]

# An opening of the face from corner to corner (x -+ half, y, rising outwards by `slope`), its two margins bulging from
# that line by `upper` and `lower`. Skin that slides over it keeps its shape for `rim`, then stretches up to `reach`.
Opening = namedtuple("Opening", "x half y slope upper lower rim reach")

EYE = Opening(22.5, 11.5, 1.4, 0.09, -4.4, 2.2, 2.5, 10)
MOUTH = Opening(1.2, 21.5, 37.7, 0, 3.6, 10, 6, 14)

Subject = namedtuple("Subject", "texture build stretch mirrored lips light grain")
Pose = namedtuple("Pose", "x y angle scale")  # frame pixels to the right and down, radians clockwise, times
REACH = 16, 8, math.radians(10), 0.08  # of a head's Pose, either way from rest


class Face:
    """The photograph, `texture` (3, rows, columns; light 0..1), and maps (rows, columns) of what is where in it.

    folds: {AU: log of the light its folds take and add at the AU's highest intensity}; brows: the same of dark brows;
    hair: how much of a pixel is hair, 0..1.
    """

    def __init__(self):
        photograph = data.astronaut()[CROP].astype(np.float32) / 255
        rows, columns = DENSITY * photograph.shape[0], DENSITY * photograph.shape[1]
        row, column = (np.mgrid[:rows, :columns].astype(np.float32) + 0.5) / DENSITY - 0.5
        self.texture = np.stack([ndimage.map_coordinates(photograph[..., c], (row, column), order=3, mode="nearest")
                                 for c in range(3)]).clip(0, 1)
        right, down = column + CROP[1].start - ORIGIN[0], row + CROP[0].start - ORIGIN[1]
        x, y = COS * right + SIN * down, COS * down - SIN * right
        self.folds = {au: fold_light(folds, x, y) for au, folds in FOLDS.items()}
        self.brows = fold_light(BROWS, x, y, banks=0)
        red, _, blue = self.texture
        outside = ((x / 43) ** 2 + ((y - 28) / 52) ** 2 > 1) & (y < 35)
        brown = ndimage.grey_closing(np.clip(5 * (0.75 - blue / (red + 0.01)), 0, 1), size=(9, 9))
        self.hair = ndimage.gaussian_filter(brown * outside, 1)

    def look_up(self, image, x, y):
        """The values of `image` (rows, columns) at the face coordinates x, y."""
        row = ORIGIN[1] - CROP[0].start + SIN * x + COS * y
        column = ORIGIN[0] - CROP[1].start + COS * x - SIN * y
        return ndimage.map_coordinates(image, ((row + 0.5) * DENSITY - 0.5, (column + 0.5) * DENSITY - 0.5),
                                       order=1, mode="nearest")


def fold_light(folds, x, y, banks=0.6):
    """The log of the light at face coordinates x, y that folds take (their lines) and add (their banks)."""
    light = np.zeros_like(x)
    for fold in folds:
        cos, sin = math.cos(math.radians(fold.angle)), math.sin(math.radians(fold.angle))
        for side in (-1, 1):
            right, down = side * x - fold.x, y - fold.y
            along, across = (cos * right + sin * down) / fold.length, (cos * down - sin * right) / fold.width
            light -= fold.depth * (1 - banks * across ** 2) * np.exp(-(along ** 2 + across ** 2) / 2)
    return light


def before_slides(x, y, slides):
    """Where the skin now at face coordinates x, y was before `slides`, pairs of a Slide and how much of it (1: all)."""
    moved_x, moved_y = np.zeros_like(x), np.zeros_like(y)
    for slide, amount in slides:
        down = ((y - slide.y) / slide.reach_y) ** 2
        for side in (-1, 1):
            bell = amount * np.exp(-(((side * x - slide.x) / slide.reach_x) ** 2 + down) / 2)
            moved_x += side * slide.move_x * bell
            moved_y += slide.move_y * bell
    return x - moved_x, y - moved_y


def before_closing(x, y, opening, upper, lower):
    """Where (y, at the same x) the picture now at face coordinates x, y was while `opening` was fully open.

    upper, lower: the shares of the opening that its upper and lower margin have covered, 1 together when it is shut.
    """
    out = x - opening.x
    bulge = np.clip(1 - (out / opening.half) ** 2, 0, None)
    corners = opening.y - opening.slope * out
    gap = (opening.lower - opening.upper) * bulge
    above = corners + opening.upper * bulge + upper * gap - y  # distance from the margin into the skin
    below = y - (corners + opening.lower * bulge - lower * gap)
    return y - gap * np.where(above >= 0, upper * hold(above, opening),  # the upper margin lies over the lower one
                              np.where(below >= 0, -lower * hold(below, opening), 0))


def hold(distance, opening):
    """How much of a margin's way the skin at `distance` from it goes: 1 on the rim, fading to 0 at the reach."""
    return 1 - ease((distance - opening.rim) / (opening.reach - opening.rim))


def ease(time):
    """0 before time 0, 1 after time 1, smooth between."""
    time = np.clip(time, 0, 1)
    return time ** 2 * (3 - 2 * time)


def midpoints(grid):
    """`grid` (rows, columns) with the midpoints between its neighbours: (2 rows - 1, 2 columns - 1)."""
    for _ in range(2):
        twice = np.repeat(grid, 2, axis=0)
        grid = ((twice[:-1] + twice[1:]) / 2).T
    return grid


def render(face, who, aus, pose):
    """Draw a frame without its grain: (240, 320, 3) float32 RGB 0..1.

    aus: {AU: intensity 0..5}, AU43's 0..1, with fractions. pose: a Pose.
    """
    # Pose, build and moves are smooth: every second pixel says it all.
    y, x = np.mgrid[:HEIGHT + 1:2, :WIDTH + 1:2].astype(np.float32)
    x, y = x - (WIDTH - 1) / 2 - pose.x, y - (HEIGHT - 1) / 2 - pose.y
    cos, sin = math.cos(pose.angle) / (ZOOM * pose.scale), math.sin(pose.angle) / (ZOOM * pose.scale)
    x, y = MIDDLE[0] + cos * x + sin * y, MIDDLE[1] + cos * y - sin * x
    x = (-x if who.mirrored else x) / who.stretch
    x, y = before_slides(x, y, who.build)
    amount = {au: aus[au] / HIGHEST[au] for au in HIGHEST}
    x, y = before_slides(x, y, [(slide, amount[au]) for au in MOVES for slide in MOVES[au] if amount[au] > 0])
    x, y = (midpoints(grid)[:HEIGHT, :WIDTH] for grid in (x, y))

    raised = 0.35 * max(amount["AU6"], amount["AU7"])  # the lower lids
    lowered = max(0.12 * amount["AU4"] + 0.12 * amount["AU7"], amount["AU43"] * (1.01 - raised))  # the upper lids
    y = before_closing(np.abs(x), y, EYE, lowered, raised)
    lifted = max(0.9 * amount["AU10"], 0.4 * amount["AU9"])  # the upper lip
    y = before_closing(x, y, MOUTH, who.lips / 2 * (1 - lifted), who.lips / 2)

    folds = face.look_up(sum(amount[au] * face.folds[au] for au in FOLDS), x, y)
    return np.stack([face.look_up(channel, x, y) * np.exp(blush * folds) * who.light
                     for channel, blush in zip(who.texture, BLUSH)], axis=-1).clip(0, 1)


def subject(face, rng):
    """A Subject as the random numbers `rng` have it: build, complexion, hair, light and camera."""
    build = [(slide, 1) for slide in UNSMILE] + list(zip(BUILD, rng.uniform(-1, 1, len(BUILD))))
    skin = np.exp(rng.uniform(-0.2, 0.8) + rng.uniform(-0.15, 0.15) * np.array([-1, 0, 1]))  # a gamma a channel
    dye = 1 - rng.uniform(0, 1) * np.array([0, 0.35, 0.7])  # from grey to ginger
    strands = face.texture.mean(axis=0) ** rng.uniform(0.6, 2.5)  # from fair to black
    brows = np.exp(rng.uniform(0, 0.7) * face.brows)
    blur = rng.uniform(0.3, 1.6)
    texture = [ndimage.gaussian_filter((channel ** gamma * (1 - face.hair) + tint * strands * face.hair) * brows, blur)
               for channel, gamma, tint in zip(face.texture, skin, dye)]
    light = lighting(rng)
    return Subject([channel.astype(np.float32) for channel in texture], build, stretch=1 + rng.uniform(-0.06, 0.06),
                   mirrored=rng.rand() < 0.5, lips=rng.uniform(0.8, 1), light=light, grain=rng.uniform(0.5, 3) / 255)


def lighting(rng):
    """How much light falls on each pixel of a frame, (240, 320) float32, brightest towards some side."""
    y, x = np.mgrid[-1:1:HEIGHT * 1j, -1:1:WIDTH * 1j]
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.35)
    return (rng.uniform(0.75, 1.05) * np.exp(fall * (np.cos(angle) * x + np.sin(angle) * y))).astype(np.float32)
