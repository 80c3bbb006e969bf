"""The features of faces by which a verification net tells people apart."""
from pathlib import Path
from typing import NamedTuple

import caffe
import numpy as np

from pain.datasets.black_frames import read_frame
from pain.datasets.lmdbs import HEIGHT, WIDTH
from pain.errors import Problem
from pain.faces.aligned_people import aligned_name, read_faces
from pain.faces.alignment import TEMPLATE, align
from pain.nets import build_net, load_net
from pain.progress import progress

BATCH = 64  # images the net sees at a time
# LFW's images are 2.2 times as wide and high as the box in their middle in which Viola and Jones' detector found a
# face (Huang et al. 2007). An aligned face is 1.25 times as high as such a box, and its middle a tenth of it above the
# box's, measured with scikit-image's detector on drawn faces.
CROP, RISE = 1.25 / 2.2, 0.1 / 2.2


class Located(NamedTuple):
    """Where an aligned face is to be had: an image, and whether the face has to be cropped from its middle."""
    path: Path
    crop: bool


def locate_faces(root, aligned, images):
    """Where each image's aligned face is: {key: Located}."""
    status = {(name, row.image): row.status for name in {name for name, _ in images}
              for row in read_faces(aligned, name)}
    return {(name, number): Located(Path(aligned) / aligned_name(name, image), False)
            if status[name, image] == "detected" else Located(Path(root) / name / image, True)
            for (name, number), image in images.items()}


def read_face(path, crop):
    """An aligned face as the net takes it: (3, 112, 96) uint8, BGR. Raises Problem when the file cannot be used."""
    image = read_frame(path)
    if isinstance(image, str):
        raise Problem("%s: %s; %s" % (path, image, "every pair is scored, so replace it or take its pairs out" if crop
                                      else "remove it and run the command again"))
    image = centre_crop(image) if crop else image
    return image[:, :, ::-1].transpose(2, 0, 1)


def centre_crop(image):
    """The middle of an image (height, width, 3), where in LFW the face is, as an aligned face (112, 96, 3)."""
    height, width = image.shape[:2]
    side = min(height, width)
    middle = np.array([(width - 1) / 2, (height - 1) / 2 - RISE * side])
    return align(image, middle + CROP * side / HEIGHT * (TEMPLATE - np.array([WIDTH - 1, HEIGHT - 1]) / 2))


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

    faces: a list of Located. Raises Problem, naming `where` the weights are from, when they are none.
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
                      % (where, len(bad), faces[bad[0]].path))
    return features
