"""A small share of `make fuzz`: seeds, and a mutant for every command. And that it tells what it should."""
import json
import os
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

from fuzz import child, every
from fuzz.child import ACCEPTED, REFUSED, outcome
from fuzz.formats import Format
from fuzz.mutants import of_bytes, of_text
from pain.errors import Problem
from support.processes import PATIENCE
from support.project import ROOT

MUTANTS = 1
LONG = "AAM", "frames.csv-osvr"  # for OSVR is fitted each time
SEEDS = ROOT / "tests" / "fuzz" / "seeds"
FIRST = {form.main: name for name, form in reversed(every.FORMATS.items())}  # a format a command
SHARE = [name for name, form in every.FORMATS.items()
         if name not in LONG and (name == FIRST[form.main] or (SEEDS / name).exists())]


def fuzzed(names, count, folder):
    """What became of formats, their seeds and `count` mutants each: {name: as fuzz() returns it}."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(str(ROOT / name) for name in (".", "tools", "tests")),
                       OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    done = subprocess.run([sys.executable, "-m", "fuzz", "--format", *names, "--count", str(count), "--json", "--out",
                           str(folder)], env=environment, capture_output=True, text=True)
    found = {result["format"]: result for result in map(json.loads, done.stdout.splitlines())}
    assert set(found) == set(names), done.stderr
    return found


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return fuzzed(SHARE, MUTANTS, tmp_path_factory.mktemp("fuzz"))


@pytest.mark.full
def test_more_mutants_of_every_format(tmp_path):
    assert {name: result["failures"] for name, result in fuzzed(every.FORMATS, 20, tmp_path).items()
            if result["failures"]} == {}


@pytest.mark.parametrize("name", SHARE)
def test_seeds_and_a_mutant(results, name):
    assert results[name]["failures"] == []
    seeds = len(list((SEEDS / name).glob("*")))
    assert sum(results[name]["verdicts"].values()) == seeds + MUTANTS


def test_every_seed_is_of_a_format():
    assert {path.name for path in SEEDS.glob("*")} <= set(every.FORMATS)


def refuse():
    raise Problem("a.csv: no rows")


def refuse_at_length():
    sys.stderr.write("a.csv: no rows" * 1000)
    sys.exit(2)


def eat():
    print(len(bytearray(5 << 30)))


def spin():
    while True:
        pass


@pytest.mark.parametrize("main, verdict, said", [
    (lambda: print("3 rows"), ACCEPTED, "3 rows"), (refuse, REFUSED, "a.csv: no rows"),
    (refuse_at_length, "lines", "one of 14"), (lambda: sys.stderr.write("oh\noh\n"), "lines", "oh"),
    (lambda: int("x"), "traceback", "invalid literal for int"), (lambda: sys.exit(3), "traceback", "status 3"),
    (lambda: os.kill(os.getpid(), signal.SIGKILL), "crash", "SIGKILL"), (eat, "traceback", "MemoryError"),
    (lambda: time.sleep(60), "hang", "no end after 0.3 seconds"), (spin, "hang", "after 1 seconds of computing"),
    (lambda: print("nan"), "nonsense", "nan"),
])
def test_a_command_is_judged(tmp_path, monkeypatch, main, verdict, said):
    monkeypatch.setattr(child, "PATIENCE", 0.3 if "0.3" in said else PATIENCE)
    form = Format("a", None, main, check=lambda folder, out: out if "nan" in out else None, seconds=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Python, that this process may have threads
        found = outcome(form, tmp_path)
    assert found.verdict == verdict and said in found.said


@pytest.mark.parametrize("mutant", [of_bytes, of_text])
def test_mutants_are_many_and_always_the_same(mutant):
    whole = b"subject,video,frame\na,b,1\na,b,2\n"
    mutants = [mutant(whole, np.random.RandomState(i)) for i in range(200)]
    assert mutants == [mutant(whole, np.random.RandomState(i)) for i in range(200)]
    assert len(set(mutants)) > 150 and mutants.count(whole) < 20
