"""How long a cluster whose workers die takes for many pieces: simulated, and checked against a real, small one.

    PYTHONPATH=tools:tests .venv/bin/python tests/bench/cluster_queue.py

A worker that dies is away for a while. Its piece loses what came after its last snapshot, and goes on before those
that have not begun. The check has four real workers count (support/counting.py), and kills some at random; how long it
takes to begin a piece, and when who was away, are taken from what then happened, and the same is simulated.
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


def simulate(pieces, length, every, begin, deaths):
    """Seconds until all of the pieces are done, and how many of the workers' were lost to deaths.

    length: seconds of a piece; every: between its snapshots; begin: to start or go on with one; deaths: of each worker
    the moments, in order, and how long it is away then, of which there may be infinitely many.
    """
    never = float("inf"), 0.
    deaths, left, lost, end = list(map(iter, deaths)), [length] * pieces, 0., 0.
    nexts = [next(of_worker, never) for of_worker in deaths]
    free = [(0., worker) for worker in range(len(deaths))]
    waiting = dict.fromkeys(range(pieces), 0.)  # from when on each piece can be taken
    while waiting:
        now, worker = heapq.heappop(free)
        piece = min(waiting, key=lambda number: (max(now, waiting[number]), number))
        now = max(now, waiting.pop(piece))
        while nexts[worker][0] <= now:  # it has died while it had nothing to do
            now, nexts[worker] = max(now, sum(nexts[worker])), next(deaths[worker], never)
        died, away = nexts[worker]
        done = now + begin + left[piece]
        if done <= died:
            end = max(end, done)
            heapq.heappush(free, (done, worker))
            continue
        nexts[worker] = next(deaths[worker], never)
        kept = max(0., died - now - begin) // every * every
        left[piece], lost = left[piece] - kept, lost + died - now - kept
        waiting[piece] = died
        heapq.heappush(free, (died + away, worker))
    return end, lost


def dying(between, away, chance):
    """When a worker dies, on average so many seconds apart, and how long it is away."""
    now = 0.
    while True:
        now += chance.expovariate(1 / between)
        yield now, away


def really(folder, pieces, numbers, kills):
    """Have four real workers count. kills: pairs of a moment and a worker. Returns when each worker was killed, by
    time.time(), and how long it was away.
    """
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT / "tools"), str(ROOT / "tests/support")]))
    names, deaths, kills = ["p%d" % number for number in range(pieces)], [[] for _ in range(4)], list(kills)
    with cluster(folder, 4) as dask:
        dask.wait_for_workers()
        log, workers = folder / "worker.log", list(dask.workers)
        with subprocess.Popen([sys.executable, str(ROOT / "tests/support/counting.py"), str(folder), *names, "--to",
                               str(numbers), "--where", dask.address], env=environment) as process:
            while not (folder / "p0/counted").exists() and process.poll() is None:
                time.sleep(0.05)
            begun = time.time()
            while process.poll() is None:
                if kills and time.time() - begun > kills[0][0]:
                    there, number = log.read_text().count("Registered to:"), kills.pop(0)[1]
                    dask.workers.remove(workers[number])
                    workers[number].kill()
                    killed = time.time()
                    dask.start_worker()
                    workers[number] = dask.workers[-1]
                    while log.read_text().count("Registered to:") == there and process.poll() is None:
                        time.sleep(0.05)
                    deaths[number].append((killed, time.time() - killed))
                time.sleep(0.05)
    return deaths


def happened(folder):
    """When the first piece was begun and the last one done, and how long it took to begin one, on average."""
    attempts = {}  # {(worker, process): when it counted}
    for file in folder.glob("p*/counted"):
        for line in file.read_text().splitlines():
            _, process, worker, at = line.split()
            attempts.setdefault((worker, process), []).append(float(at))
    by_worker = {}
    for (worker, _), times in attempts.items():
        by_worker.setdefault(worker, []).append((times[0] - STEP, times[-1]))
    begins = [after[0] - before[1] for of_worker in map(sorted, by_worker.values())
              for before, after in zip(of_worker, of_worker[1:])]
    begin = sum(begins) / len(begins)
    return min(times[0] for times in attempts.values()) - STEP - begin, max(
        times[-1] for times in attempts.values()), begin


def check(pieces, numbers, kills, seed):
    """Print how long real workers of which some are killed take, and how long simulated ones."""
    chance = random.Random(seed)
    moments = sorted((chance.uniform(0, pieces * STEP * numbers / 4), chance.randrange(4)) for _ in range(kills))
    with tempfile.TemporaryDirectory() as folder:
        deaths = really(Path(folder), pieces, numbers, moments)
        start, end, begin = happened(Path(folder))
    simulated, _ = simulate(pieces, STEP * numbers, STEP, begin, [
        [(killed - start, away) for killed, away in of_worker] for of_worker in deaths])
    print("%d pieces of %.0f s, %.1f s to begin one, 4 workers, %d deaths: %.1f s, simulated %.1f s" % (
        pieces, STEP * numbers, begin, sum(map(len, deaths)), end - start, simulated))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=6, help="in the check (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    args = parser.parse_args()
    check(16, 40, args.kills, args.seed)
    # 25 folds of 7 variants with 3 seeds: 5,000 iterations at 103 a second, a snapshot each 1,000 of them
    for workers in 8, 64:
        for hours in 24, 2:
            times = [simulate(525, 48.5, 9.7, 10, [dying(3600 * hours, 300, random.Random("%d %d" % (run, worker)))
                                                  for worker in range(workers)]) for run in range(20)]
            print("525 trainings, %d GPUs, each away for 5 min every %d h: %.1f min, %.2f %% of the time lost" % (
                workers, hours, sum(end for end, _ in times) / 20 / 60,
                100 * sum(lost for _, lost in times) / sum(end * workers for end, _ in times)))


if __name__ == "__main__":
    main()
