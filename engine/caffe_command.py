"""What the script `caffe` runs. Importing PyTorch takes a second: what must not wait for it is here."""
import faulthandler
import signal
import sys


def main():
    """Run the command with the arguments of the process, and exit with its status."""
    # A Ctrl-C while importing, or a closed pipe (`| head`), ends a program without a word, and not with a traceback.
    for name in "SIGINT", "SIGPIPE":
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    if sys.stderr:
        faulthandler.enable()  # a library that crashes, as lmdb on a damaged file, does not do so without a word
    from caffe import command
    command.main()
