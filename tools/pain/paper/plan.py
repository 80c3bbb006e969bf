"""The plan: what is done, and what the rest will take here; as a table that people read before it begins."""
from __future__ import annotations

from typing import Mapping, Sequence

from caffe.proto import caffe_pb2

from pain.paper import costs
from pain.paper.costs import Cost, Size
from pain.paper.steps import Place, Step, share_done
from pain.progress import write
from pain.prototxts import read_prototxt
from pain.training.facenet2expnet import STUDENT, TEACHING
from pain.variants import METHOD

FEW = Cost(60, 50e6, 1e9)  # of the report: not measured
AUDIT = 0.02  # seconds a frame that is only read: not measured


class Measured:
    """The costs of steps, measured when they are first asked for. python, caffe: commands; gpu: a number or None."""

    def __init__(self, place: Place, size: Size, python: str, caffe: str, gpu: int | None, jobs: int):
        self.place, self.size, self.python, self.caffe, self.gpu, self.jobs = place, size, python, caffe, gpu, jobs
        self.trainings = {}

    def training(self, name: str) -> costs.Training:
        """That of a solver. Those of one net differ by its losses alone, and are measured once."""
        solver = self.place.prototxt / "solvers" / (name + ".prototxt")
        net = read_prototxt(solver, caffe_pb2.SolverParameter()).net
        if net not in self.trainings:
            write("measuring %s: %d iterations" % (name, costs.ITERATIONS))
            self.trainings[net] = costs.measure_training(solver, self.caffe, self.gpu, self.jobs)
        return self.trainings[net]

    def cost(self, name: str) -> Cost:
        """That of a step, had nothing been done yet."""
        size, jobs = self.size, self.jobs
        if name == "audit":
            return Cost(AUDIT * size.frames / jobs, 0, jobs * 0.2e9)
        if name == "align":
            write("measuring align: %d frames" % sum(costs.ALIGNED_AT_ONCE))
            return costs.align_cost(self.python, self.place.data, size, jobs)
        if name == "folds":
            return costs.folds_cost(size, jobs)
        if name == "osvr":
            return costs.osvr_cost(size, jobs)
        if name == "temporal":
            return costs.prediction_cost(self.training(METHOD.name), size, passes=size.folds)
        if name == "report":
            return FEW
        trained = costs.training_cost(self.training(name), size, jobs, self.gpu)
        if name == STUDENT:
            taught = costs.training_cost(self.training(TEACHING), size, jobs, self.gpu)
            trained = Cost(*map(sum, zip(trained[:2], taught[:2])), max(trained.memory, taught.memory))
        return trained._replace(seconds=trained.seconds + costs.prediction_cost(self.training(name), size).seconds)


def plan(steps: Sequence[Step], place: Place, measured: Measured) -> dict[str, tuple[float, Cost]]:
    """{step: the share that is done, and the Cost of the rest}, of those that can be done."""
    rows = {}
    for step in steps:
        if not step.left_out:
            share = share_done(step, place)
            rest = measured.cost(step.name) if share < 1 else Cost(0, 0, 0)
            rows[step.name] = share, Cost(rest.seconds * (1 - share), rest.disk * (1 - share), rest.memory)
    return rows


def plan_text(steps: Sequence[Step], rows: Mapping[str, tuple[float, Cost]], size: Size, free: float) -> str:
    """The plan as a table, with its sums and what is not enough."""
    lines = ["%d subjects, %d videos, %d frames" % size[:3], "",
             "%-30s%6s%12s%10s%10s  %s" % ("step", "done", "time left", "disk", "memory", "what")]
    for step in steps:
        if step.left_out:
            lines.append("%-30s%6s%12s%10s%10s  %s" % (step.name, "-", "-", "-", "-", step.left_out))
            continue
        share, rest = rows[step.name]
        lines.append("%-30s%5d%%%12s%10s%10s  %s" % (step.name, int(100 * share), duration(rest.seconds),
                                                    gigabytes(rest.disk), gigabytes(rest.memory), step.what))
    seconds, disk, memory = zip(*(rest for _, rest in rows.values()), (0, 0, 0))
    sums = duration(sum(seconds)), gigabytes(sum(disk)), gigabytes(max(memory))
    lines += ["%-30s%6s%12s%10s%10s" % ("all", "", *sums),
              "", "Times are those of small runs on this machine just now, multiplied. Memory is the most at a time."]
    if sum(disk) > free:
        lines.append("The disk has %s free, which is not enough." % gigabytes(free))
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h`, `2.1 days`."""
    for most, unit, name in (100, 1, "s"), (6000, 60, "min"), (48 * 3600, 3600, "h"):
        if seconds < most:
            return ("%.0f %s" if unit < 3600 else "%.1f %s") % (seconds / unit, name)
    return "%.1f days" % (seconds / 86400)


def gigabytes(count: float) -> str:
    """`0.3 GB`."""
    return "%.1f GB" % (count / 1e9)
