"""The folder of a synthetic dataset: made whole, found made already, or refused."""
import json
import os
from pathlib import Path

from pain.errors import Problem
from pain.files import read_json, remove, replacing
from pain.folders import contents
from pain.locks import OF_A_HOLDER, alone_in

SEEDS = 0, 2 ** 32 - 1  # least and highest
RECORD = "synthetic.json"  # in the folder: the arguments it was made with


def check_ranges(arguments, **ranges):
    """Raise Problem when one of a tool's arguments is outside its range, (least, most)."""
    for name, (least, most) in ranges.items():
        if not least <= arguments[name] <= most:
            raise Problem("--%s %d: must be %d to %d" % (name, arguments[name], least, most))


def make_once(out, draw, **arguments):
    """Have draw(folder, **arguments) make the dataset `out`. Returns False if it is there already.

    It grows in `out`.partial, renamed when it is whole; what an interrupted run left there is begun anew.
    Raises Problem when either folder holds anything else.
    """
    out = Path(os.path.abspath(str(out)))
    found = arguments_of(out)
    if found == arguments:
        return False
    if found:
        raise Problem("%s: holds the synthetic dataset of %s; remove it or name another folder"
                      % (out, " ".join("--%s %s" % item for item in found.items())))
    partial = out.with_name(out.name + ".partial")
    arguments_of(partial)
    with alone_in(partial):
        for leftover in partial.iterdir():
            if leftover.name not in (*OF_A_HOLDER, RECORD):  # which says that it is ours
                remove(leftover)
        with replacing(partial / RECORD) as record:
            record.write_text(json.dumps(arguments) + "\n")
        draw(partial, **arguments)
    os.replace(str(partial), str(out))
    return True


def arguments_of(folder):
    """The arguments of the synthetic dataset in `folder`; {} if there is nothing. Raises Problem for anything else."""
    try:
        return read_json(folder / RECORD)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        if folder.exists() and not (folder.is_dir() and not contents(folder)):
            raise Problem("%s: holds something that is no synthetic dataset; name a new folder"
                          % folder) from None
        return {}


def said(out, made):
    """What make_once() did, in a line."""
    return "%s: %s" % (out, "made" if made else "made already, nothing to do")
