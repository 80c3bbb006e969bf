"""What is given to a command."""
import argparse

from pain.command import fail


class Parser(argparse.ArgumentParser):
    """A parser of command lines whose errors are one line, too. doc: the tool's; its first line is the description."""

    def __init__(self, doc):
        super().__init__(description=doc.split("\n")[0])

    def error(self, message):
        fail("%s; see --help" % message)
