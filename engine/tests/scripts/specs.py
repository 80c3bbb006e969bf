"""NetSpec programs, and the bytes of the nets they make."""
import numpy as np

import caffe
from caffe import layers as L
from caffe import params as P
from caffe.coord_map import coord_map_from_to, crop


def _bytes(proto):
    return np.frombuffer(proto.SerializeToString(), np.uint8)


def lenet():
    """By to_proto of a top alone, with names made up, and by NetSpec."""
    def build(batch):
        data, label = L.DummyData(shape=[dict(dim=[batch, 1, 28, 28]), dict(dim=[batch, 1, 1, 1])],
                                  transform_param=dict(scale=1. / 255), ntop=2)
        conv1 = L.Convolution(data, kernel_size=5, num_output=20, weight_filler=dict(type="xavier"))
        pool1 = L.Pooling(conv1, kernel_size=2, stride=2, pool=P.Pooling.MAX)
        conv2 = L.Convolution(pool1, kernel_size=5, num_output=50, weight_filler=dict(type="xavier"))
        pool2 = L.Pooling(conv2, kernel_size=2, stride=2, pool=P.Pooling.MAX)
        ip1 = L.InnerProduct(pool2, num_output=500, weight_filler=dict(type="xavier"))
        relu1 = L.ReLU(ip1, in_place=True)
        return L.SoftmaxWithLoss(L.InnerProduct(relu1, num_output=10, weight_filler=dict(type="xavier")), label)

    n = caffe.NetSpec()
    n.loss = build(50)
    return {"anonymous": _bytes(build(50).to_proto()), "function": _bytes(caffe.to_proto(build(50), build(3))),
            "named": _bytes(n.to_proto())}


def names():
    """Tops that are named late, twice, not at all; items, attributes; names that are not identifiers."""
    n = caffe.NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 3]))
    hidden = L.InnerProduct(n.data, num_output=2)
    n["a/b"] = L.ReLU(hidden)
    n.again = n["a/b"]
    n.first, second, n.third = L.Slice(n.data, ntop=3, slice_point=[1, 2])
    n.both = L.Concat(second, n.third, L.InnerProduct(n.first, num_output=2), axis=1)
    n.kept = L.Silence(n.both, ntop=0)
    out = L.InnerProduct(hidden, num_output=5)
    n.out = out
    return {"net": _bytes(n.to_proto()), "tops": list(n.tops)}


def in_place():
    n = caffe.NetSpec()
    n.data = L.Input(shape=[dict(dim=[1, 3])])
    n.conv = L.Convolution(n.data, num_output=2, kernel_size=1)
    n.bn = L.BatchNorm(n.conv, in_place=True, param=[dict(lr_mult=0)] * 3)
    n.scale = L.Scale(n.bn, in_place=True, bias_term=True)
    n.relu = L.ReLU(n.scale, in_place=True)
    n.split1, n.split2 = L.Split(n.relu, ntop=2)
    return {"net": _bytes(n.to_proto()), "anonymous": _bytes(n.relu.to_proto())}


def parameters():
    """Scalars and lists for repeated fields, dicts, enums, strings, layer fields beside own fields, empty dicts."""
    n = caffe.NetSpec()
    n.data, n.label = L.Data(source="x_lmdb", backend=P.Data.LMDB, batch_size=4, ntop=2, include=dict(phase=0),
                             transform_param=dict(mirror=True, crop_size=3, mean_value=[104, 117, 123.5]))
    n.conv = L.Convolution(n.data, kernel_size=[3, 5], stride=2, pad=[1], num_output=7, bias_term=False, engine=1,
                           param=dict(name="w", lr_mult=0.1), weight_filler=dict(type="msra", variance_norm=2))
    n.deconv = L.Deconvolution(n.conv, convolution_param=dict(num_output=3, kernel_size=4, bias_term=False))
    n.lrn = L.LRN(n.deconv, local_size=3, alpha=1e-4, norm_region=P.LRN.WITHIN_CHANNEL)
    n.drop = L.Dropout(n.lrn, dropout_param=dict(dropout_ratio=0.1), propagate_down=[True])
    n.elt = L.Eltwise(n.drop, n.lrn, operation=P.Eltwise.SUM, coeff=[1, -1])
    n.reshape = L.Reshape(n.elt, shape=dict(dim=[0, -1, 1]))
    n.py = L.Python(n.reshape, module="m", layer="l", param_str=str(dict(a=1)), loss_weight=1)
    n.loss = L.SoftmaxWithLoss(n.py, n.label, loss_weight=[2], loss_param=dict(ignore_label=255, normalize=False),
                               include=[dict(phase=1, stage=["a", "b"]), dict(not_stage="c")])
    n.acc = L.Accuracy(n.py, n.label, top_k=5)
    n.dummy = L.DummyData(num=[1, 2], channels=3, height=4, width=5, data_filler=dict())
    n.tile = L.Tile(n.acc, tiles=2, axis=-1)
    n.hdf5 = L.HDF5Data(source="s", batch_size=2, shuffle=True)
    n.prelu = L.PReLU(n.tile, channel_shared=True, filler=dict(value=0.5))
    n.lstm = L.LSTM(n.prelu, n.label, recurrent_param=dict(num_output=3, weight_filler=dict(type="uniform", min=-.1)))
    return {"net": _bytes(n.to_proto())}


def refusals():
    """What raises, not how."""
    data, caught = L.Input(), {}
    for name, attempt in {
        "a list": lambda: L.Convolution([data]), "a string": lambda: L.ReLU("data"),
        "unknown parameter": lambda: L.ReLU(data, nonsense=1).to_proto(),
        "unknown field": lambda: L.Convolution(data, convolution_param=dict(nonsense=1)).to_proto(),
        "wrong type": lambda: L.Convolution(data, num_output="many").to_proto(),
        "missing item": lambda: caffe.NetSpec()["x"], "no enum": lambda: P.Pooling.NONSENSE,
    }.items():
        try:
            attempt()
        except (TypeError, AttributeError, KeyError, ValueError) as error:
            caught[name] = type(error).__name__ if name != "unknown parameter" else "any"
    return caught


def coordinates():
    """coord_map: convolution, pooling and deconvolution, padding, dilation, several axes, crops of crops."""
    n, seen = caffe.NetSpec(), {}
    n.data = L.Input(shape=dict(dim=[2, 1, 100, 100]))
    n.conv = L.Convolution(n.data, num_output=10, kernel_size=5, stride=2, pad=0)
    n.pool = L.Pooling(n.conv, pool=P.Pooling.MAX, kernel_size=2, stride=2, pad=0)
    n.relu = L.ReLU(L.BatchNorm(n.pool), in_place=True)
    n.deconv = L.Deconvolution(n.relu, num_output=10, kernel_size=4, stride=4, pad=0)
    n.nd = L.Convolution(n.data, num_output=10, kernel_size=[3, 5], stride=[1, 2], pad=[0, 3], dilation=2)
    n.rect = L.Pooling(L.Deconvolution(n.nd, kernel_size=4, stride=[1, 2], pad=2), kernel_size=1, stride=1)
    n.padded = L.Convolution(n.data, num_output=10, kernel_size=5, pad=7)
    n.cropped = L.Crop(n.padded, n.data, axis=2, offset=[1, 4])
    n.crop2 = L.Crop(n.cropped, n.data, crop_param=dict(axis=2, offset=3))
    for name in "conv", "pool", "relu", "deconv", "nd", "rect", "padded", "cropped", "crop2":
        axis, a, b = coord_map_from_to(n[name], n.data)
        seen[name] = np.concatenate([np.atleast_1d(value) for value in (axis, a, b)])
        axis, a, b = coord_map_from_to(n.data, n[name])
        seen["to " + name] = np.concatenate([np.atleast_1d(value) for value in (axis, a, b)])
    seen["crop"] = str(crop(n.padded, n.data).fn.params)
    seen["net"] = _bytes(crop(n.padded, n.data).to_proto())
    for name, tops, error in (("scale", (n.conv, n.data), AssertionError), ("negative", (n.data, n.padded), None),
                              ("unconnected", (n.data, L.Input()), RuntimeError),
                              ("dense", (L.InnerProduct(n.data), n.data), RuntimeError),
                              ("outside", (n.data, L.Convolution(n.data, kernel_size=3)), None),
                              ("half", (L.Convolution(n.data, kernel_size=2, pad=2), n.data), AssertionError)):
        try:
            seen[name] = str(crop(*tops).fn.params)
        except (AssertionError, RuntimeError) as raised:
            seen[name] = error is None or isinstance(raised, error)
    return seen
