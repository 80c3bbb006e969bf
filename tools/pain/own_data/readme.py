"""The README of an imported dataset: what it was made of, and what was assumed."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pain.datasets.pspi import CLASSES, quantise
from pain.notice import thousands

HOW = {"frame": "by frame", "interval": "as intervals, from the frame at the onset to the last before the offset",
       "time_s": "by time, for the nearest frame, if that is no further off than half a usual frame"}
PAGE = """# {name}

Own data, made by tools/import_videos.py of labelled videos, in the layout of the UNBC-McMaster archive. Nets that are
trained on it say that they learned from own data {name}.

{subjects} subjects, {videos} videos, {frames} frames; intensities 0 to {top}: {histogram}

## What was assumed

- **Subjects**: one a video. It is whom the labels name, or else whom the name of the video does.
- **Frames**: each labelled frame as a player shows it, upright and with square pixels, as {form}. Its name is its
  number in the video, counted from 0, as in a curve.csv.
- **Rates**: {rates} frames a second. Times are a player's clock. Nothing was resampled, so what counts frames, such as
  the rule for redundant ones, depends on the rate.
- **Labels**: {kind}. They are given {by}. Where several raters have labelled a frame, their mean counts.
- **Quantisation**: {quantised} {between} of the frames have labels that are no whole numbers. Nets learn the class, and
  batches are balanced by it; frames.csv keeps each label as it was.
- **Frames without a label**: {unlabelled}, left out. {of_no_frame} labels are of no frame.
- **Videos that cannot be used**: those that cannot be read, are damaged, or have no label on a frame are left out
  whole. In folders of images, those that cannot be read are black, and left out when faces are aligned.

{notes}## The videos

| subject | video | of | labels | size | frames a second | frames | with a label |
| --- | --- | --- | --- | --- | --- | --- | --- |
{table}
"""


def readme(settings, made: Sequence[dict], notes: Sequence[str]) -> str:
    """The text. settings: importing.Settings; made: its records; notes: what was left out, and what else is to be said.
    """
    rows = [row for record in made for row in record["rows"]]
    notes = [*notes, *remarks(made)]
    rates = sorted({rate_of(record) for record in made})
    return PAGE.format(
        name=settings.name, subjects=len({record["subject"] for record in made}), videos=thousands(len(made)),
        frames=thousands(len(rows)), top=CLASSES - 1, form=settings.form.upper(),
        histogram=", ".join(map(thousands, np.bincount(quantise([row[3] for row in rows]),
                                                       minlength=CLASSES).tolist())),
        rates=" to ".join(dict.fromkeys("%g" % rate for rate in (rates[0], rates[-1]))), kind=kind_of(settings),
        by="; ".join(HOW[by] for by in HOW if any(by in record["by"] for record in made)),
        quantised=("Each becomes the nearest whole PSPI, halves up, and then a class as in the paper: 4 and 5 are 4, 6 "
                   "and more are 5." if settings.pspi else "Each becomes the nearest of 0 to 5, halves up: 1.5 is 2. "
                   "As PSPI they stand in Frame_Labels as 0, 1, 2, 3, 4 and 6, which are quantised to these."),
        between=thousands(sum(record["between"] for record in made)),
        unlabelled=thousands(sum(record["frames"] - len(record["rows"]) for record in made)),
        of_no_frame=thousands(sum(record["of_no_frame"] for record in made)),
        notes="".join(["## What to look at\n\n", *("- %s\n" % note for note in notes), "\n"]) if notes else "",
        table="\n".join(map(line_of, made)))


def remarks(made: Sequence[dict]) -> list[str]:
    """What looks wrong with the videos or their labels, a line each."""
    return [note for record in made for note in [*record["notes"], *(
        ["%s: %d of its %d labels are of none of its %d frames, which last %.2f s" % (
            record["source"], record["of_no_frame"], record["given"], record["frames"], record["seconds"])]
        if record["of_no_frame"] else [])]]


def kind_of(settings):
    """What the labels are, in words."""
    return "PSPI, 0 to 16" if settings.pspi else "intensities, 0 to 5"


def rate_of(record):
    """A video's frames a second, rounded, on average."""
    return round((record["frames"] - 1) / record["seconds"], 2) if record["seconds"] else 0.


def line_of(record):
    """A video's line of the table."""
    cells = [record["subject"], record["video"], record["source"], ", ".join(record["labels"]),
             "%d x %d" % (record["width"], record["height"]), "%g" % rate_of(record), thousands(record["frames"]),
             thousands(len(record["rows"]))]
    return "| %s |" % " | ".join(cell.replace("|", "\\|") for cell in cells)
