"""Habits of people's own scripts that notebooks do not show."""
import sys
import threading
import types

import numpy as np
import user_layers

import caffe
import caffe.io
from caffe import layers as L

TRUNK = """layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 6 dim: 6 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" inner_product_param { num_output: 5 } }
"""


def _net(text, phase=caffe.TEST):
    with open("net.prototxt", "w") as file:
        file.write(text)
    net, random = caffe.Net("net.prototxt", phase), np.random.RandomState(4)
    for blob in [net.blobs[name] for name in net.inputs] + [blob for blobs in net.params.values() for blob in blobs]:
        blob.data[...] = random.uniform(-1, 1, size=blob.data.shape)
    return net


def paths_of_bytes():
    """Names of files as bytes, as scripts from Python 2 encode them."""
    net = _net(TRUNK)
    net.save("net.caffemodel")
    with open("solver.prototxt", "w") as file:
        file.write('net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" snapshot_prefix: "s"')
    weight = net.params["fc"][0].data
    old = caffe.Net(b"net.prototxt", b"net.caffemodel", caffe.TEST)
    named = caffe.Net(b"net.prototxt", caffe.TEST, weights=b"net.caffemodel")
    solver = caffe.SGDSolver(b"solver.prototxt")
    solver.net.copy_from(b"net.caffemodel")
    return {"same": [np.array_equal(weight, other.params["fc"][0].data) for other in (old, named, solver.net)]}


def other_encodings():
    """A comment in Latin-1, another in GBK: prototxts come from everywhere."""
    with open("net.prototxt", "wb") as file:
        file.write(b"# caf\xe9\n# \xb2\xe3\n" + TRUNK.encode())
    with open("solver.prototxt", "wb") as file:
        file.write(b'# \xb2\xe3\nnet: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" snapshot_prefix: "s"')
    return {"net": list(caffe.Net("net.prototxt", caffe.TEST).blobs),
            "solver": list(caffe.SGDSolver("solver.prototxt").net.blobs)}


def names_taken_from_modules():
    """What scripts find in caffe.io and caffe.net_spec, though it is not documented."""
    image = np.arange(48.).reshape(4, 4, 3) / 48
    return {"resize": caffe.io.resize(image, (8, 8), order=1, mode="constant").shape,
            "zoom": caffe.io.zoom(image, (2, 2, 1), order=1), "skimage": caffe.io.skimage.__name__,
            "fields": sorted("%s %s" % pair for pair in caffe.net_spec.param_name_dict().items())}


def deprocessed():
    """Of what type an image is after deprocess: what `image[image < 0] = 0`, or imshow, goes on with."""
    transformer = caffe.io.Transformer({"data": (1, 3, 4, 5)})
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_channel_swap("data", (2, 1, 0))
    transformer.set_mean("data", np.array([104., 117., 123.]))
    transformer.set_raw_scale("data", 255)
    transformer.set_input_scale("data", 0.5)
    values = np.random.RandomState(0).normal(size=(3, 4, 5))
    seen = {}
    for dtype in np.float32, np.float64:
        image = transformer.deprocess("data", values.astype(dtype))
        seen.update({"%s image" % dtype.__name__: image, "%s type" % dtype.__name__: image.dtype.name})
    return seen


def numerical_gradient():
    """A Python layer's gradient against differences: DummyData that is written to, each output as the only loss."""
    n = caffe.NetSpec()
    n.a = L.DummyData(name="a", dummy_data_param={"shape": {"dim": [2, 3]}})
    n.b = L.Python(n.a, name="tested", ntop=1, propagate_down=[True], loss_weight=[1.0],
                   python_param={"module": "user_layers", "layer": "Times", "param_str": "3"})
    net = _net("force_backward: true\n" + str(n.to_proto()))
    values, slopes, step = np.arange(6.).reshape(2, 3), [], 0.05
    for i in range(6):
        net.blobs["a"].data[...] = values
        net.forward()
        net.blobs["b"].diff[...] = 0
        net.blobs["b"].diff.flat[i] = 2
        net.backward(**{"b": net.blobs["b"].diff})
        computed = net.blobs["a"].diff.flat[i]
        sides = []
        for move in step, -2 * step:
            net.blobs["a"].data.flat[i] += move
            net.forward()
            sides.append(2 * net.blobs["b"].data.flat[i])
        slopes.append([computed, round((sides[0] - sides[1]) / step / 2, 3)])
    return {"slopes": slopes}


def several_losses():
    """Style transfer: gradients set at one layer and added to at another on the way down."""
    net = _net("force_backward: true\n" + TRUNK)
    net.forward(end="fc")
    net.blobs["fc"].diff[...] = net.blobs["fc"].data
    net.backward(start="fc", end="relu")
    slope = net.blobs["conv"].diff
    slope += 0.5 * net.blobs["conv"].data
    net.backward(start="relu")
    return {"x": net.blobs["x"].diff.copy()}


def layers_of_the_notebook():
    """A Python layer whose module was never a file, used from other threads, by several nets, its object changed."""
    module = types.ModuleType("made_here")
    module.Double = type("Double", (user_layers.Times,), {})
    sys.modules["made_here"] = module
    text = TRUNK + ('layer { name: "py" type: "Python" bottom: "fc" top: "y" python_param { module: "made_here" '
                    'layer: "Double" param_str: "2" } }')
    nets, seen = [_net(text) for _ in range(3)], {}
    layer = nets[1].layer_dict["py"]
    layer.factor = -1
    seen["is the user's"] = isinstance(layer, user_layers.Times) and layer is nets[1].layers[-1]
    for i, net in enumerate(nets):
        thread = threading.Thread(target=lambda: seen.update({"y%d" % i: net.forward()["y"].copy()}))
        thread.start()
        thread.join()
    return seen


def proposals():
    """A layer that finds in forward how much it has to give, before layers that follow."""
    net = _net(TRUNK.split("layer { name: \"conv\"")[0] + 'layer { name: "py" type: "Python" bottom: "x" top: "y" '
               'python_param { module: "user_layers" layer: "Growing" } }\n'
               'layer { name: "fc" type: "InnerProduct" bottom: "y" top: "z" inner_product_param { num_output: 2 } }')
    return {"z%d" % i: net.forward()["z"].copy() for i in range(4)}
