"""The argument --where of the commands whose pieces can be done elsewhere."""
from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pain.errors import Problem, needed_for
from pain.pieces.cluster import Cluster
from pain.pieces.where import Here, Where

if TYPE_CHECKING:
    from argparse import ArgumentParser

PLACES = "here, tcp://HOST:PORT of a Dask scheduler, slurm, or ssh:FILE with a host a line"


def add_where(parser: ArgumentParser) -> None:
    """Where the pieces are done."""
    parser.add_argument("--where", default="here", metavar="PLACE", help=PLACES + " (default: %(default)s)")


def read_where(text: str, jobs: int = 1) -> Where:
    """The Where that --where names, to be entered. jobs: pieces at a time here, workers at the most that Slurm starts.

    Raises Problem for anything else, and where a package is missing.
    """
    kind, _, rest = text.partition(":")
    if text == "here":
        return Here(jobs)
    if kind in ("tcp", "tls") and rest.startswith("//"):
        return Cluster(text)
    if text == "slurm":
        return Cluster(make=lambda: slurm(jobs))
    if kind == "ssh" and rest:
        hosts = read_hosts(rest)
        return Cluster(make=lambda: over_ssh(hosts))
    raise Problem("--where %s: takes %s" % (text, PLACES))


def slurm(jobs):
    """A cluster whose workers Slurm starts, as many batch jobs as `jobs`."""
    with needed_for("--where slurm"):
        from dask_jobqueue import SLURMCluster
    if not shutil.which("sbatch"):
        raise Problem("--where slurm: there is no sbatch here; run this on a machine that submits jobs to Slurm")
    try:
        cluster = SLURMCluster()
    except ValueError as error:
        raise Problem("--where slurm: %s; say it in Dask's configuration, as ~/.config/dask/jobqueue.yaml"
                      % str(error).split(",")[0]) from error
    cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)  # unlike scale(), starts others for those whose time is over
    return cluster


def read_hosts(file):
    """The hosts in a file, a line each. Raises Problem when there is none."""
    try:
        lines = Path(file).read_text().split("\n")
    except (OSError, UnicodeDecodeError):
        lines = []
    hosts = [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]
    if not hosts:
        raise Problem("--where ssh:%s: no text file with a host a line" % file)
    return hosts


def over_ssh(hosts):
    """A cluster with a worker on each of the hosts, and its scheduler on the first."""
    with needed_for("--where ssh:"):
        importlib.import_module("asyncssh")  # what Dask does it with
        from distributed import SSHCluster
    try:
        return SSHCluster([hosts[0], *hosts])
    except RuntimeError as error:  # Dask's, of whatever it is
        raise Problem("--where ssh: %s; each host must let `ssh HOST %s` in without a password"
                      % (error, sys.executable)) from error
