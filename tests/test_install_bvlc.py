"""tools/install_bvlc.sh, with the machine's real apt, where it must not or cannot install anything."""
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from support.processes import PATIENCE
from support.project import ROOT, needs_bvlc

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
needs_apt = pytest.mark.skipif(not (shutil.which("apt-get") and KEYRING.exists()), reason="no Debian-like apt here")


def install(directory, **environment):
    return subprocess.run(["sh", str(ROOT / "tools" / "install_bvlc.sh"), str(directory)], text=True,
                          capture_output=True, timeout=PATIENCE, env=dict(os.environ, **environment))


def assert_refused(process, directory, *parts):
    """It said so in one line, and left nothing that `make` takes for Caffe."""
    assert process.returncode == 2 and process.stderr.count("\n") == 1, process.stderr
    assert process.stderr.startswith("install_bvlc.sh: ")
    for part in parts:
        assert part in process.stderr
    assert not directory.exists()


@needs_bvlc
def test_what_was_installed_runs():
    modules = "caffe, lmdb, google.protobuf, numpy, scipy, skimage, matplotlib"
    subprocess.run([str(ROOT / ".bvlc/bin/python"), "-c", "import " + modules], check=True, stderr=subprocess.DEVNULL)
    process = subprocess.run([str(ROOT / ".bvlc/bin/caffe"), "--version"], capture_output=True, text=True)
    assert "caffe version 1.0.0" in process.stdout + process.stderr


def test_a_finished_one_is_left_as_it_is(tmp_path):
    (tmp_path / "bvlc" / "bin").mkdir(parents=True)
    caffe = tmp_path / "bvlc" / "bin" / "caffe"
    caffe.write_text("#!/bin/sh\n")
    caffe.chmod(0o755)
    process = install(tmp_path / "bvlc", DEBIAN_MIRROR="file:///nowhere")
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert list(tmp_path.rglob("*")) == [tmp_path / "bvlc", tmp_path / "bvlc" / "bin", caffe]


@pytest.mark.parametrize("system", ["Darwin arm64", "Linux aarch64"])
def test_other_machines_are_pointed_to_conda(tmp_path, system):
    uname = tmp_path / "uname"
    uname.write_text("#!/bin/sh\ncase $1 in -s) echo %s;; -m) echo %s;; esac\n" % tuple(system.split()))
    uname.chmod(0o755)
    process = install(tmp_path / "bvlc", PATH="%s:%s" % (tmp_path, os.environ["PATH"]))
    assert_refused(process, tmp_path / "bvlc", system, "environment.yml", "CAFFE=system")


def test_other_distributions_are_pointed_to_conda(tmp_path):
    for command in "uname", "sh", "id":
        (tmp_path / command).symlink_to(shutil.which(command))
    if subprocess.check_output(["uname", "-sm"], text=True) != "Linux x86_64\n":
        pytest.skip("not x86-64 Linux")
    process = install(tmp_path / "bvlc", PATH=str(tmp_path))
    assert_refused(process, tmp_path / "bvlc", "no apt-get here", "environment.yml")


@needs_apt
def test_a_mirror_that_is_none_or_not_signed_is_refused(tmp_path):
    process = install(tmp_path / "bvlc", DEBIAN_MIRROR="file://%s/nowhere" % tmp_path)
    assert_refused(process, tmp_path / "bvlc", "no signed Debian bullseye at file://", "DEBIAN_MIRROR=")
    packages = tmp_path / "mirror/dists/bullseye/main/binary-amd64/Packages"
    packages.parent.mkdir(parents=True)
    packages.write_text("")
    (tmp_path / "mirror/dists/bullseye/Release").write_text("Suite: bullseye\nCodename: bullseye\n")
    process = install(tmp_path / "bvlc", DEBIAN_MIRROR="file://%s/mirror" % tmp_path)
    assert_refused(process, tmp_path / "bvlc", "no signed Debian bullseye", "is not signed")


@needs_apt
def test_an_interrupted_one_does_not_look_finished(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as mirror:  # accepts, and never says a word
        process = subprocess.Popen(["sh", str(ROOT / "tools" / "install_bvlc.sh"), str(tmp_path / "bvlc")],
                                   env=dict(os.environ, DEBIAN_MIRROR="http://127.0.0.1:%d" % mirror.getsockname()[1]),
                                   start_new_session=True)
        mirror.settimeout(PATIENCE)
        mirror.accept()
        os.killpg(process.pid, 9)
        process.wait()
    assert [path.name for path in tmp_path.iterdir()] == ["bvlc.partial"]
