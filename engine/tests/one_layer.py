"""A net of one layer, and its gradient."""
from google.protobuf import text_format

import caffe.net
import parity
from caffe.proto import caffe_pb2

IMAGE = 2, 4, 6, 5


def make_net(layer, bottoms=(IMAGE,), tops=1, phase=caffe.TRAIN, before="", in_place=False):
    """The net of one layer, named "layer", with the inputs x0, x1, ... and the tops y0, y1, ..."""
    text = parity.prototxt(parity.case("", layer, bottoms, tops, net=before, in_place=in_place))
    param = text_format.Parse(text, caffe_pb2.NetParameter())
    param.state.phase = phase
    return caffe.net.Net(param, seed=1)


def gradient(net, diff, top="y0"):
    """The first bottom's gradient for this of the top."""
    net.blobs[top].diff[...] = diff
    net.run_backward()
    return net.blobs["x0"].diff
