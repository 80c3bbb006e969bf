"""What nets refuse while they are built, and what genuine Caffe cannot vouch for: it aborts there, or has it wrong.

How nets are built and blobs shared is compared with genuine Caffe's by scripts/nets.py and scripts/sharing.py.
"""
import json
import os
import subprocess

import numpy as np
import pytest
import torch

import caffe
from caffe.blob import Blob
from caffe.errors import CaffeError
from genuine import GENUINE, needs_genuine

X = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 4 } } }\n'
XY = X.replace('top: "x"', 'top: "x" top: "y"')
LABELLED = X.replace('top: "x"', 'top: "x" top: "s"').replace("}", "} shape { dim: 2 }", 1)


def ip(name, bottom, more=""):
    return ('layer { name: "%s" type: "InnerProduct" bottom: "%s" top: "%s" inner_product_param { num_output: 3 } %s }'
            % (name, bottom, name, more))


def one(layer, bottoms="x", tops="t", before=X):
    return before + 'layer { name: "l" %s %s type: %s }' % (
        " ".join('bottom: "%s"' % name for name in bottoms), " ".join('top: "%s"' % name for name in tops), layer)


RNN_INPUTS = """layer { name: "in" type: "Input" top: "x" top: "c" top: "s" top: "h"
    input_param { shape { dim: 3 dim: 2 dim: 4 } shape { dim: 3 dim: 2 } shape { dim: 2 dim: 5 }
                  shape { dim: 1 dim: 2 dim: 3 } } }"""
LSTM = '"LSTM" recurrent_param { num_output: 3 %s }'

REFUSED = {  # what genuine Caffe aborts on -> the net and what must be said
    "unknown type": (one('"Convolutoin"'), "layer l: unknown layer type 'Convolutoin'; known are .*Convolution"),
    "unknown bottom": (X + ip("a", "z"), r"Unknown bottom blob 'z' \(layer 'a', bottom index 0\)"),
    "top made twice": (X + ip("a", "x") + ip("a", "x"), "layer a .*'a' produced by multiple sources"),
    "in place by the wrong position": (one('"Eltwise"', "xy", "y", XY), "layer l .*'y' produced by multiple sources"),
    "too few bottoms": (one('"Eltwise"'), r"layer l \(Eltwise\): takes 2 or more bottom blobs, here is 1"),
    "too many tops": (one('"ReLU"', tops="tu"), "takes 1 top blob, here are 2"),
    "too many params": (X + ip("a", "x", "param { } param { } param { }"), r"3 param \{ \} for 2 learnable blobs"),
    "too few propagate_down": (one('"Eltwise" propagate_down: true', "xy", before=XY), "propagate_down is given 1 "),
    "too many loss_weights": (X + ip("a", "x", "loss_weight: 1 loss_weight: 1"), "loss_weight .*2 for 1"),
    "include and exclude": (X + ip("a", "x", "include { } exclude { }"), "layer a: .*include or exclude"),
    "shared by shapes that differ": (X + ip("a", "x", 'param { name: "w" }') + ip("b", "a", 'param { name: "w" }'),
                                     r"layer b .*share param 'w'.*\(3, 12\) there, \(3, 3\) here"),
    "permissive but of another size": (
        X + ip("a", "x", 'param { name: "w" }') + ip("b", "a", 'param { name: "w" share_mode: PERMISSIVE }'),
        "layer b .*share param 'w'.*36 values there, 9 here"),
    "shared at two rates": (X + ip("a", "x", 'param { name: "w" lr_mult: 1 }')
                            + ip("b", "x", 'param { name: "w" lr_mult: 2 }'), "param 'w' has mismatched lr_mult"),
    "shared at two decays": (X + ip("a", "x", 'param { name: "w" decay_mult: 1 }')
                             + ip("b", "x", 'param { name: "w" decay_mult: 2 }'), "mismatched decay_mult"),
    "inputs": (X.replace("}", "} shape { dim: 1 }", 1), "layer in .*give 0 shapes, 1, or one a top"),
    "negative dimension": (X.replace("dim: 2", "dim: -2"), "layer in .*negative|dimension is negative"),
    "concat": (one('"Concat"', "xs", before=LABELLED), r"\(2, 3, 4\) and \(2,\) differ in more than axis 1"),
    "concat axis": (one('"Concat" concat_param { axis: 3 }'), "axis 3, but the blob has 3 axes"),
    "concat axis from the end": (one('"Concat" concat_param { axis: -4 }'), "axis -4, but the blob has 3 axes"),
    "concat axis twice": (one('"Concat" concat_param { axis: 1 concat_dim: 1 }'), "either axis or concat_dim"),
    "concat_dim": (one('"Concat" concat_param { concat_dim: 3 }'), "concat_dim 3, but the blob has 3 axes"),
    "slice unevenly": (one('"Slice"', tops="tu"), "2 tops cannot share 3 evenly; give slice_point"),
    "slice_points": (one('"Slice" slice_param { slice_point: 1 }'), "1 slice_points for 1 tops; give 0"),
    "slice_points that fall": (one('"Slice" slice_param { axis: 2 slice_point: 2 slice_point: 1 }', tops="tuv"),
                               r"slice_points \[2, 1\] do not increase"),
    "slice axis twice": (one('"Slice" slice_param { axis: 1 slice_dim: 1 }'), "either axis or slice_dim"),
    "split in place": (one('"Split"', tops="x"), "cannot work in place"),
    "flatten in place": (one('"Flatten"', tops="x"), "cannot work in place"),
    "flatten backwards": (one('"Flatten" flatten_param { axis: 2 end_axis: 0 }'), "axis 2 comes after end_axis 0"),
    "flatten axis": (one('"Flatten" flatten_param { end_axis: 3 }'), "axis 3, but the blob has 3 axes"),
    "reshape in place": (one('"Reshape" reshape_param { shape { dim: 0 dim: -1 } }', tops="x"), "cannot work in place"),
    "reshape count": (one('"Reshape" reshape_param { shape { dim: 5 } }'), r"shape \(5,\) for \(2, 3, 4\)"),
    "reshape infers two": (one('"Reshape" reshape_param { shape { dim: -1 dim: -1 } }'), "more than one -1"),
    "reshape cannot infer": (one('"Reshape" reshape_param { shape { dim: 5 dim: -1 } }'), r"24 values .*\[5, -1\]"),
    "reshape copies nothing": (one('"Reshape" reshape_param { shape { dim: 0 } axis: 3 }'), "no axis to copy"),
    "reshape axis": (one('"Reshape" reshape_param { axis: 4 }'), "axis 4, but the bottom has 3 axes"),
    "reshape num_axes": (one('"Reshape" reshape_param { axis: 2 num_axes: 2 }'), "axis 2 and num_axes 2"),
    "tile": (one('"Tile"'), "tiles must be given and positive"),
    "eltwise shapes": (one('"Eltwise"', "xs", before=LABELLED), r"bottoms of shapes \(2, 3, 4\) and \(2,\)"),
    "eltwise coeff": (one('"Eltwise" eltwise_param { coeff: 1 }', "xy", before=XY), "1 coeff for 2 bottoms"),
    "eltwise coeff of a product": (one('"Eltwise" eltwise_param { operation: PROD coeff: 1 coeff: 1 }', "xy",
                                       before=XY), "no coeff for a product"),
    "reduction axis": (one('"Reduction" reduction_param { axis: 3 }'), "axis 3, but the blob has 3 axes"),
    "filter selector": (one('"Filter"', "xy", before=XY), "the selector's axes but the first must be 1"),
    "filter tops": (one('"Filter"', "xs", "tu", LABELLED), "needs a top for each bottom but the selector, 1, not 2"),
    "filter items": (one('"Filter"', "xs", before=LABELLED.replace("dim: 2 }", "dim: 5 }")), "the selector has"),
    "batch_reindex": (one('"BatchReindex"', "xy", before=XY), "the index must have 1 axis"),
    "embed": (one('"Embed" embed_param { num_output: 2 }'), "input_dim must be positive"),
    "inner_product axis": (one('"InnerProduct" inner_product_param { num_output: 2 axis: -4 }'), "axis -4"),
    "inner_product outputs": (one('"InnerProduct"'), "num_output must be positive"),
    "lstm bottoms": (one(LSTM % "", "x", "t", RNN_INPUTS), "2 or 3 bottoms, not 1|takes 2 or more bottom blobs"),
    "lstm x": (one(LSTM % "", "cc", "t", RNN_INPUTS), "x must have 3 axes or more, .* it has shape .3, 2."),
    "lstm cont": (one(LSTM % "", "xs", "t", RNN_INPUTS), r"cont must be of shape \(3, 2\)"),
    "lstm hidden tops": (one(LSTM % "expose_hidden: true", "xchh", "t", RNN_INPUTS), "makes 3 tops, not 1"),
    "lstm hidden shape": (one(LSTM % "expose_hidden: true", "xchx", "tuv", RNN_INPUTS),
                          r"a hidden state must be of shape \(1, 2, 3\); it is \(3, 2, 4\)"),
    "lstm outputs": (one('"LSTM"', "xc", "t", RNN_INPUTS), "num_output must be positive"),
    "lstm_unit": (one('"LSTMUnit"', "hxc", "tu", RNN_INPUTS), r"the gates must be of shape \(1, 2, 12\)"),
}


def make(text, tmp_path, phase=caffe.TRAIN):
    (tmp_path / "net.prototxt").write_text(text)
    net = caffe.Net(str(tmp_path / "net.prototxt"), phase)
    random = np.random.RandomState(0)
    for blob in [net.blobs[name] for name in net.inputs] + [blob for blobs in net.params.values() for blob in blobs]:
        blob.data[...] = random.normal(size=blob.shape)
    return net


@pytest.mark.parametrize("name", REFUSED)
def test_refused_while_the_net_is_built(name, tmp_path):
    text, message = REFUSED[name]
    with pytest.raises(CaffeError, match=message):
        make(text, tmp_path)


@needs_genuine
def test_genuine_caffe_refuses_the_same(tmp_path):
    program = """
import json, os, sys
import caffe
for name, text in json.load(sys.stdin).items():
    with open("net.prototxt", "w") as file:
        file.write(text)
    child = os.fork()
    if not child:
        net = caffe.Net("net.prototxt", caffe.TRAIN)
        [blob.data for blob in net.blobs.values()]
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        print("ACCEPTED", name)
"""
    nets = {name: text for name, (text, _) in REFUSED.items()}
    done = subprocess.run([str(GENUINE), "-c", program], input=json.dumps(nets), capture_output=True, text=True,
                          cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""}, check=True)
    assert done.stdout == ""


def test_indices_out_of_range(tmp_path):
    """BVLC reads whatever lies there."""
    embed = make(one('"Embed" embed_param { num_output: 2 input_dim: 5 }'), tmp_path)
    reindex = make(one('"BatchReindex"', "xs", before=LABELLED), tmp_path)
    for net, name, limit in (embed, "x", 5), (reindex, "s", 2):
        net.blobs[name].data[...] = limit - 1
        net.forward()
        for index in -1, limit:
            net.blobs[name].data.flat[1] = index
            with pytest.raises(CaffeError, match=r"layer l .*index %d\b" % index):
                net.forward()


def test_no_gradient_where_there_is_none(tmp_path):
    """force_backward, on which BVLC aborts at indices and selectors; an empty selection, where it divides by 0."""
    for net, name in ((make("force_backward: true\n" + one('"Filter"', "xs", before=LABELLED), tmp_path), "s"),
                      (make("force_backward: true\n" + one('"BatchReindex"', "xs", before=LABELLED), tmp_path), "s"),
                      (make("force_backward: true\n" + one('"Embed" embed_param { num_output: 2 input_dim: 5 }'),
                            tmp_path), "x")):
        net.blobs[name].data[...] = 0
        net.blobs[name].diff[...] = 9
        net.forward()
        net.blobs["t"].diff[...] = 1
        net.backward()
        assert (net.blobs[name].diff == 9).all()
    filtered = make("force_backward: true\n" + one('"Filter"', "xs", before=LABELLED), tmp_path)
    filtered.blobs["s"].data[...] = 0
    filtered.blobs["x"].diff[...] = 9
    assert filtered.forward()["t"].shape == (0, 3, 4)
    filtered.backward()
    assert (filtered.blobs["x"].diff == 0).all()


def numeric_gradient(net, blob, loss):
    found = np.zeros(blob.shape)
    for i in range(blob.count):
        value, losses = blob.data.flat[i], []
        for step in 1e-2, -1e-2:
            blob.data.flat[i] = value + step
            losses.append(loss())
        blob.data.flat[i] = value
        found.flat[i] = (losses[0] - losses[1]) / 2e-2
    return found


def test_in_place_layers_that_need_what_is_overwritten(tmp_path):
    """BVLC's Sigmoid and Power take the gradient at what the layers after them wrote. Here it is the derivative."""
    net = make("force_backward: true\n" + X + ip("a", "x") + "".join(
        'layer { name: "%s" type: %s bottom: "a" top: "a" }\n' % (type[1:4], type) for type in (
            '"Sigmoid"', '"Power" power_param { power: 2 shift: 1 }', '"TanH"'))
        + ip("b", "a", "loss_weight: 1"), tmp_path)
    for exposed in False, True:
        if exposed:
            assert net.blobs["a"].data is not None
        net.forward()
        net.backward()
        gradient = net.blobs["x"].diff.copy()
        expected = numeric_gradient(net, net.blobs["x"], lambda: net._forward(0, len(net.layers) - 1))
        assert np.abs(gradient - expected).max() < 0.01 * np.abs(expected).max()


def test_product_of_zeros_has_a_gradient(tmp_path):
    """BVLC's is NaN there unless stable_prod_grad."""
    net = make("force_backward: true\n" + one('"Eltwise" eltwise_param { operation: PROD stable_prod_grad: false }',
                                              "xy", before=XY), tmp_path)
    net.blobs["x"].data[...] = 0
    net.forward()
    net.blobs["t"].diff[...] = 2
    net.backward()
    np.testing.assert_allclose(net.blobs["x"].diff, 2 * net.blobs["y"].data)


def test_a_loss_weight_outlives_a_larger_shape(tmp_path):
    """In BVLC the new memory is zeros, and the loss is 0 from then on."""
    net = make(X + ip("a", "x", "loss_weight: 2"), tmp_path)
    for size in 2, 5, 1:
        net.blobs["x"].reshape(size, 3, 4)
        net.blobs["x"].data[...] = 1
        loss = net._forward(0, len(net.layers) - 1)
        assert loss == pytest.approx(2 * net.blobs["a"].data.sum(), rel=1e-5) and loss != 0


def test_gradients_that_are_freed_in_training_are_the_same(tmp_path):
    """Tops that share their gradients with bottoms or weights must not lose them."""
    text = X + ip("a", "x") + """
        layer { name: "r" type: "Reshape" bottom: "a" top: "r" reshape_param { shape { dim: -1 } } }
        layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 6 } } }
        layer { name: "e" type: "Eltwise" bottom: "r" bottom: "p" top: "e" eltwise_param { operation: PROD } }
        layer { name: "f" type: "Flatten" bottom: "e" top: "f" flatten_param { axis: 0 } }
        layer { name: "loss" type: "Reduction" bottom: "f" top: "loss" loss_weight: 1 }"""
    found = []
    for keep in True, False:
        net = make(text, tmp_path)
        net.context.keep = keep
        net.forward()
        net.backward()
        found.append([blob.diff.copy() for blobs in net.params.values() for blob in blobs])
    assert all(np.array_equal(*pair) and np.abs(pair[0]).max() > 0 for pair in zip(*found))


def test_what_a_script_writes_stays_in_its_blob(tmp_path):
    """A top that is its bottom in torch (Dropout in TEST, a slice of it) is not in the blob's memory."""
    net = make(X + """layer { name: "d" type: "Dropout" bottom: "x" top: "d" }
        layer { name: "s" type: "Slice" bottom: "d" top: "s" top: "t" slice_param { slice_point: 1 } }""", tmp_path,
               caffe.TEST)
    net.forward()
    before = net.blobs["d"].data.copy()
    net.blobs["x"].data[...] = 100
    np.testing.assert_array_equal(net.blobs["d"].data, before)
    net.blobs["d"].data[...] = -100
    np.testing.assert_array_equal(net.blobs["t"].data, before[:, 1:])


def test_blobs_keep_half_precision_until_they_are_looked_at():
    blob = Blob(2, 3)
    blob.tensor = torch.ones(2, 3, dtype=torch.bfloat16)
    assert blob.tensor.dtype == torch.bfloat16
    blob.data[0] = 1.001
    assert blob.data.dtype == np.float32 and blob.tensor[0, 0] == np.float32(1.001)
    blob.tensor = torch.full((2, 3), 2, dtype=torch.bfloat16)
    assert (blob.data == 2).all()


def test_a_recurrent_layer_starts_from_zeros_for_new_streams(tmp_path):
    net = make(one(LSTM % "", "xc", "t", RNN_INPUTS), tmp_path)
    net.blobs["c"].data[...] = 1
    first = net.forward()["t"].copy()
    assert not np.array_equal(first, net.forward()["t"])  # carried over
    net.blobs["c"].data[0] = 0
    np.testing.assert_allclose(net.forward()["t"], first, rtol=1e-5)
