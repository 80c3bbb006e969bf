"""The protocol of Labeled Faces in the Wild: features, pairs, ten sets."""
import numpy as np

from pain.errors import Problem
from pain.evaluation.face_features import extract, locate_faces, open_net
from pain.evaluation.lfw_pairs import find_images, read_pairs
from pain.evaluation.metrics import auroc
from pain.evaluation.verification import (
    accuracy,
    best_threshold,
    cosine,
    cross_validate,
    eer,
    fit_pca,
    roc,
    standard_error,
    tar_at_far,
)
from pain.faces.aligned_people import align_people
from pain.faces.photographs import list_people
from pain.files import write_csv
from pain.pieces.where import Here
from pain.plots import new_figure, save_figure

NET = "prototxt/face_verification.prototxt"
FARS = 0.1, 0.01, 0.001


def verify_faces(root, pairs_file, net_file, weights, aligned, seed=0, pca=None, jobs=1):
    """Score the pairs of `pairs_file`, images in the folder `root`. Returns measure()'s two, and `same` (N,) bool.

    weights: a caffemodel, or None for random ones of `seed`; aligned: the folder of aligned faces, made where it lacks
    some; pca: how many axes, or None. Raises Problem for whatever of these does not fit.
    """
    pairs, sets = read_pairs(pairs_file)
    people = list_people(root)
    images = find_images(root, people, pairs, pairs_file)
    net = open_net(net_file, weights, seed)
    first, second, same, of_set, _ = zip(*pairs)
    row = {key: i for i, key in enumerate(images)}
    left, right, same, of_set = map(np.array, ([row[key] for key in first], [row[key] for key in second], same, of_set))
    if pca is not None:
        check_pca(pca, sets, left, right, of_set, 2 * net.blobs["fc5"].data[0].size)
    align_people(root, aligned, {name: people[name] for name in dict.fromkeys(name for name, _ in images)}, Here(jobs))
    faces = list(locate_faces(root, aligned, images).values())
    features = extract(net, faces, weights or net_file)
    figures, scores = measure(same, score_pairs(features, left, right, of_set, sets, pca), of_set)
    return dict(figures, images=len(images), cropped=sum(face.crop for face in faces)), scores, same


def score_pairs(features, left, right, of_set, sets, pca=None):
    """The scores of all pairs, (sets, N): row i those with axes fitted without the pairs of set i.

    features: (M, D); left, right: (N,) rows of it, the two images of each pair; of_set: (N,) the pairs' sets.
    """
    if pca is None:
        return np.repeat(cosine(features[left], features[right])[None], sets, axis=0)
    scores = []
    for i in range(sets):
        others = of_set != i
        mean, axes = fit_pca(features[np.unique([left[others], right[others]])], pca)
        projected = (features - mean) @ axes
        scores.append(cosine(projected[left], projected[right]))
    return np.array(scores)


def check_pca(pca, sets, left, right, of_set, dimensions):
    """Raise Problem unless every set leaves enough images for so many axes."""
    if sets == 1:
        raise Problem("--pca %d: is fitted to the images of other sets, and these pairs are one set" % pca)
    most = min(dimensions, *(len(np.unique([left[of_set != i], right[of_set != i]])) - 1 for i in range(sets)))
    if not 1 <= pca <= most:
        raise Problem("--pca %d: takes 1 to %d here" % (pca, most))


def measure(same, scores, of_set):
    """All figures, a dict ready for JSON, and the scores they are of, (N,): each pair's where its set was left out."""
    sets = len(scores)
    held_out = scores[of_set, np.arange(len(same))]
    figures = {"pairs": len(same), "sets": sets}
    if sets == 1:
        threshold = best_threshold(same, held_out)
        figures.update(accuracy=accuracy(same, held_out, threshold), standard_error=None, thresholds=[threshold])
    else:
        accuracies, thresholds = cross_validate(same, scores, of_set)
        figures.update(accuracy=float(accuracies.mean()), standard_error=standard_error(accuracies),
                       accuracies=accuracies.tolist(), thresholds=thresholds.tolist())
    figures.update(auc=auroc(same.astype(int), held_out), eer=eer(same, held_out),
                   tar_at_far={"%g" % far: tar_at_far(same, held_out, far) for far in FARS})
    return figures, held_out


def lines_of(figures):
    """measure()'s figures for people, a list of lines."""
    how = ", at the best threshold for these very pairs: an upper bound"
    if figures["sets"] > 1:
        how = " +- %.2f %%, mean of %d sets and its standard error" % (
            100 * figures["standard_error"], figures["sets"])
    lines = ["  accuracy  %.2f %%%s" % (100 * figures["accuracy"], how), "  AUC       %.4f" % figures["auc"],
             "  EER       %.2f %%" % (100 * figures["eer"])]
    return lines + ["  TAR       %s at FAR %s" % (
        "%.2f %%" % (100 * tar) if tar == tar else "undefined, there are too few mismatched pairs,", far)
        for far, tar in figures["tar_at_far"].items()]


def write_roc(out, same, scores, title):
    """Write the ROC of the scores into the folder `out`: roc.csv, and roc.png with this title."""
    thresholds, far, tar = roc(same, scores)
    write_csv(out / "roc.csv", ("threshold", "far", "tar"), np.stack([thresholds, far, tar], axis=1).tolist())
    save_figure(draw_roc(far, tar, (~same).sum(), title), out / "roc.png", bbox_inches="tight", dpi=200)


def draw_roc(far, tar, mismatched, title):
    """The ROC over the logarithm of FAR, from one accepted pair of `mismatched` on. Returns a matplotlib Figure."""
    figure, (axes,) = new_figure(4, 3.2)
    axes.plot(np.maximum(far, 1 / mismatched), tar, drawstyle="steps-post", color="#0072b2", linewidth=1.4)
    axes.set(xscale="log", xlim=(1 / mismatched, 1), ylim=(0, 1.01), xlabel="false accept rate",
             ylabel="true accept rate")
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=8)
    return figure
