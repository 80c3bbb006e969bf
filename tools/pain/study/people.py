"""The people in a study's curves: what each comes to in each video, in figures of pain/video/summary.py."""
from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pain.errors import Problem
from pain.files import read_json, rounded
from pain.folders import files_below, natural
from pain.notice import nets_line, short_notice
from pain.provenance import Origin
from pain.study.sketch import Sketch, sketch_of
from pain.video.curve import DOUBTS, about_file, as_cell, video_of
from pain.video.episodes import THRESHOLDS
from pain.video.smoothing import Filter
from pain.video.summary import summary
from pain.video.whole_curve import read_curve
from pain.video_names import NamePattern, said_by

SETTINGS = "models", "min_face", "gap", "track", "calibration"  # of curve.about.json, which should be alike in a study


class StudyPerson(NamedTuple):
    """A person in a video, or nobody: a row of the study."""

    video: str  # as the column of curve.csv
    curve: str  # its folder, below the study's
    person: int  # as in curve.csv; 0 where there is nobody
    paths: tuple[str, ...]  # what the video and its curve are called
    said: dict[str, str]  # by these: {"sub": "01"}
    figures: dict[str, Any]  # by their columns
    made_with: dict[str, Any]  # settings that should be alike in a study
    origin: Origin  # of the nets
    about: dict[str, Any]  # what the curve is of
    damage: str  # what was wrong with the video, or ""
    sketch: Sketch


def find_curves(folders: Sequence[Path | str]) -> dict[str, Path]:
    """The curves in folders and all folders below them, {name: folder}, in natural order.

    A folder counts where a curve has been begun. Raises Problem if there is none in one of them.
    """
    found = {}
    for folder in map(Path, folders):
        files = [path for name in ("curve.csv", about_file("curve.csv").name) for path in files_below(folder, name)]
        if not files:
            raise Problem("%s: no curve.csv in it or in folders below; tools/predict_video.py makes them" % folder)
        for path in sorted({path.parent for path in files}, key=lambda path: natural(str(path))):
            name = path.relative_to(folder).as_posix() if path != folder else folder.resolve().name
            if found.setdefault(name, path).resolve() != path.resolve():
                raise Problem("%s and %s: two curves of one name; name the folder that both are in" % (
                    found[name], path))
    return found


def people_of(name: str, folder: Path, thresholds: Sequence[float] = THRESHOLDS, smoothing: Filter | None = None,
              pattern: NamePattern | None = None) -> list[StudyPerson]:
    """Whoever is in the curve in a folder, one with person 0 if nobody is. Raises Problem when it is no whole curve.

    smoothing: smooth it by this Filter, whatever it was smoothed by; pattern: of the names of videos.
    """
    curve = read_curve(folder)
    if not curve.rows:
        raise Problem("%s: no frame in it yet; tools/predict_video.py goes on with it" % (folder / "curve.csv"))
    if smoothing:
        curve = curve.smoothed(*smoothing)
    paths = tuple(dict.fromkeys(filter(None, (str(curve.about.get("source") or ""), name))))
    said = next(filter(None, (said_by(path, pattern) for path in (name, paths[0]))), {})
    made = summary(curve.about, curve.rows, thresholds)
    beside = dict(smoothing="%s:%g" % curve.filter if curve.filter else None, finished=finished(folder),
                  nets=nets_line(curve.origin) if curve.origin.training else None, notice=short_notice(curve.origin))
    made_with = dict({key: curve.about.get(key) for key in SETTINGS}, smoothing=beside["smoothing"])
    if isinstance(made_with["models"], dict):  # wherever their files lie
        made_with["models"] = sorted(map(str, made_with["models"].values()))
    return [StudyPerson(video_of(curve.about) or as_cell(name), as_cell(name), person["person"], paths, said,
                        dict(figures(made, person), **beside), made_with, curve.origin, curve.about, damage_of(folder),
                        sketch_of(curve.rows, person["person"]))
            for person in made["people"] or [nobody(made["frames"], thresholds)]]


def damage_of(folder):
    """What curve.about.json says was wrong with the video, or ""."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return str(read_json(about_file(folder / "curve.csv")).get("damage") or "")
    return ""


def nobody(frames, thresholds):
    """Of a summary the person of a video in which nobody is."""
    at = dict(seconds=None, share=None, episodes=[])
    return dict(person=0, of=None, doubts={}, elsewhere_s=[], peak=None,
                frames=dict(found=0, interpolated=0, without_face=frames, doubted=0, with_intensity=0),
                **dict.fromkeys(("seconds_with_intensity", "mean", "median", "percentile_95", "area")),
                thresholds=[dict(at, at_least=threshold) for threshold in thresholds])


def finished(folder):
    """Whether the command has come to the video's end: "yes", "no", or None where that is not known."""
    if (folder / "curve.json").exists():
        return "yes"
    return "no" if about_file(folder / "curve.csv").exists() else None


def figures(made: dict, person: dict) -> dict:
    """A person's figures by their columns; None is undefined. made: a summary(); person: one of its people."""
    count, peak = person["frames"], person["peak"] or {}
    shares = dict(found=count["found"], interpolated=count["interpolated"], none=count["without_face"],
                  doubted=count["doubted"], **{"doubted_" + why: person["doubts"].get(why, 0) for why in DOUBTS},
                  intensity=count["with_intensity"])
    above = {}
    for at in person["thresholds"]:
        above.update(above_threshold(at))
    return dict(
        duration_s=made["duration_s"], frames=made["frames"],
        **{name + "_share": rounded(share / made["frames"]) for name, share in shares.items()},
        elsewhere=len(person["elsewhere_s"]), intensity_s=person["seconds_with_intensity"],
        mean=person["mean"], median=person["median"], peak=peak.get("intensity"), peak_at_s=peak.get("media_time_s"),
        percentile_95=person["percentile_95"], area=person["area"], **above, of=person["of"])


def above_threshold(at):
    """The columns of a threshold. at: one of a person's thresholds in a summary."""
    known, episodes = at["seconds"] is not None, at["episodes"]
    lengths = [episode["offset_s"] - episode["onset_s"] for episode in episodes]
    columns = dict(s=at["seconds"], share=at["share"], episodes=len(episodes) if known else None,
                   episodes_s=rounded(sum(lengths)) if known else None,
                   longest_s=rounded(max(lengths)) if episodes else None,
                   first_onset_s=episodes[0]["onset_s"] if episodes else None)
    start = "above_%s_" % ("%g" % at["at_least"]).replace(".", "_")
    return {start + name: value for name, value in columns.items()}
