"""A caffe.Net from a prototxt and a caffemodel, or one line that says why not."""
import functools
import os
import sys
from pathlib import Path

import caffe
import numpy as np
from caffe.proto import caffe_pb2

from pain.errors import Problem
from pain.project import ROOT
from pain.prototxts import batch_size, parse
from pain.weights import difference, listed, match, names, read_blobs, summary

PYTHON = 500 << 20  # bytes, with PyTorch


@functools.lru_cache(maxsize=None)
def quiet_caffe():
    """Have caffe keep its account of every layer to itself, unless the environment sets GLOG_minloglevel."""
    if "GLOG_minloglevel" not in os.environ:
        caffe.init_log(2)


@functools.lru_cache(maxsize=None)
def find_python_layers():
    """Have nets find the Python layers of layers/, as `caffe train` does with the project's root on PYTHONPATH."""
    sys.path.append(str(ROOT))


def build_net(net_file, stages=()):
    """The caffe.Net of a prototxt in phase TEST and these stages. Raises Problem when caffe cannot build it.

    Genuine Caffe ends the process instead, unless it is the prototxt's syntax that is wrong.
    """
    quiet_caffe()
    find_python_layers()
    try:
        net = parse(Path(net_file).read_text(), caffe_pb2.NetParameter(), net_file)
        if not (net.layer or net.layers or net.input):
            raise Problem("%s: a net without layers; prototxt/ has ours" % net_file)
        return caffe.Net(str(net_file), caffe.TEST, stages=list(stages))
    except FileNotFoundError:
        raise Problem("%s: no such net; prototxt/ has ours" % net_file) from None
    except UnicodeDecodeError:
        raise Problem("%s: not a prototxt; a net is a text file" % net_file) from None
    except RuntimeError as error:
        raise Problem("%s: %s" % (net_file, error)) from error


@functools.lru_cache(maxsize=None)
def training_memory(net_file, stages):
    """Bytes of memory that a training takes, about: blobs and weights, their gradients, the solver's history, Python.

    net_file, stages: of a net that has a stage deploy. As build_net() otherwise.
    """
    net = build_net(net_file, [*stages, "deploy"])
    an_image = sum(blob.data.size / blob.data.shape[0] for blob in net.blobs.values() if blob.data.ndim)
    weights = sum(blob.data.size for blobs in net.params.values() for blob in blobs)
    return int(4 * (2 * batch_size(net_file) * an_image + 4 * weights)) + PYTHON


def load_net(net_file, weights, stages=()):
    """The net in phase TEST with the weights, all of its layers filled.

    Raises Problem if they are of another net, or not all numbers.
    """
    net = build_net(net_file, stages)
    for layer in match(net, read_blobs(weights)):
        if layer.status != "filled":
            raise Problem("%s: of another net than %s: %s" % (weights, net_file, difference(layer)))
    copy_weights(net, weights)
    return net


def copy_weights(net, weights):
    """Copy the caffemodel into the net. Raises Problem if caffe cannot, or not all of the weights are numbers then."""
    try:
        net.copy_from(str(weights))
    except RuntimeError as error:  # genuine Caffe ends the process instead
        raise Problem(error) from error
    for layer, blobs in net.params.items():
        if not all(np.isfinite(blob.data).all() for blob in blobs):
            raise Problem("%s: layer %s has weights that are no numbers (NaN or infinite), as after a training that "
                          "diverged; take others, or train anew with a lower base_lr" % (weights, layer))


def finite(outputs, net_file):
    """`outputs`, an array of what the net has computed. Raises Problem if not all of it are numbers."""
    if not np.isfinite(outputs).all():
        raise Problem("%s: computes what is no number (NaN or infinite) with these weights; take others, or train anew "
                      "with a lower base_lr" % net_file)
    return outputs


def check_weights(path, net_file, stages=("deploy",)):
    """Say in a line what of the net the caffemodel fills.

    Raises Problem if that is nothing, if Caffe would stop, or if it holds what is no number.
    """
    stored = read_blobs(path)
    net = build_net(net_file, stages)
    layers = match(net, stored)
    for layer in layers:
        if layer.status == "refused":
            raise Problem("%s: caffe would refuse it for %s: %s" % (path, net_file, difference(layer)))
    if not names(layers, "filled"):
        raise Problem("%s: fills no layer of %s; it is of another net (its layers: %s)"
                      % (path, net_file, listed([name for name in stored if stored[name]])))
    copy_weights(net, path)
    return summary(path, layers)


def use_gpu(number):
    """Have nets run on this GPU. Raises Problem when there is none."""
    try:
        caffe.set_device(number)
        caffe.set_mode_gpu()
    except RuntimeError as error:
        raise Problem("--gpu %d: %s" % (number, error)) from error
