"""--where: which place it names, and what is wrong with it. Slurm's batch script, as dask-jobqueue writes it."""
import shutil
import sys
from types import ModuleType

import pytest

from pain.errors import Missing, Problem
from pain.pieces import arguments
from pain.pieces.arguments import read_hosts, read_where, slurm
from pain.pieces.where import Here


def test_places(tmp_path):
    here = read_where("here", 3)
    assert isinstance(here, Here) and here.jobs == 3
    for wrong in "there", "tcp:host", "ssh:", "slurm:4", "":
        with pytest.raises(Problem, match="--where %s: takes here, tcp://" % wrong):
            read_where(wrong)
    with pytest.raises(Problem, match="no text file with a host a line"):
        read_where("ssh:%s" % (tmp_path / "none"))
    hosts = tmp_path / "hosts.txt"
    hosts.write_text("# ours\nnode1\n\nnode2  # slow\n")
    assert read_hosts(hosts) == ["node1", "node2"]


def test_a_package_that_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(Missing, match="--where: needs the package distributed, .* `pip install distributed`"):
        read_where("tcp://127.0.0.1:1")


def test_no_scheduler_there(monkeypatch):
    cluster = pytest.importorskip("distributed") and read_where("tcp://127.0.0.1:1")
    monkeypatch.setattr("pain.pieces.cluster.CONNECTING", 0.2)
    with pytest.raises(Problem, match="--where tcp://127.0.0.1:1: no Dask scheduler there"), cluster:
        pass


def test_the_hosts_of_ssh_have_a_worker_each_and_the_first_the_scheduler(monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setitem(sys.modules, "asyncssh", ModuleType("asyncssh"))
    monkeypatch.setattr(distributed, "SSHCluster", lambda hosts: hosts)
    assert arguments.over_ssh(["node1", "node2"]) == ["node1", "node1", "node2"]


def test_a_host_that_does_not_let_us_in(monkeypatch):
    distributed = pytest.importorskip("distributed")

    def refuse(hosts):
        raise RuntimeError("Cluster failed to start: Name or service not known")
    monkeypatch.setitem(sys.modules, "asyncssh", ModuleType("asyncssh"))
    monkeypatch.setattr(distributed, "SSHCluster", refuse)
    with pytest.raises(Problem, match="--where ssh: .*: Name or service not known; each host must let `ssh HOST"):
        arguments.over_ssh(["node1"])


YAML = {"cores": 8, "processes": 1, "memory": "32GB", "walltime": "12:00:00", "queue": "gpu", "interface": "lo",
        "scheduler-options": {"dashboard_address": ":0"}, "job-extra-directives": ["--gres=gpu:1"],
        "worker-extra-args": ["--resources", "GPU=1"]}


def test_slurm_s_batch_script(monkeypatch):
    """Of what docs/scale.md has in jobqueue.yaml."""
    jobqueue = pytest.importorskip("dask_jobqueue")
    import dask
    asked = []
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(jobqueue.SLURMCluster, "adapt", lambda self, **jobs: asked.append(jobs))
    with dask.config.set({"jobqueue.slurm.%s" % key: value for key, value in YAML.items()}):
        with slurm(3) as cluster:
            lines = cluster.job_script().splitlines()
    for line in "-p gpu", "-n 1", "--cpus-per-task=8", "--mem=30G", "-t 12:00:00", "--gres=gpu:1":
        assert "#SBATCH " + line in lines, lines
    assert lines[0] == "#!/usr/bin/env bash" and asked == [{"minimum_jobs": 3, "maximum_jobs": 3}]
    worker = lines[-1]
    for part in sys.executable, "--nthreads 8", "--memory-limit 29.80GiB", "--resources GPU=1":
        assert part in worker, worker


def test_slurm_without_its_settings_and_without_slurm(monkeypatch):
    pytest.importorskip("dask_jobqueue")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Problem, match="--where slurm: there is no sbatch here"):
        slurm(1)
    monkeypatch.setattr(shutil, "which", lambda name: name)
    with pytest.raises(Problem, match="--where slurm: You must specify how much cores .*; say it in .*jobqueue.yaml"):
        slurm(1)
