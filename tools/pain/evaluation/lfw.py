"""The protocol of Labeled Faces in the Wild: pairs, features, ten sets."""
from collections import namedtuple
from pathlib import Path

import caffe
import numpy as np

from pain.datasets.black_frames import read_frame
from pain.datasets.lmdbs import HEIGHT, WIDTH
from pain.errors import Problem
from pain.evaluation.metrics import auroc
from pain.evaluation.verification import (
    accuracy,
    best_threshold,
    cosine,
    cross_validate,
    eer,
    fit_pca,
    standard_error,
    tar_at_far,
)
from pain.faces.aligned_people import align_people, aligned_name, list_people, read_faces
from pain.faces.alignment import TEMPLATE, align
from pain.nets import build_net, load_net
from pain.people_tables import decode
from pain.plots import new_figure
from pain.progress import progress

NET = "prototxt/face_verification.prototxt"
BATCH = 64  # images the net sees at a time
FARS = 0.1, 0.01, 0.001
# LFW's images are 2.2 times as wide and high as the box in their middle in which Viola and Jones' detector found a
# face (Huang et al. 2007). An aligned face is 1.25 times as high as such a box, and its middle a tenth of it above the
# box's, measured with scikit-image's detector on drawn faces.
CROP, RISE = 1.25 / 2.2, 0.1 / 2.2

# Two images, (name, number) each, whether they show one person, the pair's set from 0, and its line in the file.
Pair = namedtuple("Pair", "first second same set line")


def read_pairs(path):
    """The pairs of a pairs.txt, a list of Pair, and the number of sets. Raises Problem naming the line at fault."""
    try:
        lines = decode(Path(path).read_bytes(), path).rstrip().splitlines() or [""]
    except FileNotFoundError:
        raise Problem("%s: no such file; it lists the pairs to compare, as LFW's does" % path) from None
    numbers = [int(word) if word.isdecimal() else 0 for word in lines[0].split()]
    if len(numbers) not in (1, 2) or not all(numbers):
        raise Problem("%s: line 1: %r is not the numbers of sets and of matched pairs in each, as `10 300`"
                      % (path, lines[0][:40]))
    sets, count = numbers if len(numbers) == 2 else (1, *numbers)
    if len(lines) - 1 != 2 * sets * count:
        raise Problem("%s: line 1: %d sets of %d matched and %d mismatched pairs are %d lines, and %d follow"
                      % (path, sets, count, count, 2 * sets * count, len(lines) - 1))
    pairs = [read_pair(text, i // count % 2 == 0, i // count // 2, i + 2, path) for i, text in enumerate(lines[1:])]
    return pairs, sets


def read_pair(text, same, of_set, line, path):
    """The Pair in one line of pairs.txt. Raises Problem when it is none, or of the other kind than `same`."""
    words = [word.strip() for word in text.split("\t")] if "\t" in text else text.split()
    expected = "NAME I J, a matched pair" if same else "NAME I NAME J, a mismatched pair"
    if len(words) != (3 if same else 4):
        raise Problem("%s: line %d: %r is not %s" % (path, line, text[:80], expected))
    first, second = (words[0], words[1]), (words[0] if same else words[2], words[-1])
    if not (first[1].isdecimal() and second[1].isdecimal()):
        raise Problem("%s: line %d: %r is not %s" % (path, line, text[:80], expected))
    if first == second or (first[0] == second[0]) != same:
        raise Problem("%s: line %d: %r is %s" % (path, line, text[:80], "an image and itself" if same
                                                 else "a pair of one person among the mismatched"))
    return Pair((first[0], int(first[1])), (second[0], int(second[1])), same, of_set, line)


def find_images(root, people, pairs, path):
    """The images in the pairs: {(name, number): the image's file name}, in the pairs' order.

    people: as list_people() has them. Raises Problem, naming the line of `path`, for one that is not there.
    """
    stems = {name: {Path(image).stem: image for image in reversed(list(images))} for name, images in people.items()}
    found = {}
    for pair in pairs:
        for name, number in pair.first, pair.second:
            if name not in stems:
                raise Problem("%s: line %d: there is no folder %s in %s" % (path, pair.line, name, root))
            stem = "%s_%04d" % (name, number)
            if stem not in stems[name]:
                raise Problem("%s: line %d: there is no image %s in %s" % (path, pair.line, stem, Path(root) / name))
            found[name, number] = stems[name][stem]
    return found


def centre_crop(image):
    """The middle of an image (height, width, 3), where in LFW the face is, as an aligned face (112, 96, 3)."""
    height, width = image.shape[:2]
    side = min(height, width)
    middle = np.array([(width - 1) / 2, (height - 1) / 2 - RISE * side])
    return align(image, middle + CROP * side / HEIGHT * (TEMPLATE - np.array([WIDTH - 1, HEIGHT - 1]) / 2))


def locate_faces(root, aligned, images):
    """How to get each image's aligned face: {key: (path, whether it has to be cropped from there)}."""
    status = {(name, row.image): row.status for name in {name for name, _ in images}
              for row in read_faces(aligned, name)}
    return {(name, number): (Path(aligned) / aligned_name(name, image), False) if status[name, image] == "detected"
            else (Path(root) / name / image, True) for (name, number), image in images.items()}


def read_face(path, crop):
    """An aligned face as the net takes it: (3, 112, 96) uint8, BGR. Raises Problem when the file cannot be used."""
    image = read_frame(path)
    if isinstance(image, str):
        raise Problem("%s: %s; %s" % (path, image, "every pair is scored, so replace it or take its pairs out" if crop
                                      else "remove it and run the command again"))
    image = centre_crop(image) if crop else image
    return image[:, :, ::-1].transpose(2, 0, 1)


def open_net(net_file, weights, seed):
    """The deploy net, with the weights or, without any, with random ones of `seed`.

    Raises Problem for a net without `pixels` and `fc5`, or weights of another one.
    """
    caffe.set_random_seed(seed)
    net = load_net(net_file, weights, ["deploy"]) if weights else build_net(net_file, ["deploy"])
    if not {"pixels", "fc5"} <= set(net.blobs) or tuple(net.blobs["pixels"].data.shape[1:]) != (3, HEIGHT, WIDTH):
        raise Problem("%s: does not make `fc5` of `pixels`, 3x%dx%d, in stage deploy; name a face verification net"
                      % (net_file, HEIGHT, WIDTH))
    return net


def extract(net, faces, where):
    """The features of each face and its mirror image, side by side: (N, 2 D) float64, all finite and no row zero.

    faces: locate_faces()'s values. Raises Problem, naming `where` the weights are from, when they are none.
    """
    net.blobs["pixels"].reshape(BATCH, 3, HEIGHT, WIDTH)
    net.reshape()
    features = []
    for start in progress(range(0, len(faces), BATCH), unit="batch", desc="features"):
        pixels = np.stack([read_face(*face) for face in faces[start:start + BATCH]])
        halves = []
        for some in pixels, pixels[..., ::-1]:
            net.blobs["pixels"].data[:len(some)] = some
            net.forward()
            halves.append(net.blobs["fc5"].data[:len(some)].reshape(len(some), -1).astype(float))
        features.append(np.hstack(halves))
    features = np.concatenate(features)
    bad = np.flatnonzero(~(np.isfinite(features).all(axis=1) & features.any(axis=1)))
    if len(bad):
        raise Problem("%s: the features of %d images, first of %s, are 0 or no numbers; take another model"
                      % (where, len(bad), faces[bad[0]][0]))
    return features


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


def draw_roc(far, tar, mismatched, title):
    """The ROC over the logarithm of FAR, from one accepted pair of `mismatched` on. Returns a matplotlib Figure."""
    figure, (axes,) = new_figure(4, 3.2)
    axes.plot(np.maximum(far, 1 / mismatched), tar, drawstyle="steps-post", color="#0072b2", linewidth=1.4)
    axes.set(xscale="log", xlim=(1 / mismatched, 1), ylim=(0, 1.01), xlabel="false accept rate",
             ylabel="true accept rate")
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=8)
    return figure


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
    align_people(root, aligned, {name: people[name] for name in dict.fromkeys(name for name, _ in images)}, jobs)
    faces = list(locate_faces(root, aligned, images).values())
    features = extract(net, faces, weights or net_file)
    figures, scores = measure(same, score_pairs(features, left, right, of_set, sets, pca), of_set)
    return dict(figures, images=len(images), cropped=sum(crop for _, crop in faces)), scores, same
