"""OSVR fold by fold on aligned faces: subjects' frames predicted by what the other subjects' videos have taught."""
from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import NamedTuple, Sequence

import numpy as np

from pain.baselines.features import VERSION, aam_file, video_features
from pain.baselines.ordinal_rows import apex_of
from pain.baselines.osvr import OSVR
from pain.baselines.projection import Projection
from pain.datasets.folds import subjects_left_out
from pain.datasets.frames_csv import fingerprint_of, read_frames
from pain.errors import Problem
from pain.evaluation.metrics import pcc
from pain.evaluation.results import COLUMNS
from pain.files import fingerprint, making, read_json, write_csv
from pain.pieces.piece import PROCESS, Piece
from pain.progress import write
from pain.provenance import Data, Origin, read_origin, write_origin


class LabelledVideo(NamedTuple):
    """A video's aligned frames."""
    subject: str
    video: str
    rows: list  # of frames.csv, dicts of str, of the frames that were aligned
    labels: np.ndarray  # (T,) int, 0..5


class FoldModel(NamedTuple):
    """What a fold was learned with.

    gamma: two floats; model: the fitted OSVR; projection: that of its features; validation: {gamma: mean PCC}, or {}
    """
    gamma: tuple
    model: OSVR
    projection: Projection
    validation: dict


def read_videos(frames_csv: str | Path) -> list[LabelledVideo]:
    """The videos of frames.csv in its order, without those of which no frame was aligned. Raises as read_frames()."""
    videos = {}
    for frame in read_frames(frames_csv):
        if frame.is_aligned:
            videos.setdefault((frame.subject, frame.video), []).append(frame)
    return [LabelledVideo(*names, [frame.row for frame in frames], np.array([frame.label for frame in frames]))
            for names, frames in videos.items()]


def supervision(labels: np.ndarray, key_frames: bool) -> np.ndarray:
    """Rows of frame and label, (K, 2): of all frames, or of the first, the apex and the last."""
    frames = np.arange(len(labels))
    if key_frames:
        frames = np.unique([0, apex_of(frames, labels), len(labels) - 1])
    return np.column_stack([frames, labels[frames]])


def learn(videos: Sequence[LabelledVideo], sequences: Sequence[np.ndarray], model: OSVR, key_frames: bool) -> OSVR:
    """`model` fitted to videos. sequences: their projected features."""
    return model.fit(sequences, [supervision(video.labels, key_frames) for video in videos])


def validate(videos, features, gammas, groups, make, key_frames) -> dict:
    """{gamma: the mean PCC of subjects left out in turn, in so many groups}. make: gamma -> OSVR.

    Subjects whose PCC is undefined, such as those without pain, are left out of the mean; it is NaN if all are. Raises
    Problem when there are too few subjects.
    """
    subjects = list(dict.fromkeys(video.subject for video in videos))
    if len(subjects) < 2:
        raise Problem("--choose: takes two training subjects or more, three in all; give --gamma")
    scores = {gamma: [] for gamma in gammas}
    for group in range(min(groups, len(subjects))):
        held = set(subjects[group::groups])
        inside = [i for i, video in enumerate(videos) if video.subject not in held]
        projection = Projection().fit([features[i] for i in inside])
        sequences = list(map(projection.transform, features))
        for gamma in gammas:
            model = learn([videos[i] for i in inside], [sequences[i] for i in inside], make(gamma), key_frames)
            for subject in sorted(held):
                own = [i for i, video in enumerate(videos) if video.subject == subject]
                predicted = [model.predict(sequences[i]) for i in own]
                scores[gamma].append(pcc(np.concatenate([videos[i].labels for i in own]), np.concatenate(predicted)))
    return {gamma: float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")
            for gamma, values in scores.items()}


def learn_fold(videos, features, left_out, gammas, groups, make, key_frames) -> FoldModel:
    """The FoldModel without the subjects `left_out`. gammas: one, or those that nested folds choose among.

    Raises Problem when there are no such subjects, nobody else, or nothing to learn from or choose by.
    """
    inside = [i for i, video in enumerate(videos) if video.subject not in left_out]
    absent = sorted(set(left_out) - {video.subject for video in videos})
    if absent or not inside:
        raise Problem("subject %s: %s; run `make folds` again" % (
            (absent or left_out)[0], "no aligned frames" if absent else "there are no others"))
    videos, features = [videos[i] for i in inside], [features[i] for i in inside]
    validation = {}
    if len(gammas) > 1:
        validation = validate(videos, features, gammas, groups, make, key_frames)
        if np.isnan(list(validation.values())).all():
            raise Problem("--choose: no training subject's PCC is defined; give --gamma")
        gammas = [max(validation, key=lambda gamma: np.nan_to_num(validation[gamma], nan=-2))]
    projection = Projection().fit(features)
    model = learn(videos, list(map(projection.transform, features)), make(gammas[0]), key_frames)
    return FoldModel(gammas[0], model, projection, validation)


def made_from(aligned: str | Path, archive: str | Path | None, settings: dict) -> dict:
    """What a fold's predictions are a function of, as JSON has it. archive: as for video_features()."""
    frames_csv = Path(aligned) / "frames.csv"
    frames = [frame for frame in read_frames(frames_csv) if frame.is_aligned]
    points = [aam_file(archive, frame.subject, frame.video, frame.row["frame"]) for frame in frames if archive]
    return json.loads(json.dumps(dict(
        settings, frames=fingerprint(frames_csv), images=fingerprint_of(aligned, [frame.image for frame in frames]),
        points=fingerprint(*filter(Path.exists, points)), features=VERSION)))


def is_made(folder: Path, made: dict) -> bool:
    """Whether a fold's predictions are there, made from the same."""
    try:
        return read_json(folder / "osvr.json")["made_from"] == made and (
            folder / "predictions.csv").exists()
    except (OSError, ValueError, KeyError, TypeError):
        return False


class Inputs:
    """What all folds are learned from. aligned, cache: folders, of faces and of features; archive: a folder with
    AAM_landmarks, or None; settings: as made_from() has them.
    """

    def __init__(self, aligned, cache, archive, settings):
        self.aligned, self.cache, self.archive, self.settings = Path(aligned), Path(cache), archive, settings
        self.read = self.made = None  # what was read once

    def __getstate__(self):
        return dict(vars(self), read=None, made=None)

    def videos(self) -> list[LabelledVideo]:
        """The aligned videos."""
        return read_videos(self.aligned / "frames.csv")

    def features_of(self, video: LabelledVideo) -> dict:
        """A video's, {kind: (T, n) float32}, made where there are none."""
        return video_features(self.aligned, video.rows, self.cache, self.archive)

    def videos_and_features(self) -> tuple:
        """videos(), and features_of() each, read once."""
        if not self.read:
            videos = self.videos()
            self.read = videos, [self.features_of(video) for video in videos]
        return self.read

    def made_from(self) -> dict:
        """made_from() of these."""
        self.made = self.made or made_from(self.aligned, self.archive, self.settings)
        return self.made


class VideoFeatures(Piece):
    """The features of a video as a piece."""

    unit, how = "video", PROCESS

    def __init__(self, video, inputs):
        super().__init__("%s/%s" % (video.subject, video.video), [inputs.aligned / video.subject / video.video],
                         [inputs.cache / video.subject])
        self.video, self.common = video, inputs

    def done(self):
        return 0  # whether they are of these frames, only their making can tell

    def run(self, means):
        self.common.features_of(self.video)
        means.update(1)


class Fold(Piece):
    """A fold learned and predicted, as a piece. fold: its folder; p: OSVR's loss, 1 or 2; models: where rows go."""

    unit = "fold"

    def __init__(self, fold, p, inputs, models):
        self.folder = Path(models) / ("osvr_l%d" % p) / fold.name
        super().__init__(str(self.folder), [inputs.aligned / "frames.csv", fold / "train.txt"],
                         [self.folder / "predictions.csv"])
        self.fold, self.p, self.common = fold, p, inputs

    def done(self):
        return int(is_made(self.folder, self.common.made_from()))

    def run(self, means):
        settings, left_out = self.common.settings, subjects_left_out(self.fold)
        videos, features = self.common.videos_and_features()

        def make(gamma):
            return OSVR(p=self.p, gamma=gamma, converged=settings["converged"])
        learned = learn_fold(videos, features, left_out, settings["gammas"], settings["groups"], make,
                             settings["key_frames"])
        write_fold(self.folder, self.common.made_from(), read_origin(self.fold / "train.txt").data, learned, videos,
                   features, left_out)
        write("%s: gamma %g %g, %d features, %d iterations" % (
            self.folder, *learned.gamma, learned.model.n_features_in_, learned.model.n_iter_))
        means.update(1)


def write_fold(folder: Path, made: dict, data: Data, fold: FoldModel, videos, features, left_out) -> None:
    """Write the fold's predictions.csv, its record of origin and osvr.json, how they came about: all or none.

    folder: models/<row>/NN-subject; data: what the fold's training frames are; left_out: the subjects to predict
    """
    with making(folder) as partial:
        write_csv(partial / "predictions.csv", COLUMNS, [
            (video.subject, video.video, row["frame"], label, "%.6f" % value)
            for video, of_video in zip(videos, features) if video.subject in left_out
            for row, label, value in zip(video.rows, video.labels,
                                         fold.model.predict(fold.projection.transform(of_video)))])
        write_origin(partial / "predictions.csv", Origin(data, folder.parent.name, fold.model.n_iter_,
                                                         date=datetime.date.today().isoformat()))
        (partial / "osvr.json").write_text(json.dumps({
            "made_from": made, "gamma": fold.gamma, "iterations": fold.model.n_iter_,
            "objective": fold.model.objective_, "features": fold.model.n_features_in_,
            "validation": [[*gamma, None if np.isnan(score) else score] for gamma, score in fold.validation.items()],
        }, indent=1) + "\n")
