"""Whether a dataset is what it should be: counts, labels, images, ratings and faces, check by check.

Each check takes a Dataset, of inventory.py, and returns its findings. The archive itself, known by its first subject,
is compared with what is known of it (unbc.py); any other data only with itself. Frames that import_videos.py has made
are of any size, and have gaps where there was no label.
"""
from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from pain.datasets import pspi, unbc
from pain.datasets.own_data import imported_name

SOME = 3  # frames named of those at fault


class Finding(NamedTuple):
    """What a check has to say."""

    check: str
    text: str  # what is wrong, or what is right
    matters: str | None  # does it? "yes; ...", "a little; ...", "no; ..."; None where it is right, "" where it is open


def audit(dataset):
    """Every Finding of every check. Of a dataset without a frame that can be read, nothing is said to be right."""
    findings = [found for check in CHECKS for found in check(dataset)]
    if any(frame.size for frame in dataset.frames.values()):
        return findings
    return [found if found.matters else Finding(found.check, "not one frame can be read, so nothing to check", "")
            for found in findings]


def may_change_figures(found):
    """Whether a Finding matters for the paper's figures, much or a little."""
    return bool(found.matters) and not found.matters.startswith("no")


def lines_of(findings):
    """The findings for people, a list of lines."""
    lines = []
    for found in findings:
        verdict = "wrong" if found.matters else "ok" if found.matters is None else "-"
        lines.append("%-5s  %s: %s" % (verdict, found.check, found.text))
        if found.matters:
            lines.append("       matters: " + found.matters)
    wrong, serious = sum(bool(found.matters) for found in findings), sum(map(may_change_figures, findings))
    return lines + ["%d wrong, %d of them may change the paper's figures" % (wrong, serious) if wrong else
                    "nothing is wrong"]


def usable(dataset):
    """The keys of the frames that can be trained on: with a sound image that is not black, and a label."""
    return [key for key, frame in dataset.frames.items()
            if frame.size and not frame.black and isinstance(dataset.labels.get(key), float)]


def is_unbc(dataset):
    """Whether it is the archive, or means to be."""
    return any(subject == "042-ll042" for subject, _, _ in dataset.frames)


def some(keys, say=lambda key: ""):
    """The first of some keys by name, each with what `say` says of it, and how many more there are."""
    names = ["/".join(key) + say(key) for key in keys[:SOME]]
    return ", ".join(names) + (" and %d more" % (len(keys) - SOME) if len(keys) > SOME else "")


def finding(check, good, bad, matters, what="", say=lambda key: ""):
    """A Finding: `good` in words if there is no `bad` key, else how many there are (`what`), and some of them."""
    return Finding(check, "%d %s: %s" % (len(bad), what, some(bad, say)), matters) if bad else Finding(
        check, good, None)


def check_counts(dataset):
    """Subjects, videos and usable frames against those the authors used."""
    frames = Counter(subject for subject, _, _ in usable(dataset))
    videos = Counter(subject for subject, _ in {key[:2] for key in dataset.frames})
    text = "%d subjects, %d videos, %d frames, %d of them usable" % (
        len(videos), sum(videos.values()), len(dataset.frames), sum(frames.values()))
    if not frames:
        return [Finding("counts", text, "yes; there is nothing to train on")]
    if not is_unbc(dataset):
        return [Finding("counts", text + "; not UNBC, so not compared with it", None)]
    if len(videos) != len(unbc.FRAMES_PER_SUBJECT):
        return [Finding("counts", text + "; UNBC has %d subjects" % len(unbc.FRAMES_PER_SUBJECT),
                        "yes; every figure is a mean over subjects")]
    wrong = [Finding("counts", "%s: %d usable frames in %d videos, the authors use %d in %d"
                     % (subject, frames[subject], videos[subject], expected, of_videos),
                     "yes; the subject's figures are of other frames")
             for subject, expected, of_videos in zip(sorted(videos), unbc.FRAMES_PER_SUBJECT, unbc.VIDEOS_PER_SUBJECT)
             if (frames[subject], videos[subject]) != (expected, of_videos)]
    return wrong or [Finding("counts", text + ", as the authors use", None)]


def check_lengths(dataset):
    """Frames a video: the shortest and the longest known, and numbers without a gap."""
    by_video = {}
    for key in dataset.frames:
        by_video.setdefault(key[:2], []).append(key[2])
    gaps = [key for key, names in by_video.items() if not counts_up(names)]
    found = [finding("numbering", "every video's frames are numbered without a gap", gaps, (
        "no; those without a label were left out, as its README.md says" if imported_name(dataset.root) else
        "little; redundant frames and lags are counted over the gap"), "videos have frames missing")]
    lengths = [len(names) for names in by_video.values()]
    if is_unbc(dataset) and (min(lengths), max(lengths)) != (unbc.SHORTEST, unbc.LONGEST):
        found.append(Finding("lengths", "videos have %d to %d frames, UNBC's %d to %d" % (
            min(lengths), max(lengths), unbc.SHORTEST, unbc.LONGEST), "yes; frames are missing, or do not belong here"))
    return found


def counts_up(names):
    """Whether the numbers in which frame names end go up by one; so if there are none."""
    numbers = [re.search("[0-9]{1,9}$", name) for name in names]
    return not all(numbers) or (np.diff(sorted(int(number.group()) for number in numbers)) == 1).all()


def check_images(dataset):
    """Unreadable and odd images, sizes, black frames."""
    frames = dataset.frames
    unreadable = [key for key, frame in frames.items() if not frame.size]
    odd = [key for key, frame in frames.items() if frame.size and frame.problem]
    there = {frame.size for frame in frames.values() if frame.size}
    usual = sorted(there) if imported_name(dataset.root) else unbc.SIZES
    sizes = [key for key, frame in frames.items() if frame.size and frame.size not in usual]
    black = [key for key, frame in frames.items() if frame.black]
    expected = Counter(unbc.BLACK_FRAMES if is_unbc(dataset) else {})
    as_known = black and Counter(key[0] for key in black) == expected
    mixed = sorted(video for video, of_video in grouped(
        (key[:2], frame.size) for key, frame in frames.items() if frame.size).items() if len(set(of_video)) > 1)
    return [
        finding("images", "all can be read", unreadable, "yes; make align leaves them out, and the counts change",
                "cannot be read", lambda key: " (%s)" % frames[key].problem),
        finding("files", "every one among the frames is a frame",
                list(dataset.left_out), "no; make align leaves them out", "are no frames",
                lambda key: " (%s)" % dataset.left_out[key]),
        finding("colour", "all are colour", odd, "a little; grey faces are not what the net has learned from",
                "are not plain colour"),
        finding("sizes", "all are " + " or ".join("%d x %d" % size for size in usual), sizes,
                "no; faces are searched for in any size, the smallest in proportion", "have another size",
                lambda key: " is %d x %d" % frames[key].size),
        finding("sizes", "a video's frames are all of one size", mixed,
                "a little; a face jumps in the middle of a video", "videos mix sizes"),
        finding("black frames", "none", black, "no; make align leaves them out" + (
            ", as the authors do" if as_known else "") if not is_unbc(dataset) or as_known
                else "yes; the authors left out others: " + ", ".join("%d of %s" % (n, s) for s, n in expected.items()),
                "are black")]


def grouped(pairs):
    """{key: the values that come with it} of (key, value) pairs."""
    groups = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def check_duplicates(dataset):
    """Frames whose pixels are those of another."""
    same = [keys for digest, keys in grouped((frame.digest, key) for key, frame in dataset.frames.items()
                                             if frame.digest and not frame.black).items() if len(keys) > 1]
    across = [keys[0] for keys in same if len({key[0] for key in keys}) > 1]
    within = [keys[0] for keys in same if len({key[0] for key in keys}) == 1]
    first = {keys[0]: keys[1] for keys in same}
    labels = [keys[0] for keys in same if len({str(dataset.labels.get(key)) for key in keys}) > 1]

    def other(key):
        return " = " + "/".join(first[key])

    return [finding("duplicates", "no subject has a frame of another", across,
                    "yes; the net is tested on frames that it was trained on", "frames are in two subjects", other),
            finding("duplicates", "no two frames of a subject are the same", within,
                    "no; both are in the same fold", "frames of a subject occur twice", other),
            finding("duplicates", "none is labelled in two ways", labels,
                    "a little; one of the labels is wrong", "frames have two labels", other)]


def check_pspi_files(dataset):
    """A PSPI label for every frame, a frame for every label, and numbers in them."""
    bad = [key for key in dataset.frames if isinstance(dataset.labels.get(key), str)]
    missing = [key for key in dataset.frames if key not in dataset.labels]
    orphans = [key for key in dataset.labels if key not in dataset.frames]
    fractions = [key for key, value in dataset.labels.items() if isinstance(value, float) and value % 1]
    return [finding("PSPI labels", "one for each of %d frames" % len(dataset.frames), missing,
                    "yes; make align stops at a frame without a label", "frames have no PSPI label"),
            finding("PSPI labels", "none without a frame", orphans,
                    "yes, if frames are missing; make align does not look at the label alone", "labels have no frame"),
            finding("PSPI labels", "all are numbers 0..%d" % pspi.MAX_PSPI, bad, "yes; make align stops at them",
                    "labels cannot be used"),
            finding("PSPI labels", "all are whole numbers", fractions, "a little; they are rounded down to a class",
                    "labels are no whole numbers", lambda key: " is %g" % dataset.labels[key])]


def check_action_units(dataset):
    """Action units for every frame, and PSPI as their sum."""
    if not dataset.units:
        return [Finding("action units", "none (no Frame_Labels/FACS), so PSPI is not checked against them", None)]
    bad = [key for key, value in dataset.units.items() if isinstance(value, str)]
    missing = [key for key in dataset.frames if key not in dataset.units]
    both = [key for key in dataset.frames if isinstance(dataset.labels.get(key), float)
            and isinstance(dataset.units.get(key), dict)]
    sums = {key: pspi.pspi(*(dataset.units[key].get(au, 0) for au in (4, 6, 7, 9, 10, 43))) for key in both}
    wrong = [key for key in both if sums[key] != dataset.labels[key]]
    classes = [key for key in wrong if pspi.quantise(sums[key]) != pspi.quantise(dataset.labels[key])]
    return [finding("action units", "a file for each frame", missing, "no; only PSPI is used",
                    "frames have no FACS file"),
            finding("action units", "all can be read", bad, "no; only PSPI is used", "FACS files cannot be used"),
            finding("action units", "PSPI is what they add up to, in all %d frames" % len(both), wrong,
                    "yes; %d of them change class 0..5" % len(classes) if classes else
                    "no; none of them changes its class 0..5", "frames have another PSPI than their action units",
                    lambda key: " has %g, not %g" % (dataset.labels[key], sums[key]))]


def check_histogram(dataset):
    """The quantised intensities of the usable frames, and who shows no pain."""
    keys = usable(dataset)
    classes = [int(pspi.quantise(dataset.labels[key])) for key in keys]
    counts = tuple(np.bincount(classes, minlength=pspi.CLASSES).tolist())
    text = "intensities 0..%d: %s frames" % (pspi.CLASSES - 1, " ".join(map(str, counts)))
    pain = [key for key, c in zip(keys, classes) if c]
    without = len({key[:2] for key in keys}) - len({key[:2] for key in pain}), \
        len({key[0] for key in keys}) - len({key[0] for key in pain})
    calm = "%d videos and %d subjects show no pain" % without
    if not is_unbc(dataset):
        return [Finding("labels", text, None), Finding("labels", calm, None)]
    found = [Finding("labels", text + ", as known", None)] if counts == unbc.HISTOGRAM else [Finding(
        "labels", text + "; UNBC's: " + " ".join(map(str, unbc.HISTOGRAM)), "yes; other labels, other figures")]
    known = unbc.VIDEOS_WITHOUT_PAIN, unbc.SUBJECTS_WITHOUT_PAIN
    return found + [Finding("labels", calm + ", as known", None) if without == known else Finding(
        "labels", calm + "; of UNBC's, %d and %d" % known, "yes; PCC is undefined for those")]


def check_ratings(dataset):
    """A rating of each kind for every video."""
    if imported_name(dataset.root):
        return [Finding("ratings", "none, of whole videos; no figure uses them", None)]
    bad = [key for key, value in dataset.ratings.items() if isinstance(value, str)]
    return [finding("ratings", "a rating of each kind for every video", bad, "no; no figure uses them",
                    "ratings are wrong", lambda key: " " + dataset.ratings[key])]


def check_faces(dataset):
    """Frames in which no face was found."""
    if dataset.faces is None:
        return [Finding("faces", "not looked for; name --aligned after make align, or --faces to look now", None)]
    without = [key for key in dataset.frames if dataset.faces.get(key) is False]
    by_video = grouped((key[:2], dataset.faces[key]) for key in dataset.frames if key in dataset.faces)
    whole = sorted(video for video, found in by_video.items() if not any(found))
    unknown = [key for key, frame in dataset.frames.items()
               if frame.size and not frame.black and key not in dataset.faces]
    return [finding("faces", "one in each of %d frames" % len(dataset.faces), without,
                    "a little; their landmarks are taken from their neighbours", "frames show no face that is found"),
            finding("faces", "one in every video", whole, "yes; make align leaves these videos out",
                    "videos have no face at all"),
            finding("faces", "every frame was looked at", unknown, "yes; make align is of other data, run it again",
                    "frames were not looked at")]


CHECKS = (check_counts, check_lengths, check_images, check_duplicates, check_pspi_files, check_action_units,
          check_histogram, check_ratings, check_faces)
