"""Nets and weights of older formats, read and run."""
import numpy as np

import caffe
from caffe.proto import caffe_pb2
from scripts import HERE


def _old(name):
    return str(HERE.parent / "older_formats" / (name + ".prototxt"))


def _blob(random, *shape):
    """A BlobProto of the old form: four axes, always."""
    num, channels, height, width = (1,) * (4 - len(shape)) + shape
    return caffe_pb2.BlobProto(num=num, channels=channels, height=height, width=width,
                               data=random.normal(size=shape).astype(np.float32).flat)


def _v0_weights(random):
    proto = caffe_pb2.NetParameter(name="v0_trunk", input=["data"])
    for name, kind, shapes in (("conv1", "conv", ((4, 3, 5, 5), (4,))), ("conv2", "conv", ((6, 4, 3, 3),)),
                               ("relu1", "relu", ()), ("fc", "innerproduct", ((5, 96), (5,)))):
        layer = proto.layers.add().layer
        layer.name, layer.type = name, kind
        layer.blobs.extend(_blob(random, *shape) for shape in shapes)
    return proto


def _run(net):
    for name in net.inputs:
        net.blobs[name].data[...] = np.random.RandomState(len(name)).normal(size=net.blobs[name].data.shape)
    seen = {"forward " + name: array.copy() for name, array in net.forward().items()}
    seen["layers"], seen["types"] = list(net._layer_names), [layer.type for layer in net.layers]
    return seen


def v0():
    """A V0 net with padding layers, and V0 weights."""
    with open("v0.caffemodel", "wb") as file:
        file.write(_v0_weights(np.random.RandomState(1)).SerializeToString())
    net = caffe.Net(_old("v0_trunk"), caffe.TEST, weights="v0.caffemodel")
    seen = _run(net)
    net.blobs["prob"].diff[...] = np.random.RandomState(2).normal(size=net.blobs["prob"].data.shape)
    seen["gradient"] = net.backward()["data"].copy()
    net.save("today.caffemodel")
    today = caffe_pb2.NetParameter()
    with open("today.caffemodel", "rb") as file:
        today.ParseFromString(file.read())
    seen["today"] = [str(len(layer.blobs)) + layer.name for layer in today.layer]
    seen["shapes"] = [str(list(blob.shape.dim)) for layer in today.layer for blob in layer.blobs]
    return seen


def v1():
    """A V1 net whose branches share weights by name, permissively, and V1 weights; trained by a solver_type."""
    with open("net.prototxt", "w") as file:
        file.write("""input: "x" input_dim: 2 input_dim: 1 input_dim: 2 input_dim: 3  input: "t" input_dim: 2
          input_dim: 4 input_dim: 1 input_dim: 1
          layers { name: "a" type: INNER_PRODUCT bottom: "x" top: "a" param: "w" param: "b" blobs_lr: 1 blobs_lr: 2
            weight_decay: 1 weight_decay: 0 inner_product_param { num_output: 6 } }
          layers { name: "relu" type: RELU bottom: "a" top: "a" }
          layers { name: "b" type: INNER_PRODUCT bottom: "a" top: "b" param: "w" param: "b" blob_share_mode: STRICT
            inner_product_param { num_output: 6 } }
          layers { name: "c" type: INNER_PRODUCT bottom: "b" top: "c" blobs_lr: 0 blobs_lr: 1
            inner_product_param { num_output: 4 } }
          layers { name: "loss" type: EUCLIDEAN_LOSS bottom: "c" bottom: "t" top: "loss" loss_weight: 2 }""")
    random = np.random.RandomState(3)
    weights = caffe_pb2.NetParameter()
    for name, shapes in ("a", ((6, 6), (6,))), ("c", ((4, 6), (4,))):
        weights.layers.add(name=name, type=14, blobs=[_blob(random, *shape) for shape in shapes])
    with open("v1.caffemodel", "wb") as file:
        file.write(weights.SerializeToString())
    with open("solver.prototxt", "w") as file:
        file.write('net: "net.prototxt" base_lr: 0.0005 lr_policy: "fixed" solver_type: NESTEROV momentum: 0.9 '
                   'weight_decay: 0.1 max_iter: 10 solver_mode: CPU snapshot_after_train: false')
    solver = caffe.get_solver("solver.prototxt")
    solver.net.copy_from("v1.caffemodel")
    seen = _run(solver.net)
    solver.step(5)
    seen.update(("%s %d" % (name, i), blob.data.copy()) for name, blobs in solver.net.params.items()
                for i, blob in enumerate(blobs))
    seen["solver"] = type(solver).__name__
    return seen


def inputs():
    """`input` with shapes."""
    return _run(caffe.Net(_old("inputs"), caffe.TEST))


def batch_norm():
    """The statistics of a BatchNorm with learning rates do not learn; a caffemodel with `input` alone is read."""
    text = """layer { name: "in" type: "DummyData" top: "x" top: "t" dummy_data_param { shape { dim: 4 dim: 3 }
        data_filler { type: "constant" value: 2 } data_filler { type: "constant" value: 1 } } }
      layer { name: "scale" type: "Scale" bottom: "x" top: "y" scale_param { filler { value: 3 } bias_term: true } }
      layer { name: "bn" type: "BatchNorm" bottom: "y" top: "y" param { lr_mult: 1 } param { lr_mult: 1 }
        param { lr_mult: 1 } batch_norm_param { eps: 0.5 use_global_stats: true } }
      layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "loss" }"""
    with open("net.prototxt", "w") as file:
        file.write(text)
    with open("solver.prototxt", "w") as file:
        file.write('net: "net.prototxt" base_lr: 0.01 lr_policy: "fixed" weight_decay: 0.5 solver_mode: CPU')
    weights = caffe_pb2.NetParameter(input=["x"])
    weights.layer.add(name="bn", type="BatchNorm", blobs=[
        caffe_pb2.BlobProto(shape=dict(dim=[len(data)]), data=data) for data in ([1, 2, 3], [4, 5, 6], [2])])
    with open("bn.caffemodel", "wb") as file:
        file.write(weights.SerializeToString())
    solver = caffe.get_solver("solver.prototxt")
    solver.net.copy_from("bn.caffemodel")
    solver.step(3)
    return {"bn %d" % i: blob.data.copy() for i, blob in enumerate(solver.net.params["bn"])}
