"""tools/paper.py: the plan, what is known to be done, what is measured, and steps that end and go on."""
import shutil
import subprocess
from pathlib import Path

import caffe
import pytest
from caffe.proto import caffe_pb2

import paper
from pain.errors import Problem
from pain.paper import costs, plan
from pain.paper.costs import Cost, Size, an_iteration, folds_cost, prediction_cost, training_cost
from pain.paper.steps import Place, all_steps, chosen_steps, share_done
from pain.prototxts import make_slim
from pain.variants import VARIANTS
from support.caffe_runs import make_folds_of_noise
from support.predictions import refuses
from support.project import ENGINE, ROOT, run_tool

SLIM = "base_lr: 0.01 max_iter: 4 display: 1 average_loss: 1 snapshot: 2"


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Aligned frames of noise in the real format, their folds, slim prototxts, and the same frames as a dataset."""
    root = tmp_path_factory.mktemp("paper")
    make_folds_of_noise(root)
    make_slim(root / "prototxt", 16, 12, SLIM)
    for subject in (path for path in (root / "aligned").iterdir() if path.is_dir()):
        shutil.copytree(str(subject), str(root / "data" / "Images" / subject.name))
    return root


def arguments(work, *more):
    return ["--data", work / "data", "--aligned", work / "aligned", "--folds", work / "folds", "--models",
            work / "models", "--prototxt", work / "prototxt", "--report", work / "report", "--python",
            ENGINE / "python", "--caffe", ENGINE / "caffe", *more]


def place(work, **changes):
    return Place(*(work / name for name in ("data", "aligned", "folds", "models", "prototxt", "report")), None)


def test_steps_are_the_papers_rows_and_the_baselines():
    steps = all_steps(Path("face.caffemodel"))
    names = [step.name for step in steps]
    assert names[:3] == ["audit", "align", "folds"] and names[-3:] == ["osvr", "temporal", "report"]
    assert names[3:-3] == [variant.name for variant in VARIANTS if variant.solver]
    assert not any(step.left_out for step in steps)
    without, = (step for step in all_steps(None) if step.left_out)
    assert without.name == "facenet2expnet_style" and "WEIGHTS=" in without.left_out
    makefile = (ROOT / "Makefile").read_text()
    for target in {word for step in steps for word in step.targets if "=" not in word}:
        assert "\n%s:" % target in makefile
    assert [step.name for step in chosen_steps(steps, ["osvr", "folds"], ["folds"])] == ["osvr"]
    with pytest.raises(Problem, match="fold: no such step; there is audit, align"):
        chosen_steps(steps, ["fold"], [])


def test_costs_by_hand():
    size = Size(subjects=5, videos=20, frames=3000, folds=5)
    measured = costs.Training(seconds=2, iterations=100, batch=10, disk=7e6, memory=1e9)
    assert training_cost(measured, size, 2, None) == Cost(5 * 100 * 2 / 2, 35e6, 2e9)
    assert training_cost(measured, size, 2, 0) == Cost(5 * 100 * 2, 35e6, 2e9)
    assert prediction_cost(measured, size, 5).seconds == pytest.approx(5 * 3000 * 2 / 3 / 10)
    log = "\n".join("I1126 23:59:%s 1 solver.cpp:239] Iteration %d (1 iter/s), loss = 1" % (time, i)
                    for i, time in enumerate(("50.0", "57.0", "58.0", "59.5")))
    log += "\nI1127 00:00:01.0 1 solver.cpp:239] Iteration 4 (1 iter/s), loss = 1\nanything else"
    assert an_iteration(log) == pytest.approx(1.5)  # the median of 1, 1.5, 1.5; the first, 7, is of starting
    small, large = (folds_cost(Size(30, 1, 1000, folds), 1).disk for folds in (2, 12))
    assert large / small == pytest.approx((1 + 11 * 10478 / 48391) / (1 + 10478 / 48391))
    assert small / (1000 * (1 + 10478 / 48391)) == pytest.approx(112 * 96 * 3, rel=0.3)


@pytest.mark.parametrize("seconds, text", [
    (0, "0 s"), (99, "99 s"), (120, "2 min"), (5999, "100 min"), (3 * 3600, "3.0 h"), (72 * 3600, "3.0 days")])
def test_durations(seconds, text):
    assert plan.duration(seconds) == text


def test_a_plan_as_text():
    steps = chosen_steps(all_steps(None), ["folds", "osvr", "facenet2expnet_style"], [])
    rows = {"folds": (1., Cost(0, 0, 0)), "osvr": (0.5, Cost(7200, 3e9, 2e9))}
    lines = plan.plan_text(steps, rows, Size(1, 2, 3, 1), 1e9).splitlines()
    assert lines[0] == "1 subjects, 2 videos, 3 frames"
    assert [line.split()[:4] for line in lines[3:7]] == [
        ["folds", "100%", "0", "s"], ["facenet2expnet_style", "-", "-", "-"], ["osvr", "50%", "2.0", "h"],
        ["all", "2.0", "h", "3.0"]]
    assert lines[-1] == "The disk has 1.0 GB free, which is not enough."


def test_it_plans_does_and_goes_on(work, monkeypatch, capsys):
    """The files of the steps are written by hand; the first attempt is ended after a fold."""
    done, net = [], caffe.Net(str(work / "prototxt/pain_regression.prototxt"), caffe.TEST, stages=["deploy"])

    def play(command):
        done.append(command[2])
        if command[2] == "report":
            (work / "report").mkdir()
            (work / "report/report.html").write_text("")
            return 0
        for fold in sorted(path.name for path in (work / "folds").iterdir())[:1 if len(done) == 1 else 3]:
            folder = work / "models/mse" / fold
            folder.mkdir(parents=True, exist_ok=True)
            net.save(str(folder / "pain_iter_4.caffemodel"))
            (folder / "pain_iter_4.solverstate").write_bytes(caffe_pb2.SolverState(iter=4).SerializeToString())
            (folder / "predictions.csv").write_text("")
        return 1 if len(done) == 1 else 0

    monkeypatch.setattr(paper, "call", play)
    steps = {step.name: step for step in all_steps(None)}
    assert [share_done(steps[name], place(work)) for name in ("align", "folds", "mse", "osvr", "report")] == [
        1, 1, 0, 0, 0]
    assert share_done(steps["folds"], place(work)._replace(k=2)) == 0  # one a subject are none of two
    measured = run_main(monkeypatch, capsys, *arguments(work, "--only", "folds mse report", "--plan"))
    assert "measuring mse: 5 iterations" in measured and done == [] and "3 subjects, 3 videos, 144 frames" in measured
    monkeypatch.setattr(costs, "measure_training", lambda *_: costs.Training(1, 4, 12, 1e6, 1e6))
    assert "mse: ended early" in refuses_late(*arguments(work, "--only", "folds mse report"))
    assert share_done(steps["mse"], place(work)) == pytest.approx(1 / 3)
    said = run_main(monkeypatch, capsys, *arguments(work, "--only", "folds mse report"))
    assert done == ["train", "train", "report"] and "report.html" in said.splitlines()[-1]
    assert [share_done(steps[name], place(work)) for name in ("mse", "report")] == [1, 1]
    run_main(monkeypatch, capsys, *arguments(work, "--only", "folds mse report"))
    assert done == ["train", "train", "report"]  # nothing again


def run_main(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["paper.py", *map(str, arguments)])
    paper.main()
    out = capsys.readouterr()
    return out.err + out.out


def refuses_late(*arguments):
    """The Problem of a command that has said something before."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Problem) as problem:
        patch.setattr("sys.argv", ["paper.py", *map(str, arguments)])
        paper.main()
    return str(problem.value)


def test_what_can_be_wrong(work, tmp_path):
    for options, said in ((["--data", tmp_path], "no such folder"), (["--only", "nonsense"], "no such step"),
                          (["--jobs", "0"], "--jobs takes 1"), (["--weights", tmp_path / "x"], "no such caffemodel")):
        assert said in refuses(*arguments(work, *options), main=paper.main)
    for content, words in (b"", "batch_size"), (b"\xff\xfe", "no such solver"), (b"what: is this", "prototxt"):
        broken = tmp_path / ("%d" % len(content)) / "prototxt"
        shutil.copytree(str(work / "prototxt"), str(broken))
        (broken / ("solvers/rcr_style.prototxt" if content else "recurrent_regression.prototxt")).write_bytes(content)
        assert words in refuses_late(*arguments(work, "--only", "rcr_style", "--prototxt", broken))
    with pytest.raises(Problem, match="measuring false: it said nothing"):
        costs.run(["/bin/false"])


@pytest.mark.full
def test_all_of_it_by_make(tmp_path):
    """Drawn subjects, a slim net, every step; and once more, with nothing left to do."""
    data = tmp_path / "data/drawn"
    assert run_tool("make_synthetic.py", data, "--subjects", 3, "--videos", 2, "--frames", 40).returncode == 0
    make_slim(tmp_path / "prototxt", 16, 12, SLIM)
    command = ["make", "-C", str(ROOT), "paper", "DATA=%s" % data, "WORK=%s" % tmp_path, "WEIGHTS=", "JOBS=2",
               "TEMPORAL=--settings 'max_iter: 4 display: 1 snapshot: 2'"]
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert said.returncode == 0, said.stdout
    rows = {path.name for path in (tmp_path / "models").iterdir()}
    trained = {variant.name for variant in VARIANTS if variant.solver} - {"facenet2expnet_style"}
    assert rows == trained | {"osvr_l1", "osvr_l2", "temporal_lstm", "smoothed"}
    assert (tmp_path / "report/report.html").stat().st_size > 1e6
    again = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [line.split() for line in again.stdout.splitlines() if "%" in line and line.split()[0] in {*rows, "report"}]
    assert again.returncode == 0 and lines and all(line[1] == "100%" for line in lines)
