"""Synthetic people in LFW's layout, for the trunk to tell apart."""
import concurrent.futures
from itertools import combinations

import numpy as np
from PIL import Image
from scipy import ndimage

from pain.datasets.synthetic.faces import HIGHEST, REACH, Face, Pose, lighting, render, subject
from pain.processes import workers
from pain.progress import progress

PEOPLE = 1 << 31  # begins the random seeds of people, so that they are no subject's
FOLDS, PAIRS = 10, 50  # pairs of each kind a fold, at most


def draw_person(root, k, images, seed):
    """Draw the images of person number `k` below `root`."""
    who = subject(worker_face, np.random.RandomState([PEOPLE, seed, k]))
    name = "p%04d" % k
    (root / name).mkdir()
    for i in range(1, images + 1):
        rng = np.random.RandomState([PEOPLE, seed, k, i])
        image = render(worker_face, who._replace(light=lighting(rng)), expression(rng, moved=i % 2 == 0), pose(rng))
        image = ndimage.gaussian_filter(develop(rng, image), (*2 * [rng.uniform(0, 1.2)], 0))
        image += rng.uniform(0.5, 3) / 255 * rng.standard_normal(image.shape[:2])[..., None]
        pixels = np.round(255 * image.clip(0, 1)).astype(np.uint8)
        Image.fromarray(pixels).save(str(root / name / ("%s_%04d.jpg" % (name, i))), quality=95)
    return images


def expression(rng, moved):
    """Action units {AU: intensity, with fractions}: any four of them at any intensity if `moved`, else at rest."""
    aus = dict.fromkeys(HIGHEST, 0)
    if moved:
        aus.update((au, rng.uniform(0, HIGHEST[au])) for au in rng.choice(sorted(HIGHEST), 4, replace=False))
    return aus


def develop(rng, image):
    """The image (240, 320, 3; light 0..1) with the tint, the saturation (down to grey) and the gamma of some camera."""
    grey = image.mean(axis=2, keepdims=True)
    tinted = (grey + rng.uniform(0, 1.2) * (image - grey)) * np.exp(rng.uniform(-0.15, 0.15, 3))
    return tinted.clip(0, 1) ** np.exp(rng.uniform(-0.3, 0.3))


def pose(rng):
    """Any Pose within REACH."""
    x, y, angle, growth = rng.uniform(-1, 1, 4) * REACH
    return Pose(x, y, angle, 1 + growth)


def start_worker():
    """Prepare a worker process: a face of its own."""
    global worker_face
    worker_face = Face()


def draw_people(root, people, images, seed, jobs=1):
    """Draw everybody below `root`, and pairs.txt, with `jobs` processes."""
    with workers(jobs, start_worker) as pool, progress(total=people * images, unit="image") as bar:
        futures = [pool.submit(draw_person, root, k, images, seed) for k in range(1, people + 1)]
        for future in concurrent.futures.as_completed(futures):
            bar.update(future.result())
    (root / "pairs.txt").write_text(pairs_text(people, images, np.random.RandomState([PEOPLE, seed])))


def pairs_text(people, images, rng):
    """pairs.txt as LFW has it: `folds pairs`, then a fold's pairs of one person, and its pairs of two.

    A fold's people are in no other. With fewer than 20 people there are fewer folds, of two people each or three.
    """
    folds = np.array_split(np.arange(1, people + 1), min(FOLDS, people // 2))
    same = [[(k, i, k, j) for k in fold for i, j in combinations(range(1, images + 1), 2)] for fold in folds]
    other = [[(k, i, other, j) for k, other in combinations(fold, 2)
              for i in range(1, images + 1) for j in range(1, images + 1)] for fold in folds]
    count = min([PAIRS] + [len(pairs) for pairs in same + other])
    lines = ["%d\t%d" % (len(folds), count)]
    for of_fold in zip(same, other):
        for pairs in of_fold:
            for choice in sorted(rng.choice(len(pairs), count, replace=False)):
                a, i, b, j = pairs[choice]
                lines.append("p%04d\t%d\t%d" % (a, i, j) if a == b else "p%04d\t%d\tp%04d\t%d" % (a, i, b, j))
    return "\n".join(lines) + "\n"
