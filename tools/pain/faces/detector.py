"""MTCNN as the authors set it: the faces in an image, with five landmarks each."""
import contextlib
import math
import os
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
from PIL import Image

from pain.command import importing
from pain.errors import needed_for
from pain.faces.alignment import LANDMARKS

THRESHOLDS = 0.6, 0.7, 0.7
PYRAMID_FACTOR = 0.709
MIN_FACE = 100 / 240  # of the image's height
BATCH = 16  # frames MTCNN sees at a time
ENOUGH = 60  # pixels: images whose smallest face has a multiple of them are reduced by that, for MTCNN looks at 48
ALIGNED = 64  # bytes, of which addresses of TensorFlow's tensors are multiples
LEAST_SHARE = 1e-6  # that counts, of the last net's two: face or none


class Face(NamedTuple):
    """A face that was found in an image, in the image's pixels, of which the first is 0."""

    box: np.ndarray  # (4,) x, y, width, height
    confidence: float  # 0..1
    landmarks: np.ndarray  # (5, 2) x, y in the order of LANDMARKS


class FaceDetector:
    """MTCNN as the authors set it, on `threads` cores. Loads TensorFlow, so make one a process.

    min_face: the smallest face looked for, as a share of the image's height.
    """

    SEES = 48  # pixels either way of what its last net is given

    def __init__(self, threads, min_face=MIN_FACE):
        self.min_face, self.mtcnn, self.pixels = min_face, None, None
        with needed_for("finding faces"), importing():
            self.old = version("mtcnn").startswith("0.")  # what Python 3.8 can have
            set_up_tensorflow(threads)
            if not self.old:
                self.mtcnn = as_graphs(patched_mtcnn().MTCNN())

    def __call__(self, images):
        """The Face nearest each image's centre, or None where there is none. images: as for faces()."""
        return [min(faces, key=lambda face: np.linalg.norm(centre(face.box) - np.array(image.shape[1::-1]) / 2),
                    default=None) for image, faces in zip(images, self.faces(images))]

    def faces(self, images, smallest=None):
        """All faces in each of the images, a list of Face an image.

        images: list of (height, width, 3) uint8 arrays, RGB, of any sizes; what is found in one depends on no other.
        smallest: pixels of the smallest face looked for, in the place of min_face.
        """
        faces_of = [None] * len(images)
        for batch in batches([image.shape for image in images]):
            alike = [images[i] for i in batch]
            for i, faces in zip(batch, (self._detect_old if self.old else self._detect)(
                    alike, smallest or self.min_face * alike[0].shape[0])):
                faces_of[i] = faces
        return faces_of

    def log_odds(self, patches):
        """How sure MTCNN's last net is that each of some patches, (N, SEES, SEES, 3) uint8 RGB, is a face: (N,)."""
        import tensorflow
        last_net = self.mtcnn.get_stage(stage_id=3).model
        *_, shares = last_net((tensorflow.cast(patches, tensorflow.float32) - 127.5) / 128)
        other, face = np.clip(np.float64(shares), LEAST_SHARE, 1).T
        return np.log(face / other)

    def _detect(self, images, smallest):
        reduced = max(1, int(smallest // ENOUGH))
        rows = np.asarray(self.mtcnn.detect_faces(
            [image if reduced == 1 else np.asarray(Image.fromarray(image).reduce(reduced)) for image in images],
            output_type="numpy", fit_to_image=False, min_face_size=smallest / reduced, scale_factor=PYRAMID_FACTOR,
            threshold_pnet=THRESHOLDS[0], threshold_rnet=THRESHOLDS[1], threshold_onet=THRESHOLDS[2])).reshape(-1, 16)
        rows[:, [*range(1, 5), *range(6, 16)]] *= reduced
        rows[:, [1, 2, *range(6, 16)]] += (reduced - 1) / 2  # the first pixel's middle is that of a block's
        return [[Face(row[1:5], row[5], row[6:].reshape(2, 5).T) for row in rows[rows[:, 0] == i]]
                for i in range(len(images))]

    def _detect_old(self, images, smallest):
        from mtcnn import MTCNN
        if self.pixels != smallest:
            self.pixels = smallest
            self.mtcnn = MTCNN(min_face_size=self.pixels, steps_threshold=list(THRESHOLDS),
                               scale_factor=PYRAMID_FACTOR)
        return [[Face(np.array(face["box"]), face["confidence"],
                      np.array([face["keypoints"][name] for name in LANDMARKS]))
                 for face in self.mtcnn.detect_faces(image)] for image in images]


def set_up_tensorflow(threads):
    """Have this process's TensorFlow run quietly, repeatably, and a net on so many cores. Sets two environment
    variables.

    TensorFlow announces its faster but less repeatable kernels on stderr; without them it is quiet and as fast. Where
    it runs already, it stays in the threads of the process's first detector.
    """
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0")
    import tensorflow
    with contextlib.suppress(RuntimeError):
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(os.cpu_count() or 1)  # nets of several threads


def patched_mtcnn():
    """The package mtcnn 1.0 with two of its functions replaced: image_pyramid() and normalized() say why."""
    import mtcnn
    mtcnn.stages.stage_pnet.build_scale_pyramid = image_pyramid
    mtcnn.mtcnn.standarize_batch = normalized
    return mtcnn


def as_graphs(mtcnn):
    """An MTCNN with its nets as TensorFlow's graphs, which give the same bits in three fifths of the time."""
    import tensorflow
    for stage, side in zip(mtcnn.stages, (None, 24, FaceDetector.SEES)):
        stage._model = tensorflow.function(stage.model, [tensorflow.TensorSpec((None, side, side, 3))],
                                           autograph=False)  # which leaves files where a process is killed
    return mtcnn


def image_pyramid(width, height, min_face_size, scale_factor, min_size=12):
    """The scales at which MTCNN's first net looks for faces, largest first.

    In the place of mtcnn 1.0's own, which goes on to images smaller than the net's window, fails there, and reports
    no face at all whenever min_face_size is much above its default of 20.
    """
    count = np.floor(np.log(min_face_size / min(width, height)) / np.log(scale_factor)) + 1
    return min_size / min_face_size * scale_factor ** np.arange(max(count, 0))


def normalized(images, **_):
    """What MTCNN's nets take: images (N x height x width x 3) of one shape, -1..1; their shapes, and no padding.

    In the place of mtcnn 1.0's own, whose float64 array is copied into TensorFlow anew for every scale and every net:
    three quarters of the time. The values are the same to the bit, for float32 has room for them.
    """
    import tensorflow
    pixels = room_for((len(images), *images[0].shape))
    for image, of_image in zip(images, pixels):  # while it is in the cache: twice as quick as all at once
        np.multiply(image, 1 / 128, out=of_image, dtype=np.float32)
        of_image -= 127.5 / 128
    return (tensorflow.constant(Handed(pixels)), np.array([image.shape for image in images]),
            np.zeros((len(images), 3, 2), int))


def room_for(shape):
    """An array of this shape, float32, with nothing in it yet, in memory that TensorFlow can use as it is."""
    size = 4 * math.prod(shape)
    room = np.empty(size + ALIGNED, np.uint8)
    start = -room.ctypes.data % ALIGNED
    return room[start:start + size].view(np.float32).reshape(shape)


class Handed:
    """An array that nobody writes to any more. np.ndarrays, to which somebody may, are copied by TensorFlow."""

    def __init__(self, array):
        self._array = array

    def __array__(self, *_, **__):
        return self._array


def batches(shapes):
    """The numbers of the images, whose shapes these are, in lists of at most BATCH of one shape.

    MTCNN pads images of several sizes to the largest, and then finds other faces in them.
    """
    of_shape = {}
    for i, shape in enumerate(shapes):
        of_shape.setdefault(shape, []).append(i)
    return [same[start:start + BATCH] for same in of_shape.values() for start in range(0, len(same), BATCH)]


def centre(box):
    """The centre (2,) x, y of a box (4,) x, y, width, height."""
    return box[:2] + box[2:] / 2


def detect(detector, images):
    """The Face that `detector` finds in each of `images`, or None; images: arrays, or str where one cannot be used."""
    usable = [i for i, image in enumerate(images) if not isinstance(image, str)]
    faces = dict(zip(usable, detector([images[i] for i in usable])))
    return [faces.get(i) for i in range(len(images))]
