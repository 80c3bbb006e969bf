"""Pieces done on a cluster: a real scheduler and two workers, with pieces that only count (support/counting.py)."""
import os
import signal
import subprocess
import sys

import pytest

from support.clusters import cluster
from support.processes import PATIENCE, is_running, started, wait_until
from support.project import ROOT, assert_one_line_error

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("cluster"), 2) as made:
        made.wait_for_workers()
        yield made


def command(folder, *arguments, where="here"):
    return [sys.executable, ROOT / "tests/support/counting.py", folder, *arguments, "--where", where]


ENVIRONMENT = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT / "tools"), str(ROOT / "tests/support")]))


def count(folder, *arguments, where="here"):
    """The finished command."""
    return subprocess.run(list(map(str, command(folder, *arguments, where=where))), env=ENVIRONMENT,
                          capture_output=True, text=True, timeout=PATIENCE)


def numbers(folder, name):
    """What a piece has counted, and the processes that did, in order."""
    file = folder / name / "counted"
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return [int(line[0]) for line in lines], list(dict.fromkeys(int(line[1]) for line in lines))


@pytest.mark.parametrize("where", ["here", "there"])
def test_one_that_fails_does_not_stop_the_others(where, dask, tmp_path):
    done = count(tmp_path, "a", "bad", "c", where="here" if where == "here" else dask.address)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert all("%s has counted\n" % name in done.stdout for name in "ac") and done.stdout.count("has counted") == 2
    assert "bad: 3 is a bad number\n" in done.stderr and "1 of 3 failed, see above" in done.stderr.splitlines()[-1]
    assert {path.name: sorted(inner.name for inner in path.iterdir()) for path in tmp_path.iterdir()} == {
        "a": ["counted", "done"], "bad": ["counted"], "c": ["counted", "done"]}
    assert [numbers(tmp_path, name)[0] for name in ("a", "bad", "c")] == [list(range(5)), [0, 1, 2], list(range(5))]
    assert "count: 100%" not in done.stderr and "13/15" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_pieces_stop_with_the_command_and_it_goes_on(number, dask, tmp_path, usual_signals):
    with started(*command(tmp_path, "a", "b", "--to", 400, where=dask.address), env=ENVIRONMENT,
                 stderr=subprocess.PIPE) as process:
        wait_until(lambda: all(len(numbers(tmp_path, name)[0]) > 2 for name in "ab"))
        process.send_signal(number)
        error = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == {signal.SIGINT: 130}.get(number, -number) and "Traceback" not in error, error
    wait_until(lambda: not any(map(is_running, numbers(tmp_path, "a")[1] + numbers(tmp_path, "b")[1])))
    wait_until(lambda: not list(tmp_path.rglob(".l*")))
    reached = len(numbers(tmp_path, "a")[0])
    assert 2 < reached < 400 and all(worker.poll() is None for worker in dask.workers)
    assert count(tmp_path, "a", "--to", reached + 2, where=dask.address).returncode == 0
    assert numbers(tmp_path, "a")[0] == list(range(reached + 2))


def test_what_a_worker_lacks_is_a_line_that_names_it(dask, tmp_path):
    def refused(*arguments):
        done = count(tmp_path, "a", *arguments, where=dask.address)
        assert_one_line_error(done, "tcp://127.0.0.1:")
        return done.stderr
    assert "has 2.0 GB for a piece that takes 3.0 GB; start it with" in refused("--memory", 3e9)
    assert not list(tmp_path.iterdir())


def test_a_worker_and_a_scheduler_that_are_killed(dask, tmp_path):
    with started(*command(tmp_path, "a", "b", "--to", 40, where=dask.address), env=ENVIRONMENT, stdout=subprocess.PIPE,
                 stderr=subprocess.PIPE) as process:
        wait_until(lambda: numbers(tmp_path, "a")[0] and numbers(tmp_path, "b")[0])
        first = numbers(tmp_path, "a")[1]
        dask.workers[0].kill()
        dask.workers[0].wait()
        dask.keep_up()
        wait_until(lambda: any(len(numbers(tmp_path, name)[1]) > 1 for name in "ab"))
        dask.scheduler.kill()
        dask.scheduler.wait()
        for worker in dask.workers:
            worker.wait(PATIENCE)
        dask.keep_up()
        out, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and "Traceback" not in error, error
    assert "the scheduler is gone; waiting for another one there" in out
    assert first and [numbers(tmp_path, name)[0] for name in "ab"] == [list(range(40))] * 2
