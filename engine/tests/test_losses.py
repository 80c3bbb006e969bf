"""Losses, Softmax, Accuracy, ArgMax: what is refused, and what genuine Caffe cannot be asked, against NumPy."""
import re

import numpy as np
import pytest
import torch

from caffe.errors import CaffeError
from caffe.proto import caffe_pb2
from one_layer import make_net

SOFTMAX, INFOGAIN, CONTRASTIVE = 'type: "SoftmaxWithLoss"', 'type: "InfogainLoss"', 'type: "ContrastiveLoss"'
FLAT = [(4, 3), (4,)]
LABELLED = "SoftmaxWithLoss HingeLoss MultinomialLogisticLoss Accuracy InfogainLoss".split()


@pytest.mark.parametrize("layer, bottoms, said", [
    (SOFTMAX, [(4, 3), (3,)], "the first dimensions must be alike, the shapes are (4, 3) and (3,)"),
    (SOFTMAX, [(4, 3, 2), (4,)], "4 labels for 8 predictions"),
    (SOFTMAX + " softmax_param { axis: 2 }", FLAT, "axis 2, but the blob has 2 axes"),
    (SOFTMAX + " propagate_down: true propagate_down: true", FLAT, "cannot backpropagate to x1"),
    (SOFTMAX + " loss_weight: 1 loss_weight: 0", FLAT, "loss_weight must be unspecified or specified once per top"),
    ('type: "Softmax" softmax_param { axis: -3 }', [(4, 3)], "axis -3, but the blob has 2 axes"),
    ('type: "SigmoidCrossEntropyLoss"', [(4, 3), (4, 2)], "8 labels for 12 predictions"),
    ('type: "EuclideanLoss"', [(4, 3), (4, 2)], "bottoms of 3 and 2 values a datum"),
    ('type: "EuclideanLoss"', [(4, 3), (3, 4)], "the first dimensions must be alike"),
    ('type: "EuclideanLoss"', [(4, 3)], "takes 2 bottom blobs, here is 1"),
    ('type: "HingeLoss"', [(4, 3), (4, 2)], "8 labels for 4 predictions"),
    ('type: "MultinomialLogisticLoss"', [(4, 3), (4, 3)], "12 labels for 4 predictions"),
    (INFOGAIN, FLAT, "give H as a third bottom"),
    (INFOGAIN + ' infogain_loss_param { source: "nowhere" }', FLAT, "nowhere: No such file"),
    (INFOGAIN, [*FLAT, (3, 2)], "H has 6 values for 3 x 3 classes"),
    (INFOGAIN + " loss_param { normalize: true }", [*FLAT, (3, 3)], "give normalization"),
    (INFOGAIN + " propagate_down: true propagate_down: false propagate_down: true", [*FLAT, (3, 3)],
     "cannot backpropagate to x2"),
    (CONTRASTIVE, [(4, 3, 2), (4, 3, 2), (4,)], "(pairs, values), not (4, 3, 2) and (4, 3, 2)"),
    (CONTRASTIVE, [(4, 3), (4, 2), (4,)], "(pairs, values), not (4, 3) and (4, 2)"),
    (CONTRASTIVE, [(4, 3), (4, 3), (3,)], "3 labels for 4 predictions"),
    ('type: "Accuracy"', [(4, 3), (3,)], "3 labels for 4 predictions"),
    ('type: "Accuracy" accuracy_param { top_k: 4 }', FLAT, "top_k 4 of 3 classes"),
    ('type: "ArgMax" argmax_param { top_k: 0 }', [(4, 3)], "top_k must be 1 or more"),
    ('type: "ArgMax" argmax_param { top_k: 7 }', [(4, 3, 2)], "top_k 7 of 6 values"),
    ('type: "ArgMax" argmax_param { axis: 1 top_k: 4 }', [(4, 3, 2)], "top_k 4 of 3 values"),
])
def test_refused_while_the_net_is_built(layer, bottoms, said):
    with pytest.raises(CaffeError, match=r"layer layer \(.*" + re.escape(said)):
        make_net(layer, bottoms)


@pytest.mark.parametrize("name", LABELLED)
@pytest.mark.parametrize("label", [3, -1, np.nan, np.inf, 1e10])
def test_a_label_that_is_no_class(name, label):
    net = make_net('type: "%s"' % name, [*FLAT, *[(3, 3)] * (name == "InfogainLoss")])
    net.blobs["x1"].data[...] = [0, 1, label, 2]
    with pytest.raises(CaffeError, match=re.escape("layer layer (%s): label %g, but there are 3 classes, 0 to 2"
                                                   % (name, label))):
        net.run_forward()


@pytest.mark.parametrize("name", ["SoftmaxWithLoss", "InfogainLoss", "Accuracy"])
def test_only_the_ignored_label_may_be_no_class(name):
    kind = "accuracy" if name == "Accuracy" else "loss"
    net = make_net('type: "%s" %s_param { ignore_label: 255 }' % (name, kind),
                   [*FLAT, *[(3, 3)] * (name == "InfogainLoss")])
    net.blobs["x1"].data[...] = [0, 255, 255, 2]
    net.run_forward()
    net.blobs["x1"].data[...] = [0, 255, 254, 2]
    with pytest.raises(CaffeError, match="label 254"):
        net.run_forward()


@pytest.mark.parametrize("layer, bottoms", [
    (SOFTMAX, FLAT), ('type: "HingeLoss"', FLAT), ('type: "MultinomialLogisticLoss"', FLAT),
    ('type: "SigmoidCrossEntropyLoss"', [(4, 3), (4, 3)])], ids=lambda value: value if isinstance(value, str) else "")
def test_labels_that_are_learnt_are_refused_by_backward(layer, bottoms):
    """They are known only then: a net may be made for forward alone, and as long BVLC allows it."""
    learnt = 'layer { name: "learnt" type: "Bias" bottom: "x1" top: "x1" bias_param { axis: 0 } } '
    net = make_net(layer, bottoms, before=learnt)
    net.run_forward()
    with pytest.raises(CaffeError, match="cannot backpropagate to x1; give it propagate_down: false"):
        net.run_backward()


@pytest.mark.parametrize("name", ["Accuracy", "ArgMax"])
def test_force_backward_does_not_ask_for_gradients_that_there_are_not(name):
    net = make_net('type: "%s"' % name, FLAT[:1 + (name == "Accuracy")])
    net.run_forward()
    net.blobs["x0"].diff[...] = 7
    net.run_backward()
    assert (net.blobs["x0"].diff == 7).all()


def test_the_second_top_of_softmax_with_loss():
    """BVLC has it, but its loss weights are refused by a layer within."""
    random = np.random.RandomState(3)
    net = make_net(SOFTMAX + " loss_weight: 2 loss_weight: 0.5", [(2, 3, 4), (2, 4)], tops=2)
    x, label = random.normal(size=(2, 3, 4)).astype(np.float32), random.randint(0, 3, (2, 4))
    net.blobs["x0"].data[...], net.blobs["x1"].data[...] = x, label
    loss = net.run_forward()
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    own = np.take_along_axis(p, label[:, None], 1)
    np.testing.assert_allclose(net.blobs["y1"].data, p, rtol=1e-5)
    np.testing.assert_allclose(net.blobs["y0"].data, -np.log(own).mean(), rtol=1e-5)
    np.testing.assert_allclose(loss, -2 * np.log(own).mean() + 0.5 * p.sum(), rtol=1e-5)
    net.run_backward()  # of the loss alone, as for InfogainLoss
    one_hot = np.arange(3)[None, :, None] == label[:, None]
    np.testing.assert_allclose(net.blobs["x0"].diff, 2 * (p - one_hot) / 8, rtol=1e-4, atol=1e-6)


def test_infogain_with_the_unit_matrix_is_softmax_loss(tmp_path):
    """The matrix from a file of the old form, num x channels x height x width."""
    path = tmp_path / "H.binaryproto"
    proto = caffe_pb2.BlobProto(num=1, channels=1, height=3, width=3, data=np.eye(3).ravel())
    path.write_bytes(proto.SerializeToString())
    nets = [make_net(layer, FLAT) for layer in (SOFTMAX, INFOGAIN + ' infogain_loss_param { source: "%s" }' % path)]
    x = np.random.RandomState(4).normal(size=(4, 3))
    for net in nets:
        net.blobs["x0"].data[...], net.blobs["x1"].data[...] = x, [0, 1, 2, 1]
        net.run_forward()
        net.run_backward()
    for name, array in ("y0", "data"), ("x0", "diff"):
        np.testing.assert_allclose(*(getattr(net.blobs[name], array) for net in nets), rtol=1e-5)


@pytest.mark.parametrize("content", [b"\xff\xff", b""])
def test_a_matrix_that_is_damaged(tmp_path, content):
    (tmp_path / "H").write_bytes(content)
    with pytest.raises(CaffeError, match="H: not a binary BlobProto|H has 0 values"):
        make_net(INFOGAIN + ' infogain_loss_param { source: "%s" }' % (tmp_path / "H"), FLAT)


@pytest.mark.parametrize("layer, bottoms", [
    (SOFTMAX, FLAT), (INFOGAIN, [*FLAT, (3, 3)]), ('type: "HingeLoss"', FLAT),
    ('type: "MultinomialLogisticLoss"', FLAT), ('type: "SigmoidCrossEntropyLoss"', [(4, 3), (4, 3)]),
    ('type: "EuclideanLoss"', [(4, 3), (4, 3)]), (CONTRASTIVE, [(4, 3), (4, 3), (4,)]),
    ('type: "Accuracy"', FLAT), ('type: "ArgMax"', [(4, 300)])],
    ids=lambda value: value if isinstance(value, str) else "")
def test_bfloat16_is_computed_in_float32(layer, bottoms):
    random = np.random.RandomState(5)
    net = make_net(layer, bottoms)
    values = [torch.from_numpy(random.randint(0, 2, shape) * 0.5 + 0.5).to(torch.bfloat16) for shape in bottoms]
    values[1:2] = [torch.from_numpy(random.randint(0, 2, shape)).float() for shape in bottoms[1:2]]
    found = []
    for dtype in torch.float32, torch.bfloat16:
        for i, value in enumerate(values):
            net.blobs["x%d" % i].tensor = value.to(torch.float32 if i == 1 else dtype)  # exact in both
        net.run_forward()
        net.run_backward()
        found.append((net.blobs["y0"].tensor.clone(), net.blobs["x0"].grad.float().clone()))
    assert found[0][0].dtype == found[1][0].dtype == torch.float32
    assert torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[1][1], found[0][1], rtol=0.01, atol=1e-3)
