"""What the scripts `caffe`, `convert_imageset` and `compute_image_mean` run.

Importing PyTorch takes a second: what must not wait for it is here.
"""
import faulthandler
import gc
import signal
import sys


def main():
    """Run `caffe` with the arguments of the process, and exit with its status. Likewise the two below."""
    _get_ready()
    gc.disable()  # what is imported is there to stay: to look for what could go takes a tenth of the time
    from caffe import threads
    threads.load_torch()
    from caffe import command
    gc.freeze()
    gc.enable()
    command.main()


def convert_imageset():
    _get_ready()
    from caffe import imageset
    imageset.convert_imageset()


def compute_image_mean():
    _get_ready()
    from caffe import imageset
    imageset.compute_image_mean()


def _get_ready():
    # A Ctrl-C while importing, or a closed pipe (`| head`), ends a program without a word, and not with a traceback.
    for name in "SIGINT", "SIGPIPE":
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    if sys.stderr:
        faulthandler.enable()  # a library that crashes, as lmdb on a damaged file, does not do so without a word
