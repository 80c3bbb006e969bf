"""The fillers: what a learnable blob holds before training (BVLC filler.hpp)."""
import math

import torch

from caffe.errors import CaffeError
from caffe.proto.caffe_pb2 import FillerParameter


def fill(blob, param, generator):
    """Fill the blob's values as the FillerParameter says. Raises CaffeError for an unknown type or an unfit shape."""
    if param.type not in FILLERS:
        raise CaffeError("unknown filler %r; there are %s" % (param.type, ", ".join(sorted(FILLERS))))
    if param.sparse >= 0 and param.type != "gaussian":
        raise CaffeError("sparse is for the gaussian filler only")
    if not blob.count:
        raise CaffeError("a blob of shape %s has no values to fill" % (blob.shape,))
    values = torch.empty(blob.shape)
    FILLERS[param.type](values, param, generator)
    blob.tensor.copy_(values)


def constant(values, param, generator):
    values.fill_(param.value)


def uniform(values, param, generator):
    values.uniform_(param.min, param.max, generator=generator)


def gaussian(values, param, generator):
    values.normal_(param.mean, param.std, generator=generator)
    if param.sparse >= 0:  # so many inputs of an output are not zero, on average
        if values.dim() < 1:
            raise CaffeError("a sparse filler needs a blob with an axis of outputs")
        keep = param.sparse / values.shape[0]
        values.mul_(torch.rand(values.shape, generator=generator) < keep)


def positive_unitball(values, param, generator):
    values.uniform_(0, 1, generator=generator)
    rows = values.view(values.shape[0], -1)
    rows.div_(rows.sum(1, keepdim=True))


def fan(values, param):
    """The number of weights that `variance_norm` divides by: of an output, of an input, or their mean."""
    fan_in = values.numel() / values.shape[0]
    fan_out = values.numel() / values.shape[1] if values.dim() > 1 else values.numel()
    return {FillerParameter.FAN_IN: fan_in, FillerParameter.FAN_OUT: fan_out,
            FillerParameter.AVERAGE: (fan_in + fan_out) / 2}[param.variance_norm]


def xavier(values, param, generator):
    scale = math.sqrt(3 / fan(values, param))
    values.uniform_(-scale, scale, generator=generator)


def msra(values, param, generator):
    values.normal_(0, math.sqrt(2 / fan(values, param)), generator=generator)


def bilinear(values, param, generator):
    if values.dim() != 4 or values.shape[2] != values.shape[3]:
        raise CaffeError("the bilinear filler is for blobs of 4 axes, the last two alike")
    size = values.shape[3]
    factor = math.ceil(size / 2)
    centre = (size - 1) / (2 * factor)
    ramp = 1 - (torch.arange(size) / factor - centre).abs()
    values.copy_(ramp[:, None] * ramp)


FILLERS = {"constant": constant, "uniform": uniform, "gaussian": gaussian, "positive_unitball": positive_unitball,
           "xavier": xavier, "msra": msra, "bilinear": bilinear}
