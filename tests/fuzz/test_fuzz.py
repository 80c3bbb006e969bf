"""A small share of `make fuzz`: all seeds, and a few mutants of every format. And that it tells what it should."""
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
from support.project import ROOT

MUTANTS = 2


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What became of each format: {name: as fuzz() returns it}."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(str(ROOT / name) for name in (".", "tools", "tests")),
                       OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    done = subprocess.run([sys.executable, "-m", "fuzz", "--count", str(MUTANTS), "--json", "--out",
                           str(tmp_path_factory.mktemp("fuzz"))], env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return {result["format"]: result for result in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", every.FORMATS)
def test_seeds_and_a_few_mutants(results, name):
    assert results[name]["failures"] == []
    seeds = len(list((ROOT / "tests" / "fuzz" / "seeds" / name).glob("*")))
    assert sum(results[name]["verdicts"].values()) == seeds + MUTANTS


def test_every_seed_is_of_a_format():
    assert {path.name for path in (ROOT / "tests" / "fuzz" / "seeds").glob("*")} <= set(every.FORMATS)


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
    monkeypatch.setattr(child, "PATIENCE", 0.3 if "0.3" in said else 30)
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
