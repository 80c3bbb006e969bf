"""A synthetic dataset in UNBC's layout: subjects whose faces grimace and relax, and labels that agree."""
import numpy as np
from PIL import Image

from pain.datasets import unbc
from pain.datasets.pspi import MAX_PSPI, pspi
from pain.datasets.synthetic.faces import GRIMACE, HEIGHT, HIGHEST, REACH, WIDTH, Face, Pose, ease, render, subject
from pain.progress import progress


def wander(rng, frames, reach):
    """A slow path within `reach` of 0, two waves: a list of `frames` floats."""
    time = np.arange(frames) / frames
    return (reach / 2 * sum(np.sin(2 * np.pi * (rng.uniform(0.2, 1.2) * time + rng.rand())) for _ in range(2))).tolist()


def poses(rng, frames):
    """The Pose of the head in each of a video's frames."""
    paths = [wander(rng, frames, reach) for reach in REACH]
    return [Pose(x, y, angle, 1 + growth) for x, y, angle, growth in zip(*paths)]


def courses(rng, frames, strong):
    """The action units in each frame of a video, {AU: intensity, with fractions}: a grimace if `strong`, or a twitch.

    Each comes (onset), stays (apex) and goes (offset) between two stretches at rest. Times are shares of the video.
    """
    time = np.arange(frames) / frames
    course = {au: np.zeros(frames) for au in HIGHEST}
    if strong:
        peaks = {au: rng.uniform(*span) for au, span in GRIMACE.items()}
        spans = (0.15, 0.25), (0.18, 0.25), (0.05, 0.1), (0.25, 0.35)
    else:
        peaks = {au: rng.uniform(0.6, 1.6) for au in rng.choice(sorted(GRIMACE), 2, replace=False)}
        spans = (0.2, 0.5), (0.1, 0.15), (0.05, 0.1), (0.1, 0.2)
    start, onset, apex, offset = (rng.uniform(*span) for span in spans)

    def bump(late, early, onset, offset):
        return ease((time - start - late) / onset) * (1 - ease((time - fall + early) / offset))

    fall = start + onset + apex
    for au, peak in peaks.items():  # not all of a face moves at once
        course[au] = peak * bump(rng.uniform(0, 0.06), rng.uniform(0, 0.06), onset, offset)
    if strong and rng.rand() < 0.7:  # at the worst of it the eyes close
        course["AU43"] = bump(onset / 2, 0, onset / 2, offset / 2)
    return [dict(zip(course, aus)) for aus in zip(*(path.tolist() for path in course.values()))]


def write_numbers(path, rows):
    """Write `rows` of numbers as the archive does, `   1.0000000e+00` each; no rows make an empty file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("".join("%16.7e" % number for number in row) + "\n" for row in rows))


def write_frame(root, video, frame, image, aus):
    """Write a frame's image (240, 320, 3; light 0..1) and labels. video: (subject, video); aus: {AU: intensity}.

    Returns the frame's PSPI.
    """
    folder = root.joinpath("Images", *video)
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.round(255 * image.clip(0, 1)).astype(np.uint8)
    Image.fromarray(pixels).save(str(folder / (frame + ".png")), compress_level=1)
    labels = {au: round(intensity) for au, intensity in aus.items()}
    value = pspi(**{au.lower(): label for au, label in labels.items()})
    write_numbers(unbc.pspi_file(root, video[0], video[1], frame), [[value]])
    write_numbers(unbc.facs_file(root, video[0], video[1], frame),
                  [[int(au[2:]), label, 0, 0] for au, label in labels.items() if label])
    return value


def draw_dataset(root, subjects, videos, frames, seed):
    """Draw and label the whole dataset below `root`.

    A subject's and a video's random numbers depend on nothing but the seed and their own numbers.
    """
    face = Face()
    with progress(total=subjects * videos * frames, unit="frame") as bar:
        for k in range(1, subjects + 1):
            who = subject(face, np.random.RandomState([seed, k]))
            for take in range(1, videos + 1):
                video = "%03d-sy%03d" % (k, k), "sy%03dt%0*daaaff" % (k, len(str(videos)), take)
                rng = np.random.RandomState([seed, k, take])
                course, worst = courses(rng, frames, strong=take % 2 == 1), 0
                for i, (aus, pose) in enumerate(zip(course, poses(rng, frames)), 1):
                    grain = who.grain * rng.standard_normal((HEIGHT, WIDTH, 1)).astype(np.float32)
                    image = render(face, who, aus, pose) + grain
                    worst = max(worst, write_frame(root, video, "%s%03d" % (video[1], i), image, aus))
                    bar.update()
                for rating, highest in unbc.RATINGS.items():
                    write_numbers(root.joinpath("Sequence_Labels", rating, video[0], video[1] + ".txt"),
                                  [[round(highest * worst / MAX_PSPI)]])
