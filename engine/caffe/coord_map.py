"""Where a pixel of one blob lies in another, and Crop layers that align two blobs by it (for fully convolutional nets).

A map is (axis, a, b): from `axis` on, the coordinate x of a layer's bottom is a x + b of its top. a and b are numbers,
or arrays of one for each spatial axis. axis None: no spatial layer has said which axes are meant.
"""
from __future__ import annotations

import numpy as np

from caffe import layers as L
from caffe.errors import CaffeError
from caffe.net_spec import Function, Top

# Layers that move nothing.
PASS_THROUGH_LAYERS = ["AbsVal", "BatchNorm", "Bias", "BNLL", "Dropout", "Eltwise", "ELU", "Log", "LRN", "Exp", "MVN",
                       "Power", "ReLU", "PReLU", "Scale", "Sigmoid", "Split", "TanH", "Threshold"]
Map = tuple[int | None, float | np.ndarray, float | np.ndarray]
_IDENTITY = None, 1, 0


class UndefinedMapException(Exception):
    """The layer's outputs have no place in its inputs: InnerProduct, say."""


class AxisMismatchException(Exception):
    """Two layers are about different spatial axes."""


class CropError(CaffeError, AssertionError):
    """The two blobs cannot be aligned by a Crop layer."""


def conv_params(fn: Function) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """(axis, stride, extent of the kernel with its dilation, pad) of a Function with windows; all but axis arrays.

    Raises CropError for parameters by height and width, KeyError without kernel_size.
    """
    params = fn.params.get("convolution_param", fn.params)
    if any(key in params for key in ("kernel_h", "kernel_w", "stride_h", "stride_w", "pad_h", "pad_w")):
        raise CropError("cropping does not support legacy _h/_w params; give kernel_size, stride and pad as lists")
    kernel, stride, pad, dilation = (np.array(value, ndmin=1) for value in (
        params["kernel_size"], params.get("stride", 1), params.get("pad", 0), params.get("dilation", 1)))
    return params.get("axis", 1), stride, dilation * (kernel - 1) + 1, pad


def crop_params(fn: Function) -> tuple[int, np.ndarray]:
    """(axis, offset, an array) of a Crop's Function."""
    params = fn.params.get("crop_param", fn.params)
    return params.get("axis", 2), np.array(params.get("offset", 0), ndmin=1)


def coord_map(fn: Function) -> Map:
    """The map of a Function's layer. Raises UndefinedMapException if it has none."""
    if fn.type_name in ("Convolution", "Pooling", "Im2col"):
        axis, stride, extent, pad = conv_params(fn)
        return axis, 1 / stride, (pad - (extent - 1) / 2) / stride
    if fn.type_name == "Deconvolution":
        axis, stride, extent, pad = conv_params(fn)
        return axis, stride, (extent - 1) / 2 - pad
    if fn.type_name == "Crop":
        axis, offset = crop_params(fn)
        return axis - 1, 1, -offset  # counted from the last axis that is not a coordinate, as the others'
    if fn.type_name in PASS_THROUGH_LAYERS:
        return _IDENTITY
    raise UndefinedMapException("%s has no map of coordinates" % fn.type_name)


def compose(base_map: Map, next_map: Map) -> Map:
    """The map that is `next_map` first and then `base_map`. Raises AxisMismatchException."""
    (axis, a, b), (next_axis, next_a, next_b) = base_map, next_map
    if None not in (axis, next_axis) and axis != next_axis:
        raise AxisMismatchException("maps of axis %d and of axis %d" % (axis, next_axis))
    return next_axis if axis is None else axis, a * next_a, a * next_b + b


def inverse(coord_map: Map) -> Map:
    """The map back."""
    axis, a, b = coord_map
    return axis, 1 / a, -b / a


def _maps_upwards(top):
    """From `top` up: (a blob that leads to it, the map from there to `top`), as far as there are maps."""
    found = {top: _IDENTITY}
    waiting = [top]
    for blob in waiting:
        yield blob, found[blob]
        try:
            step = coord_map(blob.fn)
        except UndefinedMapException:
            continue
        for bottom in blob.fn.inputs[:1] if blob.fn.type_name == "Crop" else blob.fn.inputs:
            if bottom not in found:
                found[bottom] = compose(found[blob], step)
                waiting.append(bottom)


def coord_map_from_to(top_from: Top, top_to: Top) -> Map:
    """The map from one Top to another, by a blob that leads to both. Raises RuntimeError if there is none."""
    from_maps = dict(_maps_upwards(top_from))
    for blob, to_map in _maps_upwards(top_to):
        if blob in from_maps:
            return compose(to_map, inverse(from_maps[blob]))
    raise CaffeError("Could not compute map between tops; are they connected by spatial layers?")


def crop(top_from: Top, top_to: Top) -> Top:
    """A Crop layer, a Top, that aligns `top_from` with `top_to`. Raises CropError if cropping whole pixels cannot."""
    axis, a, b = coord_map_from_to(top_from, top_to)
    a, b = np.array(a, ndmin=1), np.array(b, ndmin=1)
    for wrong, what in ((a != 1, "scale mismatch on crop (a = %s)" % a),
                        (b > 0, "cannot crop negative offset (b = %s)" % b),
                        (np.round(b) != b, "cannot crop noninteger offset (b = %s)" % b)):
        if wrong.any():
            raise CropError(what)
    offset = [int(value) for value in -b]
    return L.Crop(top_from, top_to, crop_param=dict(axis=1 + (1 if axis is None else axis), offset=offset))
