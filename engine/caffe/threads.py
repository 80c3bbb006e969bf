"""How the threads that compute wait for each other, and share a product.

Those of OpenMP's usual library keep their cores busy while they wait, for milliseconds. Where other processes want the
cores, those are milliseconds in which nobody computes what is waited for: a net of many small layers takes ten times as
long, or a hundred times. Asleep at once, they are woken for each of its layers, which on cores of its own takes half as
long again. So they stay awake for the time between two operations, and then sleep (tests/bench/waiting.py measures it).

A row of a matrix product is the same, to the bit, with however many other rows and threads in MKL's strict mode, which
is no slower: winograd.py needs it.
"""
import os
import sys

_CHOSEN_BY_THE_USER = "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"
# GNU's library heeds the second, rounds of a loop; others the first.
_WAITING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "5000"}
_PRODUCTS = {"MKL_CBWR": "AUTO,STRICT"}


def load_torch():
    """Import PyTorch so that its threads soon sleep while they wait, and MKL's products are strict, unless the
    environment says otherwise.

    Of no effect when PyTorch, or another package with the same library, has been imported before.
    """
    choice = {}
    if "torch" not in sys.modules:
        choice = {**({} if any(name in os.environ for name in _CHOSEN_BY_THE_USER) else _WAITING),
                  **({} if "MKL_CBWR" in os.environ else _PRODUCTS)}
    os.environ.update(choice)
    try:
        import numpy as np
        import torch
        if choice:  # the first is read while the library is loaded, the other by the first product
            ones = torch.from_numpy(np.ones((1, 1), np.float32))
            torch.mm(ones, ones, out=torch.from_numpy(np.empty((1, 1), np.float32)))
    finally:
        for name in choice:
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
