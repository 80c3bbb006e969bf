"""Processes that a test starts, watches, and ends."""
import contextlib
import subprocess
import time

PATIENCE = 180  # seconds, on a machine that is busy


@contextlib.contextmanager
def started(*command, **options):
    """Give the running process of a command, its output as text; whatever becomes of the test, it is ended."""
    with subprocess.Popen(list(map(str, command)), universal_newlines=True, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def is_running(pid):
    """Whether there is a process of this number that has not ended."""
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], stdout=subprocess.PIPE).stdout.strip()
    return not said.startswith((b"Z", b"X")) if said else False


def wait_until(condition, said="never came true"):
    """Wait until condition() is true, and return its value. Fails with what is `said` after PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, said
        time.sleep(0.02)
