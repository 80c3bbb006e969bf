"""A variant's predictions smoothed in time: what a net that looks at several frames has to beat."""
import json
from pathlib import Path

from scipy.ndimage import gaussian_filter1d

from pain.datasets.pspi import CLASSES
from pain.errors import Problem
from pain.evaluation.protocols import scored
from pain.evaluation.results import COLUMNS
from pain.evaluation.side_by_side import sort
from pain.files import making, write_csv
from pain.provenance import read_origin, write_origin

ROW = "smoothed"  # of the tables
SIGMAS = 0, 1, 2, 4, 8, 16, 32  # frames, of Gaussians


def smoothed(result, sigma):
    """`result`, its frames in order, each video's predictions smoothed by a Gaussian of `sigma` frames."""
    result = sort(result)
    if not sigma:
        return result
    return result._replace(videos=[video._replace(prediction=gaussian_filter1d(video.prediction, sigma, mode="nearest"))
                                   for video in result.videos])


def choose_sigma(result, left_out):
    """The one of SIGMAS with the least MSE, a mean over all subjects not in `left_out`. Raises Problem without others.
    """
    others = result._replace(videos=[video for video in result.videos if video.subject not in left_out])
    if not others.videos:
        raise Problem("%s: predictions of %s alone, so nothing to choose a smoothing by; predict all folds"
                      % (result.path, ", ".join(left_out)))
    return min(SIGMAS, key=lambda sigma: scored(smoothed(others, sigma), "subject", CLASSES - 1, ["mse"]).values.mean())


def predict_smoothed(result, fold, left_out, models):
    """Write the smoothed predictions of whom a fold leaves out, and the sigma that the others' have chosen.

    result: the variant's, of all folds; fold: the folder of the fold's predictions.csv; models: where the row goes
    """
    sigma = choose_sigma(result, left_out)
    with making(Path(models) / ROW / fold.name) as partial:
        write_csv(partial / "predictions.csv", COLUMNS, [
            (video.subject, video.video, frame, "%.9g" % label, "%.6f" % value)
            for video in smoothed(result, sigma).videos if video.subject in left_out
            for frame, label, value in zip(video.frames, video.label, video.prediction)])
        write_origin(partial / "predictions.csv", read_origin(fold / "predictions.csv"))
        (partial / "smoothing.json").write_text(json.dumps({"sigma": sigma}) + "\n")
