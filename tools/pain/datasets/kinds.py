"""What kind of data a folder holds: drawn by this project, the UNBC-McMaster archive, or somebody's own."""
from pathlib import Path

from pain.datasets.own_data import imported_name
from pain.datasets.synthetic.folder import RECORD
from pain.datasets.unbc import is_archive
from pain.provenance import ARCHIVE, OWN, SYNTHETIC, Data


def kind_of_people(root):
    """The kind, of provenance.KINDS, of a folder with a folder of images a person."""
    return SYNTHETIC if (Path(root) / RECORD).exists() else OWN


def kind_of_videos(root, frames):
    """The kind of a dataset in UNBC's layout. frames: {subject's name: how many frames, black ones included}."""
    kind = kind_of_people(root)
    return ARCHIVE if kind == OWN and is_archive(frames) and not imported_name(root) else kind


def data_of_videos(root, frames):
    """The same as provenance.Data, with the name of an imported dataset."""
    kind = kind_of_videos(root, frames)
    return Data(kind, name=imported_name(root) if kind == OWN else "")
