"""How long a cluster whose workers die takes for many pieces: simulated, and checked against a real, small one.

    PYTHONPATH=tools:tests .venv/bin/python tests/bench/cluster_queue.py

A worker that dies is away for a while. Its piece loses what came after its last snapshot, and whoever is free next goes
on with it. The check has four real workers count (support/counting.py), kills some at random, and simulates the same.
"""
import argparse
import heapq
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.clusters import cluster
from support.counting import STEP
from support.project import ROOT


def simulate(pieces, length, every, begin, away, deaths):
    """Seconds until all of the pieces are done, and how many of the workers' were lost to deaths.

    length: seconds of a piece; every: between its snapshots; begin: to start or go on with one; away: until a dead one
    is back; deaths: of each worker, the moments, in order, of which there may be infinitely many.
    """
    deaths, left, lost, end = list(map(iter, deaths)), [length] * pieces, 0., 0.
    nexts = [next(of_worker, float("inf")) for of_worker in deaths]
    free = [(0., worker) for worker in range(len(deaths))]
    back = [(0., piece) for piece in range(pieces)]  # from when on a piece can be taken
    while back:
        since, piece = heapq.heappop(back)
        now, worker = heapq.heappop(free)
        now = max(now, since)
        while nexts[worker] <= now:  # it has died while it had nothing to do
            now, nexts[worker] = max(now, nexts[worker] + away), next(deaths[worker], float("inf"))
        done = now + begin + left[piece]
        if done <= nexts[worker]:
            end = max(end, done)
            heapq.heappush(free, (done, worker))
            continue
        died, nexts[worker] = nexts[worker], next(deaths[worker], float("inf"))
        kept = max(0., died - now - begin) // every * every
        left[piece], lost = left[piece] - kept, lost + died - now - kept
        heapq.heappush(back, (died, piece))
        heapq.heappush(free, (died + away, worker))
    return end, lost


def dying(between, chance):
    """The moments at which a worker dies, on average so many seconds apart."""
    now = 0.
    while True:
        now += chance.expovariate(1 / between)
        yield now


def really(folder, pieces, numbers, kills):
    """Seconds that four real workers take; kills: pairs of a moment and a worker. Also how long one is away."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT / "tools"), str(ROOT / "tests/support")]))
    names, away, kills = ["p%d" % number for number in range(pieces)], [], list(kills)
    with cluster(folder, 4) as dask:
        dask.wait_for_workers()
        log = folder / "worker.log"
        begun = time.monotonic()
        with subprocess.Popen([sys.executable, str(ROOT / "tests/support/counting.py"), str(folder), *names, "--to",
                               str(numbers), "--where", dask.address], env=environment) as process:
            while process.poll() is None:
                if kills and time.monotonic() - begun > kills[0][0]:
                    there = log.read_text().count("Registered to:")
                    dask.workers.pop(kills.pop(0)[1]).kill()
                    killed = time.monotonic()
                    dask.start_worker()
                    while log.read_text().count("Registered to:") == there and process.poll() is None:
                        time.sleep(0.05)
                    away.append(time.monotonic() - killed)
                time.sleep(0.05)
        return time.monotonic() - begun, sum(away) / len(away) if away else 0.


def check(pieces, numbers, kills, seed):
    """Print how long a real cluster takes, without kills and with them, and what is simulated of the latter."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        folders = [Path(folder) / name for name in ("few", "calm", "killed")]
        for path in folders:
            path.mkdir()
        few, _ = really(folders[0], 4, numbers, [])
        calm, _ = really(folders[1], pieces, numbers, [])
        moments = sorted((chance.uniform(1, calm), chance.randrange(4)) for _ in range(kills))
        measured, away = really(folders[2], pieces, numbers, moments)
    each = (calm - few) / (pieces / 4 - 1)  # a piece and its beginning; what else there is comes once
    simulated, _ = simulate(pieces, STEP * numbers, STEP, each - STEP * numbers, away, [
        [at - (few - each) for at, worker in moments if worker == number] for number in range(4)])
    print("%d pieces of %.0f s, 4 workers: %.0f s without deaths; with %d of %.1f s: %.0f s, simulated %.0f s" % (
        pieces, STEP * numbers, calm, kills, away, measured, few - each + simulated))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=6, help="in the check (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    args = parser.parse_args()
    check(16, 40, args.kills, args.seed)
    # 25 folds of 7 variants with 3 seeds: 5,000 iterations at 103 a second, a snapshot each 1,000 of them
    for workers in 8, 64:
        for hours in 24, 2:
            times = [simulate(525, 48.5, 9.7, 10, 300, [dying(3600 * hours, random.Random("%d %d" % (run, worker)))
                                                       for worker in range(workers)]) for run in range(20)]
            print("525 trainings, %d GPUs, each away for 5 min every %d h: %.1f min, %.2f %% of the time lost" % (
                workers, hours, sum(end for end, _ in times) / 20 / 60,
                100 * sum(lost for _, lost in times) / sum(end * workers for end, _ in times)))


if __name__ == "__main__":
    main()
