"""Slim nets, LMDBs and folds of noise, and a Python layer in a net of its own."""
import sys
import tempfile

import caffe
import numpy as np
import skimage.io
from caffe.proto import caffe_pb2
from google.protobuf import text_format

from pain.prototxts import slim_net
from support.project import FACE, PAIN, run_tool


def write_slim_nets(folder):
    """Write the two nets with trunks 1/16 as wide to the folder, under their own names, and return it."""
    for path in PAIN, FACE:
        net = slim_net(text_format.Merge(path.read_text(), caffe_pb2.NetParameter()), 16, 6)
        (folder / path.name).write_text(text_format.MessageToString(net))
    return folder


def save_random_net(folder, seed, *paths):
    """Save the slim pain net of a folder of write_slim_nets(), with random weights, as caffemodels."""
    caffe.set_random_seed(seed)
    net = caffe.Net(str(folder / PAIN.name), caffe.TEST, stages=["deploy"])
    for path in paths:
        net.save(str(path))


def write_samples(path, images, labels, names=None):
    """Write an LMDB of Datums. images: (N, channels, height, width) uint8; names: of their files, or none."""
    import lmdb
    environment = lmdb.open(str(path), map_size=1 << 26)
    with environment.begin(write=True) as transaction:
        for i, (image, label) in enumerate(zip(images, labels)):
            channels, height, width = image.shape
            datum = caffe_pb2.Datum(channels=channels, height=height, width=width, data=image.tobytes(), label=label)
            name = "%08d" % i + ("_" + names[i] if names else "")
            transaction.put(name.encode(), datum.SerializeToString())
    environment.close()


def make_folds_of_noise(root, python=sys.executable, subjects=3):
    """Make folds in `root`/folds: 48 frames of noise a subject, of every class; brighter where it hurts more."""
    random, rows = np.random.RandomState(0), ["subject,video,frame,pspi,status"]
    for subject in ("%03d-%s%03d" % (number, 2 * "abcdefgh"[number - 1], number) for number in range(1, subjects + 1)):
        folder = root / "aligned" / subject / subject[4:]
        folder.mkdir(parents=True)
        for f in range(48):
            pspi = [0, 1, 2, 3, 4, 6][f // 4 % 6]
            image = random.randint(0, 120, (112, 96, 3)) + 20 * pspi
            skimage.io.imsave(str(folder / ("f%02d.png" % f)), image.astype(np.uint8), check_contrast=False)
            rows.append("%s,%s,f%02d,%d,detected" % (subject, subject[4:], f, pspi))
    (root / "aligned" / "frames.csv").write_text("\n".join(rows) + "\n")
    process = run_tool("make_folds.py", "--aligned", root / "aligned", "--out", root / "folds", python=python)
    assert process.returncode == 0, process.stderr
    return root / "folds"


class LayerInNet:
    """A Python layer in a net of its own, with these bottoms (arrays).

    It has forward() -> first value of the first top, backward(), and bottom(i), bottom_diff(i), top(i), blob(i),
    blob_diff(i): writable arrays.
    """

    def __init__(self, module, name, params, bottoms, loss_weight=1, tops=1):
        # A Scale by 1 in between: caffe only propagates to blobs that something learns from.
        text = "".join("""layer { name: "in%(i)d" type: "Input" top: "in%(i)d" input_param { shape { %(shape)s } } }
            layer { name: "x%(i)d" type: "Scale" bottom: "in%(i)d" top: "x%(i)d"
                    scale_param { axis: 0 num_axes: 0 } }\n"""
                       % {"i": i, "shape": " ".join("dim: %d" % dim for dim in array.shape)}
                       for i, array in enumerate(bottoms))
        text += """layer { name: "layer" type: "Python" %s %s %s %s
            python_param { module: "%s" layer: "%s" param_str: "%s" } }""" % (
            " ".join('bottom: "x%d"' % i for i in range(len(bottoms))),
            " ".join('top: "out%d"' % i for i in range(tops)),
            "propagate_down: true propagate_down: false" if len(bottoms) == 2 else "",
            "loss_weight: %g" % loss_weight if bottoms else "", module, name, params)
        with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
            file.write(text)
            file.flush()
            self.net = caffe.Net(file.name, caffe.TRAIN)
        for i, array in enumerate(bottoms):
            self.bottom(i)[...] = array

    def forward(self):
        self.net.forward()
        return float(self.top(0).ravel()[0])

    def backward(self):
        self.net.forward()
        self.net.backward()

    def bottom(self, i):
        return self.net.blobs["in%d" % i].data

    def bottom_diff(self, i):
        return self.net.blobs["x%d" % i].diff

    def top(self, i):
        return self.net.blobs["out%d" % i].data

    def blob(self, i):
        return self.net.params["layer"][i].data

    def blob_diff(self, i):
        return self.net.params["layer"][i].diff


def layers_of(path):
    """A net file's layers by name."""
    net = text_format.Merge(path.read_text(), caffe_pb2.NetParameter())
    assert len({layer.name for layer in net.layer}) == len(net.layer)
    return {layer.name: layer for layer in net.layer}
