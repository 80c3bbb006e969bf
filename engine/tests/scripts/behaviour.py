"""What pycaffe's classes do, member by member."""
import os

import numpy as np

import caffe
import caffe.coord_map
from caffe.proto import caffe_pb2

NET = """name: "testnet" force_backward: true
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 5 dim: 2 dim: 3 dim: 4 } shape { dim: 5 dim: 1 dim: 1 dim: 1 }
    data_filler { type: "constant" value: 1 } data_filler { type: "constant" value: 1 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 11 kernel_size: 2
  pad: 3 weight_filler { type: "constant" value: 0.1 } bias_filler { type: "constant" value: 2 } }
  param { decay_mult: 1 } param { decay_mult: 0 } }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip_blob"
  inner_product_param { num_output: 3 weight_filler { type: "constant" value: 0.01 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip_blob" bottom: "label" top: "loss" }
"""
BRANCHES = """force_backward: true
layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 4 } }
layer { name: "py" type: "Python" bottom: "y" top: "z"
  python_param { module: "user_layers" layer: "Times" param_str: "3" } }
layer { name: "relu" type: "ReLU" bottom: "y" top: "r" }
"""


def _write(name, text):
    with open(name, "w") as file:
        file.write(str(text))
    return name


def _net(text, phase=caffe.TRAIN, seed=1, **options):
    net = caffe.Net(_write("net.prototxt", text), phase, **options)
    random = np.random.RandomState(seed)
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = random.uniform(-1, 1, size=blob.data.shape)
    return net


def _snapshot(arrays):
    return {name: np.array(array) for name, array in arrays.items()}


def structure():
    """Names, shapes, types."""
    net = _net(NET)
    return {"layers": list(net._layer_names), "blobs": list(net.blobs), "params": list(net.params),
            "types": [layer.type for layer in net.layers], "blob counts": [len(layer.blobs) for layer in net.layers],
            "dict": [name + layer.type for name, layer in net.layer_dict.items()],
            "tops": [name + str(tops) for name, tops in net.top_names.items()],
            "bottoms": [name + str(bottoms) for name, bottoms in net.bottom_names.items()],
            "inputs": list(net.inputs), "outputs": list(net.outputs), "weights": list(net.blob_loss_weights.values()),
            "shapes": [list(blob.data.shape) for blob in net.params["conv"] for _ in (0,)][0],
            "ids": [list(net._top_ids(0)), list(net._bottom_ids(3))], "indices": list(net._outputs),
            "names": list(net._blob_names), "sum": sum(blob.data.sum() for blob in net._blobs)}


def branches():
    """Splits, inputs and outputs in order, and their ids."""
    net = _net(BRANCHES)
    return {"layers": list(net._layer_names), "blobs": list(net.blobs), "inputs": list(net.inputs),
            "outputs": list(net.outputs), "input ids": list(net._inputs), "output ids": list(net._outputs)}


def memory():
    """Blobs outlive their net."""
    net = _net(NET)
    params, blobs = sum(map(list, net.params.values()), []), list(net.blobs.values())
    net.forward()
    del net
    return {"params": sum(p.data.sum() + p.diff.sum() for p in params), "blobs": [b.data.sum() for b in blobs]}


def forward_backward():
    net = _net(NET)
    net.blobs["label"].data[...] = np.random.RandomState(0).randint(3, size=net.blobs["label"].data.shape)
    loss = net.forward()["loss"].copy()
    net.backward()
    first = net.params["conv"][0].diff.copy()
    net.backward()  # gradients of weights add up
    seen = {"loss": loss, "conv": first, "twice": net.params["conv"][0].diff.copy(),
            "data": net.blobs["data"].diff.copy()}
    net.clear_param_diffs()
    seen["cleared"] = [abs(blob.diff).max() for blobs in net.params.values() for blob in blobs]
    return seen


def start_and_end():
    """Parts of a net, run by themselves."""
    net, random = _net(NET), np.random.RandomState(3)
    conv, ip = net.blobs["conv"], net.blobs["ip_blob"]
    conv.data[:] = random.uniform(size=conv.data.shape)
    out = net.forward(start="ip", end="ip")
    seen = {"names": list(out), "ip": out["ip_blob"].copy()}
    ip.diff[:] = random.uniform(size=ip.data.shape)
    back = net.backward(start="ip", end="ip")
    seen.update(back_names=list(back), conv_diff=back["conv"].copy(), ip_weight=net.params["ip"][0].diff.copy())
    ip.diff[:] = 1
    seen.update(_snapshot(net.backward(start="ip", end="conv", diffs=["ip_blob"])))
    seen.update(("to end " + name, np.array(array)) for name, array in net.forward(["conv"], start="conv").items())
    return seen


def with_arguments():
    """Inputs, and gradients of outputs, by keyword; more blobs to be returned."""
    net = _net(BRANCHES)
    out = net.forward(blobs=["y"], x=np.arange(6).reshape(2, 3))
    seen = {"forward " + name: array.copy() for name, array in out.items()}
    back = net.backward(diffs=["y"], z=np.ones((2, 4)), r=np.full((2, 4), 2.))
    seen.update(("backward " + name, array.copy()) for name, array in back.items())
    return seen


def all_at_once():
    """forward_all and forward_backward_all, whose last batch is not full."""
    net = _net(BRANCHES)
    x = np.random.RandomState(0).normal(size=(5, 3))
    seen = {"all " + name: array for name, array in net.forward_all(x=x).items()}
    outs, diffs = net.forward_backward_all(x=x, z=np.ones((5, 4)), r=np.ones((5, 4)))
    seen.update(("diff " + name, array) for name, array in diffs.items())
    seen["batches"] = np.concatenate([batch["x"] for batch in net._batch({"x": x})])
    seen["names"] = sorted(outs)
    return seen


def callbacks():
    net, called = _net(BRANCHES), []
    for when in "before_forward", "after_forward", "before_backward", "after_backward":
        getattr(net, when)(lambda layer, when=when: called.append("%s %d" % (when, layer)))
    net.forward()
    net.backward()
    net.forward(start="ip", end="py")
    return {"called": called}


def refusals():
    """What raises, not how."""
    net, caught = _net(BRANCHES), {}
    for name, attempt in {
        "unknown input": lambda: net.forward(q=np.zeros((2, 3))),
        "batch size": lambda: net.forward(x=np.zeros((3, 3))),
        "input shape": lambda: net.forward(x=np.zeros((2, 4))),
        "unknown layer": lambda: net.forward(start="q"),
        "unknown blob": lambda: net.forward(["q"]),
        "one output": lambda: net.backward(z=np.zeros((2, 4))),
        "diff batch": lambda: net.backward(z=np.zeros((1, 4)), r=np.zeros((2, 4))),
        "no file": lambda: caffe.Net("q", 1),
        "no weights": lambda: caffe.Net("net.prototxt", 1, weights="q"),
        "set data": lambda: setattr(net.blobs["x"], "data", 3),
        "reshape keyword": lambda: net.blobs["x"].reshape(2, a=3),
        "not memory data": lambda: net.set_input_arrays(np.zeros((2, 3, 1, 1), np.float32), np.zeros(2, np.float32)),
    }.items():
        try:
            attempt()
        except Exception:
            caught[name] = True
    return caught


def blobs():
    """Arrays are views, also of what is computed later; reshape keeps or clears; old names of axes."""
    net = _net(BRANCHES)
    x, y, kept = net.blobs["x"], net.blobs["y"], net.blobs["y"].data
    x.data[...] = 1
    held = net.forward()["z"]
    first = held.copy()
    x.data[0] = 5
    net.forward()
    seen = {"first": first, "held": held.copy(), "kept": kept.copy(), "same": np.array_equal(kept, y.data),
            "count": x.count, "legacy": [x.num, x.channels, x.height, x.width], "shape": list(x.shape),
            "dtype": str(x.data.dtype),
            "contiguous": bool(x.data.flags["C_CONTIGUOUS"] and x.data.flags["WRITEABLE"])}
    x.reshape(3, 2)
    seen["reshaped"] = x.data.copy()
    x.reshape(4, 3)
    x.data[...] = np.arange(12).reshape(4, 3)
    seen["before"] = list(y.data.shape)
    net.reshape()
    seen["after"] = list(y.data.shape)
    seen["larger"] = net.forward()["r"].copy()
    x.reshape(1, 3)
    seen["smaller"] = net.forward()["r"].copy()
    weight = net.params["ip"][0].data
    weight.flat = np.arange(12)
    net.params["ip"][1].data[...] = -1
    weight[1] *= 2
    seen["edited"] = net.forward(x=np.ones((1, 3)))["z"].copy()
    return seen


def weights():
    """save, copy_from, load_hdf5, save_hdf5, share_with, and the ways to name them when the net is made."""
    net = _net(NET)
    net.save("net.caffemodel")
    net.save_hdf5("net.caffemodel.h5")
    want = {name: [blob.data.copy() for blob in blobs] for name, blobs in net.params.items()}

    def same(other):
        return all(np.array_equal(a, b.data) for name in want for a, b in zip(want[name], other.params[name]))

    named = caffe.Net("net.prototxt", caffe.TEST, weights="net.caffemodel")
    old = caffe.Net("net.prototxt", "net.caffemodel", caffe.TEST)
    hdf5, shared = _net(NET, seed=2), _net(NET, seed=3)
    differs = same(hdf5)
    hdf5.load_hdf5("net.caffemodel.h5")
    by_name = _net(NET, seed=4)
    by_name.copy_from("net.caffemodel.h5")
    shared.share_with(net)
    seen = {"named": same(named), "old": same(old), "differs": differs, "hdf5": same(hdf5), "by name": same(by_name),
            "shared": same(shared)}
    net.params["ip"][0].data[0, 0] = 77
    net.params["ip"][0].diff[0, 0] = 7
    seen["shared later"] = [shared.params["ip"][0].data[0, 0], named.params["ip"][0].data[0, 0],
                            shared.params["ip"][0].diff[0, 0] != 7]
    part = _net(NET.replace('"conv" type', '"other" type'), seed=5)
    part.copy_from("net.caffemodel")
    seen["part"] = [np.array_equal(part.params["ip"][0].data, want["ip"][0]),
                    np.array_equal(part.params["other"][0].data, want["conv"][0])]
    import h5py
    with h5py.File("net.caffemodel.h5", "r") as file:
        names = []
        file.visit(names.append)
    seen["hdf5 names"] = sorted(names)
    seen["rest"] = sorted(os.listdir("."))
    proto = caffe_pb2.NetParameter()
    with open("net.caffemodel", "rb") as file:
        proto.ParseFromString(file.read())
    seen["proto"] = [layer.name + layer.type + str(len(layer.blobs)) for layer in proto.layer]
    return seen


def levels_and_stages():
    """NetState: phase, level, stages."""
    text = """layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 } } }
    layer { name: "NoLevel" type: "InnerProduct" bottom: "data" top: "NoLevel" inner_product_param { num_output: 1 } }
    layer { name: "Level1Only" type: "InnerProduct" bottom: "data" top: "Level1Only"
      include { min_level: 1 max_level: 1 } inner_product_param { num_output: 1 } }
    layer { name: "Level>=1" type: "InnerProduct" bottom: "data" top: "Level>=1"
      include { min_level: 1 } inner_product_param { num_output: 1 } }
    layer { name: "A" type: "InnerProduct" bottom: "data" top: "A" include { stage: "A" }
      inner_product_param { num_output: 1 } }
    layer { name: "BorC" type: "InnerProduct" bottom: "data" top: "BorC" include { stage: "B" } include { stage: "C" }
      inner_product_param { num_output: 1 } }
    layer { name: "notA" type: "InnerProduct" bottom: "data" top: "notA" exclude { stage: "A" phase: TEST }
      inner_product_param { num_output: 1 } }
    layer { name: "DandE" type: "InnerProduct" bottom: "data" top: "DandE" include { stage: "D" not_stage: "E" }
      inner_product_param { num_output: 1 } }"""
    seen = {}
    for name, phase, options in (("0", 1, {}), ("1", 1, dict(level=1)), ("2", 1, dict(level=2)),
                                 ("A", 1, dict(stages=["A"])), ("A train", 0, dict(stages=["A"])),
                                 ("BD", 1, dict(stages=["B", "D"])), ("DE", 1, dict(stages=("D", "E"), level=-1))):
        seen[name] = list(_net(text, phase, **options).outputs)
    return seen


def python_layers():
    """param_str, own blobs that are saved, phase, exceptions, shape changes, and the object behind net.layers."""
    times = 'layer { name: "%s" type: "Python" bottom: "%s" top: "%s" python_param { module: "user_layers" ' \
            'layer: "Times" param_str: "%s" } }\n'
    text = "force_backward: true\n" + BRANCHES.splitlines()[1] + times % ("one", "x", "one", 2) + times % (
        "two", "one", "two", 3) + times % ("three", "two", "three", 5)
    net = _net(text)
    net.blobs["x"].data[...] = 8
    seen = {"forward": net.forward()["three"].copy()}
    net.blobs["three"].diff[...] = 7
    net.backward()
    seen["backward"] = net.blobs["x"].diff.copy()
    net.blobs["x"].reshape(4, 3)
    seen["shapes"] = [list(array.shape) for array in net.forward(blobs=["one", "two"]).values()]

    text = BRANCHES.splitlines()[1] + 'layer { name: "own" type: "Python" bottom: "x" top: "o" ' \
        'python_param { module: "user_layers" layer: "Offset" } }'
    net = caffe.Net(_write("own.prototxt", "force_backward: true\n" + text), caffe.TEST)
    own = net.layers[list(net._layer_names).index("own")]
    net.forward()
    net.blobs["o"].diff[...] = 1
    net.backward()
    net.backward()
    seen["own"] = [own.blobs[0].data[0, 0], own.blobs[0].diff[0, 0], own.calls, len(net.params["own"])]
    own.blobs[0].data[...] += own.blobs[0].diff
    net.save("own.caffemodel")
    own.blobs[0].data[...] = -1
    seen["changed"] = net.forward()["o"].copy()
    net.copy_from("own.caffemodel")
    seen["restored"] = net.forward()["o"].copy()

    text = 'layer { name: "p" type: "Python" top: "p" python_param { module: "user_layers" layer: "%s" } }'
    seen["phases"] = [float(_net(text % "Phase", phase).forward()["p"]) for phase in (caffe.TRAIN, caffe.TEST)]
    try:
        _net(text % "Raising").forward()
    except RuntimeError:
        seen["raises"] = True
    return seen


def python_loss():
    """A loss layer in Python, against EuclideanLoss."""
    text = """layer { name: "x" type: "DummyData" top: "x" top: "y" dummy_data_param { shape { dim: 5 dim: 3 }
        data_filler { type: "constant" value: 2 } data_filler { type: "constant" value: 0.5 } } }
      layer { name: "ipx" type: "InnerProduct" bottom: "x" top: "ipx" inner_product_param { num_output: 4 } }
      layer { name: "ipy" type: "InnerProduct" bottom: "y" top: "ipy" inner_product_param { num_output: 4 } }
      layer { name: "loss" %s bottom: "ipx" bottom: "ipy" top: "loss" loss_weight: 0.5 }"""
    seen = {}
    for name, kind in ("native", 'type: "EuclideanLoss"'), (
            "python", 'type: "Python" python_param { module: "user_layers" layer: "EuclideanLoss" }'):
        net = _net(text % kind)
        seen[name + " loss"] = net.forward()["loss"].copy()
        net.backward()
        seen[name + " diff"] = net.params["ipx"][0].diff.copy()
        seen[name + " other"] = net.params["ipy"][0].diff.copy()
    return seen
