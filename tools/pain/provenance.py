"""Where data and nets come from: a record beside a file that says what is in it, and to which bytes that applies.

    data/aligned/frames.origin.json                the kind of data it is, from `make align`
    data/folds/NN-subject/train.origin.json        and how much of it there is, from `make folds`
    models/<variant>/NN-subject/
        pain_iter_N.origin.json                    what the net learned from, and in which run, from training
        predictions.origin.json                    the same of the net that made predictions.csv, from `make predict`

A record names the SHA-256 of the file beside it. Of a file without a record, or with one of other bytes, nothing is
claimed: whatever was changed, replaced, renamed or dropped in is of unknown origin.
"""
import json
from pathlib import Path
from typing import NamedTuple, Optional, Tuple

from pain.files import read_json, replacing, sha256, write_rows

KINDS = ARCHIVE, OWN, UNKNOWN, SYNTHETIC = "archive", "own", "unknown", "synthetic"  # the most trustworthy first


class Data(NamedTuple):
    """What there is to learn from, whom a fold leaves out included."""
    kind: str = UNKNOWN  # one of KINDS
    subjects: int = 0  # people
    frames: int = 0  # usable ones; of people who are to be told apart, their faces
    histogram: Tuple[int, ...] = ()  # frames of each label 0..5; empty where labels are people
    left_out: Tuple[str, ...] = ()  # the folds, NN-subject or NN-of-K, whose subjects were not learned from
    name: str = ""  # of somebody's own dataset, where import_videos.py has made it


class Start(NamedTuple):
    """The weights that a training began with."""
    file: str  # its name
    sha256: str
    kind: str  # one of KINDS: the least trustworthy of all that went into it


class Origin(NamedTuple):
    """Where a net comes from, or several that are used together."""
    data: Data = Data()
    training: str = ""  # its name: the variant, or face_verification; empty for what tools/train.py has not made
    iterations: Optional[int] = 0  # None: nothing was learned from the data, which a program has only rated
    start: Optional[Start] = None  # None: from scratch
    caffe: str = ""  # which one trained it
    date: str = ""  # ISO, of the day on which it was written
    mixed: bool = False  # whether these are nets of several kinds; data.kind is the least trustworthy

    @property
    def kind(self):
        """One of KINDS."""
        return self.data.kind


NOT_KNOWN = Origin()


def least_trustworthy(kinds):
    """The one of `kinds`, of KINDS each, that is to be believed least."""
    return max(kinds, key=KINDS.index)


def record_of(file):
    """The path of a file's record."""
    return Path(file).with_suffix(".origin.json")


def write_csv_with_origin(file, columns, rows, origin):
    """write_csv(), the record first: a file that is there, by which a step is told done, has its record, too."""
    with replacing(file) as partial:
        write_rows(partial, columns, rows)
        write_origin(file, origin, partial)


def write_origin(file, origin, partial=None):
    """Write the record of `file`, which has this Origin, whole or not at all. One that says the same is left alone.

    partial: where its content is until it is there.
    """
    digest = sha256(partial or file)
    record, text = record_of(file), json.dumps(dict(sha256=digest, **as_dict(origin)), indent=1) + "\n"
    if not record.exists() or record.read_bytes() != text.encode("utf-8"):
        with replacing(record) as partial:
            partial.write_text(text, encoding="utf-8")


def read_origin(file):
    """The Origin of `file`, unknown unless there is a record of these very bytes."""
    try:
        content = read_json(record_of(file))
        return from_dict(content) if content.pop("sha256") == sha256(file) else Origin()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # no file; no record; JSON of something else
        return Origin()


def as_dict(origin):
    """An Origin as a dict ready for JSON."""
    data = dict(origin.data._asdict(), histogram=list(origin.data.histogram), left_out=list(origin.data.left_out))
    if not data["name"]:  # as before there were any
        del data["name"]
    return dict(origin._asdict(), data=data, start=origin.start and origin.start._asdict())


def from_dict(content):
    """The Origin of as_dict(). Raises ValueError, KeyError, TypeError or AttributeError for anything else."""
    data, start = Data(**content["data"]), content["start"] and Start(**content["start"])
    for kind in [data.kind] + ([start.kind] if start else []):
        KINDS.index(kind)
    data = data._replace(histogram=tuple(map(int, data.histogram)), left_out=tuple(map(str, data.left_out)),
                         name=str(data.name))
    return Origin(**dict(content, data=data, start=start or None))


def origin_said(about):
    """The Origin that the head of a curve, a dict, gives its nets in as_dict()'s form; unknown if it gives none."""
    try:
        return from_dict(about["origin"])
    except (ValueError, KeyError, TypeError, AttributeError):  # of an older version; somebody's own
        return Origin()


def start_from(weights):
    """The Start of a training from the caffemodel `weights`."""
    origin = read_origin(weights)
    kinds = [origin.kind] + ([origin.start.kind] if origin.start else [])
    return Start(Path(weights).name, sha256(weights), least_trustworthy(kinds))


def origin_of(files):
    """The Origin of nets that are used together, such as a variant's folds. files: their caffemodels."""
    return merged([read_origin(file) for file in files] or [NOT_KNOWN])


def merged(origins):
    """One Origin for several: the least trustworthy kind and start, every fold, and of the rest what all have alike."""
    def alike(tuples):
        return tuples[0]._replace(**{field: default for field, default in tuples[0]._field_defaults.items()
                                     if len({getattr(one, field) for one in tuples}) > 1})
    kinds, starts = {origin.kind for origin in origins}, [origin.start for origin in origins if origin.start]
    data = alike([origin.data for origin in origins])._replace(
        kind=least_trustworthy(kinds),
        left_out=tuple(dict.fromkeys(fold for origin in origins for fold in origin.data.left_out)))
    return alike(origins)._replace(
        data=data, mixed=len(kinds) > 1 or any(origin.mixed for origin in origins),
        start=max(starts, key=lambda start: KINDS.index(start.kind)) if starts else None)
