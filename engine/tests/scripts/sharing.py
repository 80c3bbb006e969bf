"""Which arrays share their memory, keep it, and see what is written to them."""
import numpy as np

import caffe

X = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 4 } } }\n'


def _net(layers, head="force_backward: true\n", phase=caffe.TRAIN):
    with open("net.prototxt", "w") as file:
        file.write(head + X + layers)
    net = caffe.Net("net.prototxt", phase)
    random = np.random.RandomState(2)
    for blob in [net.blobs["x"]] + [blob for blobs in net.params.values() for blob in blobs]:
        blob.data[...] = random.uniform(-1, 1, size=blob.data.shape)
    return net


def _ip(name, bottom, top):
    return ('layer { name: "%s" type: "InnerProduct" bottom: "%s" top: "%s" inner_product_param { num_output: 3 } }\n'
            % (name, bottom, top))


BRANCHES = _ip("a", "x", "a") + """layer { name: "b" type: "TanH" bottom: "a" top: "b" }
layer { name: "c" type: "Reshape" bottom: "a" top: "c" reshape_param { shape { dim: 3 dim: -1 } } }
layer { name: "d" type: "Power" bottom: "c" top: "d" power_param { scale: 2 } }
"""


def who_shares():
    """Tops that are their bottoms, and tops that are not, when the net is made, after forward and after backward."""
    seen = {}
    for layer in ('"Flatten"', '"Reshape" reshape_param { shape { dim: 0 dim: -1 } }', '"Concat"', '"Slice"', '"Split"',
                  '"Tile" tile_param { tiles: 1 }', '"Power"', '"ReLU"', '"Softmax"', '"Scale"', '"BatchNorm"',
                  '"TanH"', '"Dropout"', '"Dropout" include { phase: TEST }'):
        net = _net('layer { name: "l" bottom: "x" top: "y" type: %s }' % layer,
                   phase=caffe.TEST if "TEST" in layer else caffe.TRAIN)
        x, y = net.blobs["x"], net.blobs["y"]

        def shared():
            return [np.shares_memory(x.data, y.data), np.shares_memory(x.diff, y.diff)]
        net.forward()
        after_forward = shared()
        net.backward()
        seen[layer] = after_forward + shared()
    return seen


def parameter_layer():
    """Its top is its learnable blob."""
    net = _net('layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 2 dim: 3 } } }\n'
               'layer { name: "q" type: "Power" bottom: "p" top: "q" power_param { scale: 3 } }', head="")
    net.forward()
    top, blob = net.blobs["p"], net.params["p"][0]
    seen = {"shared": [np.shares_memory(top.data, blob.data), np.shares_memory(top.diff, blob.diff)]}
    blob.data[...] = 4
    seen["forward"] = net.forward()["q"].copy()
    return seen


def views():
    """An array that is held shows what later passes compute, in place or not, and after a reshape to the same shape."""
    net = _net(BRANCHES + 'layer { name: "r" type: "ReLU" bottom: "d" top: "d" }\n')
    net.forward()
    net.backward()
    held = {name: (blob.data, blob.diff) for name, blob in net.blobs.items()}
    seen = {}
    for step in range(3):
        if step == 2:
            net.blobs["x"].reshape(2, 3, 4)
            net.reshape()
        net.blobs["x"].data[...] = np.random.RandomState(step).normal(size=(2, 3, 4))
        net.forward()
        for name in "b", "d":
            net.blobs[name].diff[...] = step + 1
        net.backward()
        for name, (data, diff) in held.items():
            seen["%s %d" % (name, step)] = np.array([data.ravel(), diff.ravel()])
            seen["%s %d is held" % (name, step)] = [np.shares_memory(data, net.blobs[name].data),
                                                    np.shares_memory(diff, net.blobs[name].diff)]
    return seen


def weights_that_are_held():
    """Arrays of weights and their gradients show what a solver does, and what is written to them counts."""
    with open("solver.prototxt", "w") as file:
        file.write('net: "net.prototxt" base_lr: 0.1 momentum: 0.9 lr_policy: "fixed" display: 0 max_iter: 9')
    _net(_ip("a", "x", "a") + 'layer { name: "l" type: "Reduction" bottom: "a" top: "l" loss_weight: 1 '
         'reduction_param { operation: SUMSQ } }', head="")
    solver = caffe.SGDSolver("solver.prototxt")
    weight, bias = (blob.data for blob in solver.net.params["a"])
    slope = solver.net.params["a"][0].diff
    solver.net.blobs["x"].data[...] = np.arange(24).reshape(2, 3, 4) / 24
    weight[...] = np.arange(36).reshape(3, 12) / 36
    seen = {}
    for step in range(3):
        solver.step(1)
        bias[1] = 1
        seen["%d" % step] = np.concatenate([weight.ravel(), bias.ravel(), slope.ravel()])
    return seen


def parts():
    """What is written between partial passes reaches all who share it."""
    net = _net(BRANCHES)
    net.forward()
    net.forward(end="a")
    net.blobs["a"].data[...] = np.arange(6).reshape(2, 3)
    split = next(name for name in net._layer_names if "split" in name)
    following = net._layer_names[list(net._layer_names).index(split) + 1]
    seen = {"after the split": net.forward(start=following)["d"].copy(), "b": net.blobs["b"].data.copy()}
    net.blobs["c"].data[0] = -5
    seen["through reshape"] = net.forward(start="d")["d"].copy()
    seen["a then"] = net.blobs["a"].data.copy()
    seen["from b"] = net.forward(start="b")["b"].copy()
    net.blobs["d"].diff[...] = 1
    net.blobs["b"].diff[...] = 0
    seen["backward to c"] = net.backward(start="d", end="c", diffs=["c"])["c"].copy()
    net.blobs["c"].diff[...] *= 3
    seen["backward"] = net.backward(start="b")["x"].copy()
    return seen


def deep_dream():
    """The gradient of what a layer says: its values as their own gradient."""
    net = _net(_ip("a", "x", "a") + 'layer { name: "b" type: "TanH" bottom: "a" top: "a" }\n' + _ip("c", "a", "c"))
    source, target = net.blobs["x"], net.blobs["a"]
    seen = {}
    for step in range(3):
        net.forward(end="b")
        target.diff[:] = target.data
        net.backward(start="b")
        slope = source.diff[0]
        source.data[:] += 0.1 / np.abs(slope).mean() * slope
        seen[str(step)] = source.data.copy()
    return seen


def sizes():
    """Fewer values keep the memory, more get a new one, which is zeros and shared with nobody."""
    net = _net('layer { name: "s" type: "Split" bottom: "x" top: "s" top: "t" }\n'
               'layer { name: "r" type: "Reshape" bottom: "s" top: "r" reshape_param { shape { dim: -1 } } }')
    x, net.blobs["x"].data[...] = net.blobs["x"], np.arange(24).reshape(2, 3, 4)
    net.forward()
    held, seen = x.data, {}
    for shape in (1, 3, 4), (2, 3, 4), (4, 6), (3, 3, 4), (1, 3, 4):
        x.reshape(*shape)
        seen["%s" % (shape,)] = x.data.copy()
        seen["%s shared" % (shape,)] = [np.shares_memory(x.data, held)]
        seen["%s reshaped" % (shape,)] = list(net.blobs["r"].data.shape)
        x.data[..., 0] += 1
        net.forward()
        seen["%s forward" % (shape,)] = net.blobs["r"].data.copy()
    return seen


def gradients_of_losses():
    """A loss weight is the gradient of its top, which scripts may change."""
    net = _net(_ip("a", "x", "a") + 'layer { name: "l" type: "Reduction" bottom: "a" top: "l" loss_weight: 2 }',
               head="")
    seen = {}
    for factor in 1, 3:
        net.blobs["l"].diff[...] *= factor
        seen["loss %d" % factor] = net._forward(0, len(net.layers) - 1)
        net.clear_param_diffs()
        net.backward()
        seen["gradient %d" % factor] = net.params["a"][0].diff.copy()
    return seen


def shared_params():
    """Params of one name are one array, and stay so when another net shares them."""
    text = "".join(_ip(name, "x", name).replace("inner_product_param", 'param { name: "w" } inner_product_param')
                   for name in "ab")
    first, second = _net(text), _net(text)
    a, b = first.params["a"], first.params["b"]
    seen = {"one": [np.shares_memory(a[0].data, b[0].data), np.shares_memory(a[0].diff, b[0].diff),
                    np.shares_memory(a[1].data, b[1].data)]}
    second.share_with(first)
    seen["two"] = [np.shares_memory(first.params[name][i].data, second.params[name][i].data)
                   for name in "ab" for i in (0, 1)]
    seen["two gradients"] = np.shares_memory(first.params["a"][0].diff, second.params["a"][0].diff)
    a[0].data[...] = 1
    seen["forward"] = second.forward(x=np.ones((2, 3, 4)))["b"].copy()
    return seen


def before_anything():
    """All is zero in a net that has not run, and shapes are known."""
    net = _net(BRANCHES)
    return {name: np.array([blob.data.ravel(), blob.diff.ravel()]) for name, blob in net.blobs.items() if name != "x"}
