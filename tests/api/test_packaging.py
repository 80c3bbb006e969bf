"""What `pip install` makes of the project: a wheel that has all of pain, and what it needs by what it is for."""
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.bare_python import run_bare
from support.project import ROOT

tomllib = pytest.importorskip("tomllib")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The project's wheel, made of a copy without a package index."""
    pytest.importorskip("setuptools")
    folder, made = tmp_path_factory.mktemp("wheel"), shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in "tools", "prototxt":
        shutil.copytree(str(ROOT / name), str(folder / name), ignore=made)
    for name in "pyproject.toml", "setup.py", "README.md", "LICENSE":
        shutil.copy(str(ROOT / name), str(folder))
    done = subprocess.run([sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index",
                           "--wheel-dir", str(folder), str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    assert done.returncode == 0, done.stdout
    path, = folder.glob("*.whl")
    return path


def test_the_wheel_has_the_library_and_its_files_and_no_commands(wheel):
    names = {name for name in zipfile.ZipFile(str(wheel)).namelist() if ".dist-info/" not in name}
    files = {path: "pain/" + path.relative_to(ROOT / "tools/pain").as_posix()
             for path in (ROOT / "tools/pain").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    files.update({path: path.relative_to(ROOT).as_posix().replace("prototxt/", "pain/prototxt/", 1)
                  for path in (ROOT / "prototxt").rglob("*.prototxt")})
    assert names == set(files.values())
    for path, name in files.items():
        assert zipfile.ZipFile(str(wheel)).read(name) == path.read_bytes()


def test_what_is_installed_finds_its_prototxts(wheel, tmp_path):
    zipfile.ZipFile(str(wheel)).extractall(str(tmp_path / "installed"))
    script = ("import pain.project as p; print(p.ROOT); print(p.PROTOTXT / 'pain_regression.prototxt'); "
              "from pain.models import find_net; print(find_net('/nowhere/pain_iter_9.caffemodel'))")
    done = subprocess.run([sys.executable, "-c", script], cwd=str(tmp_path), stdout=subprocess.PIPE, check=True,
                          env=dict(os.environ, PYTHONPATH=str(tmp_path / "installed")), text=True)
    root, *nets = map(Path, done.stdout.split())
    assert root == (tmp_path / "installed/pain").resolve() and nets[0] == nets[1]
    assert nets[0].read_bytes() == (ROOT / "prototxt/pain_regression.prototxt").read_bytes()


# What is needed, by what it is for.

def project(folder="."):
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]


def named(requirements):
    """The distributions' names of requirements, extras of the project's own left out."""
    return {re.match(r"[\w-]+", text).group() for text in requirements} - {"pain-intensity"}


def test_every_version_that_make_takes_is_of_a_package_that_is_needed():
    needed = named(project()["dependencies"]).union(
        *map(named, project()["optional-dependencies"].values()), named(project("engine")["dependencies"]))
    pins = re.findall(r"^([\w-]+)==\S+$", (ROOT / "constraints.txt").read_text(), re.M)
    assert sorted(pins) == sorted(needed)


def test_core_makes_folds_and_reads_prototxts(tmp_path):
    """Without TensorFlow and PyTorch: with what the core needs, and the messages of any caffe."""
    modules = {"pillow": "PIL", "protobuf": "google"}
    core = [modules.get(name, name) for name in named(project()["dependencies"])]
    script = """
from pain.datasets import folds
from pain.prototxts import make_slim
import sys
make_slim(%r, 16, 2)
assert not {"torch", "tensorflow", "skimage", "scipy"} & set(sys.modules)
"""
    done = run_bare(script % str(tmp_path), [*core, "caffe"])
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "pain_regression.prototxt").exists()
