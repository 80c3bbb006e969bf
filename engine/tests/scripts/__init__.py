"""Programs in the manner of public notebooks, run unchanged under genuine Caffe and under the engine.

    python -m scripts MODULE OUT.npz      in engine/tests

Each function of a module is one program. It runs in an empty folder of its own and returns a dict of what it saw:
arrays, numbers, strings. tests compare what the engine's run saw with what genuine Caffe's saw.
"""
import contextlib
import importlib
import inspect
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def programs(module):
    """{name: function} of a module of this package."""
    sys.path[:0] = [path for path in (str(HERE.parent), str(HERE)) if path not in sys.path]  # HERE: user_layers
    loaded = importlib.import_module("scripts." + module)
    return {name: function for name, function in vars(loaded).items()
            if inspect.isfunction(function) and function.__module__ == loaded.__name__ and not name.startswith("_")}


def run(function):
    """What a program saw: {key: array}. Strings become arrays of one string."""
    with tempfile.TemporaryDirectory() as folder, _inside(folder):
        np.random.seed(0)
        return {key: np.array(value) for key, value in function().items()}


def run_all(module, out):
    """Run all programs of a module and write what they saw to an .npz file: name/key -> array."""
    np.savez_compressed(out, **{"%s/%s" % (name, key): value for name, function in programs(module).items()
                                for key, value in run(function).items()})


@contextlib.contextmanager
def _inside(folder):
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
