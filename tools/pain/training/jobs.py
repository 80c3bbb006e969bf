"""How many trainings at a time are quickest."""
import os
import re
import subprocess

from pain.errors import Problem

MOST_JOBS, CORES_EACH, MEMORY_EACH = 5, 3, 6144  # docs/speed.md; MiB of the GPU's, of the full net at batch 64


def read_jobs(text, gpu):
    """What --jobs says, a number of trainings at a time or auto. Raises Problem for anything else."""
    if text == "auto":
        return jobs_for(gpu)
    if not re.match("0*[1-9][0-9]{0,5}$", text):
        raise Problem("--jobs takes auto, or 1 or more, not %r" % text[:40])
    return int(text)


def jobs_for(gpu):
    """How many on the GPU of this number; on the CPU (None) one, which has all cores.

    A GPU waits for one training's Python layers while it computes another's. What it has room for, nvidia-smi says.
    """
    if gpu is None:
        return 1
    jobs = min(MOST_JOBS, os.cpu_count() // CORES_EACH)
    try:
        said = subprocess.run(["nvidia-smi", "--id=%d" % gpu, "--query-gpu=memory.total",
                               "--format=csv,noheader,nounits"], stdout=subprocess.PIPE, check=True).stdout
        jobs = min(jobs, int(said) // MEMORY_EACH)
    except (OSError, ValueError, subprocess.CalledProcessError):  # it is not known
        pass
    return max(1, jobs)
