"""How the threads that compute wait for each other.

Those of OpenMP's usual library keep their cores busy while they wait, for milliseconds. Where other processes want the
cores, those are milliseconds in which nobody computes what is waited for: a net of many small layers takes ten times as
long, or a hundred times. Asleep at once, they are woken for each of its layers, which on cores of its own takes half as
long again. So they stay awake for the time between two operations, and then sleep (tests/bench/waiting.py measures it).
"""
import os
import sys

_CHOSEN_BY_THE_USER = "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"
# GNU's library heeds the second, rounds of a loop; others the first.
_CHOICE = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "5000"}


def load_torch():
    """Import PyTorch so that its threads soon sleep while they wait, unless the environment says how they are to.

    Of no effect when PyTorch, or another package with the same library, has been imported before.
    """
    chosen = "torch" in sys.modules or any(name in os.environ for name in _CHOSEN_BY_THE_USER)
    if not chosen:
        os.environ.update(_CHOICE)  # read while the library is loaded
    try:
        import torch  # noqa: F401
    finally:
        for name in () if chosen else _CHOICE:
            del os.environ[name]  # not for the processes that this one starts


class alone:
    """In a `with`, if so: PyTorch computes in the thread that calls it.

    To wake others takes longer than little things do. And oneDNN's gradients of weights are computed by threads that
    wait for each other awake, without sleeping: where the cores are shared, a convolution of microseconds takes
    milliseconds.
    """

    def __init__(self, whether: bool):
        self._whether = whether

    def __enter__(self):
        if self._whether:
            import torch
            self._before = torch.get_num_threads()
            torch.set_num_threads(1)

    def __exit__(self, *error):
        if self._whether:
            import torch
            torch.set_num_threads(self._before)
