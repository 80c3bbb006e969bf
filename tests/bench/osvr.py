"""What a fold of OSVR takes at the archive's size: seconds and memory, on made-up features of 200 videos.

    PYTHONPATH=tools python tests/bench/osvr.py [--converged] [--p 1] [--parts 4] [--features 178]

--parts 4: a quarter of the videos, for how it grows.
"""
import argparse
import resource
import time

import numpy as np

from pain.baselines.ordinal_rows import apex_of
from pain.baselines.osvr import OSVR
from pain.datasets.unbc import FRAMES_PER_SUBJECT, LONGEST, SHORTEST, VIDEOS_PER_SUBJECT

PAINFUL = 79 / 200  # of the videos


def made_up(features, parts=1, seed=1):
    """Videos as (T, D) features in 0..1, and labels 0..5 of all their frames, of which most videos show no pain."""
    random = np.random.RandomState(seed)
    direction, sequences, labels = random.normal(size=features), [], []
    for frames, videos in zip(FRAMES_PER_SUBJECT, VIDEOS_PER_SUBJECT):
        for count in lengths(frames, videos, random)[::parts]:
            apex, width = random.uniform(0, count), random.uniform(10, 60)
            pain = 5 * np.exp(-0.5 * np.square((np.arange(count) - apex) / width)) * (random.rand() < PAINFUL)
            wander = np.cumsum(random.normal(size=(count, features)), axis=0) / 60 + random.normal(size=features)
            noise = random.normal(size=(count, features)) / 2
            sequences.append(0.5 + 0.05 * (wander + noise + np.outer(pain, direction) / 10))
            labels.append(np.floor(pain + 0.5))
    return sequences, labels


def lengths(frames, videos, random):
    """`videos` numbers of frames that sum to `frames`, of the archive's shortest to its longest."""
    spread = np.exp(random.normal(scale=0.6, size=videos))
    counts = np.clip(np.round(frames * spread / spread.sum()).astype(int), SHORTEST, LONGEST)
    while counts.sum() != frames:
        some = random.randint(videos)
        counts[some] = np.clip(counts[some] + np.sign(frames - counts.sum()), SHORTEST, LONGEST)
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--p", type=int, choices=(1, 2), default=2)
    parser.add_argument("--converged", action="store_true")
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--features", type=int, default=178)
    args = parser.parse_args()
    sequences, labels = made_up(args.features, args.parts)
    counts = np.array([len(sequence) for sequence in sequences])
    apexes = np.array([apex_of(np.arange(len(given)), given) for given in labels])
    pairs = (apexes * (apexes + 1) // 2 + (counts - apexes) * (counts - apexes - 1) // 2).sum()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start, cpu = time.monotonic(), time.process_time()
    model = OSVR(p=args.p, converged=args.converged).fit(sequences, labels)
    print("%d videos of %d to %d frames, %d frames, %d features, %.1f million pairs: %d iterations, objective %.8g, "
          "%.0f s (CPU %.0f s), %.0f MiB, of which the features given and Python %.0f" % (
              len(counts), counts.min(), counts.max(), counts.sum(), args.features, pairs / 1e6, model.n_iter_,
              model.objective_, time.monotonic() - start, time.process_time() - cpu,
              resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, before))


if __name__ == "__main__":
    main()
