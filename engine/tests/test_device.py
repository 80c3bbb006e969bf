"""The engine's GPU path on a make-believe GPU (pretend_device.py), against what is recorded of genuine Caffe.

It finds what mixes the host with the device, copies more than it must, or leaves arrays and tensors apart.
"""
import numpy as np
import pytest
import torch

import caffe
import pretend_device
from caffe.errors import CaffeError
from genuine import AsGenuine
from pretend_device import gpu  # noqa: F401  a fixture


class TestOnThePretendDevice(AsGenuine):
    pass


# The device itself: what it is to find, it finds.

def test_the_device_is_apart_from_the_cpu():
    there, here = torch.ones(2, 3, device=pretend_device.DEVICE), torch.ones(2, 3)
    for mixture in (lambda: there + here, lambda: here.add_(there), lambda: torch.cat([here, there]),
                    lambda: torch.zeros(3, device=there.device).normal_(generator=torch.Generator())):
        with pytest.raises(RuntimeError, match="Expected"):
            mixture()
    for attempt in there.numpy, lambda: np.asarray(there):
        with pytest.raises((RuntimeError, TypeError)):
            attempt()
    assert not pretend_device.copies
    there.mul_(here.to(there.device) * 3)
    assert (there.cpu().numpy() == 3).all() and there.sum().item() == 18 and (here == 1).all()
    there[there == 3]
    assert pretend_device.copies == {"to device": 1, "to host": 1, "wait": 2}


# Arrays and tensors.

NET = """force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "double" type: "Power" bottom: "x" top: "y" power_param { scale: 2 } }
layer { name: "again" type: "Power" bottom: "y" top: "z" power_param { scale: 2 } }
"""


def make_net(tmp_path, text=NET):
    (tmp_path / "net.prototxt").write_text(text)
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TRAIN)
    pretend_device.copies.clear()
    return net


def test_an_array_that_nobody_holds_is_copied_once(tmp_path):
    net = make_net(tmp_path)
    net.blobs["x"].data[...] = 1
    pretend_device.copies.clear()
    net._forward(0, 2)
    assert pretend_device.copies["to device"] == 1
    for _ in range(3):
        net._forward(0, 2)
        net._backward(2, 0)
    assert pretend_device.copies == {"to device": 1}
    assert (net.blobs["z"].data == 4).all()


def test_an_array_that_is_held_is_read_and_written_without_asking_again(tmp_path):
    net = make_net(tmp_path)
    x, z, dx, dz = net.blobs["x"].data, net.blobs["z"].data, net.blobs["x"].diff, net.blobs["z"].diff
    for value in 1, 2:
        x[...], dz[...] = value, 3 * value
        net.forward()
        net.backward()
        assert (z == 4 * value).all() and (dx == 12 * value).all()
    assert x.base is net.blobs["x"].data.base


def test_callbacks_write_between_layers(tmp_path):
    net, seen = make_net(tmp_path), []
    y = net.blobs["y"].data

    def write(layer):
        if layer == 1:
            seen.append(y.copy())
            y[...] = 7
    net.after_forward(write)
    assert (net.forward(x=np.ones((2, 3)))["z"] == 14).all() and (seen[0] == 2).all()


def test_what_is_written_before_a_backward_is_what_it_computes_with(tmp_path):
    """As on the CPU, where autograd's tensors are the very memory that scripts write to."""
    net = make_net(tmp_path, NET.replace("scale: 2", "power: 2"))
    x = net.blobs["x"].data
    x[...] = 1
    net.forward(end="double")
    x[...] = 5
    net.blobs["y"].diff[...] = 1
    net.backward(start="double")
    assert (net.blobs["x"].diff == 10).all()


def test_a_smaller_shape_keeps_the_rest_of_a_held_array(tmp_path):
    net = make_net(tmp_path)
    y = net.blobs["y"].data
    net.forward(x=np.ones((2, 3)))
    y[1] = 9
    net.blobs["x"].reshape(1, 3)
    net.forward(x=np.full((1, 3), 5))
    assert (y == [[10] * 3, [9] * 3]).all()


def test_weights_are_copied_in_and_arrays_show_them(tmp_path):
    net = make_net(tmp_path, NET + 'layer { name: "ip" type: "InnerProduct" bottom: "x" top: "w" '
                   "inner_product_param { num_output: 2 weight_filler { value: 1 } } }")
    net.save(str(tmp_path / "ones.caffemodel"))
    weight = net.params["ip"][0].data
    weight[...] = 5
    net.save(str(tmp_path / "fives.caffemodel"))
    net.copy_from(str(tmp_path / "ones.caffemodel"))
    assert (weight == 1).all()
    net.copy_from(str(tmp_path / "fives.caffemodel"))
    assert (weight == 5).all()


# Errors.

LABELLED = NET.replace('top: "x"', 'top: "x" top: "label"').replace("dim: 3 } }", "dim: 3 } shape { dim: 2 } }")


@pytest.mark.parametrize("layer, message", [
    ('type: "SoftmaxWithLoss" bottom: "y" bottom: "label"', "layer l .*: label 7, but there are 3 classes"),
    ('type: "Embed" bottom: "label" embed_param { input_dim: 4 num_output: 2 }', "layer l .*: index 7 is not one of"),
    ('type: "BatchReindex" bottom: "x" bottom: "label"', "layer l .*: index 7, but there are the items 0 to 1"),
])
def test_wrong_labels_are_found_without_waiting(layer, message, tmp_path):
    net = make_net(tmp_path, LABELLED.replace("force_backward: true", "") + 'layer { name: "l" top: "t" %s }' % layer)
    net.blobs["label"].data[1] = 7
    with pytest.raises(CaffeError, match=message):
        net.forward()
    net.blobs["label"].data[1] = 1
    pretend_device.copies.clear()
    net._forward(0, len(net.layers) - 1)
    assert pretend_device.copies == {"to device": 1, "to host": 1}


def test_out_of_memory_names_the_layer(tmp_path, monkeypatch):
    net = make_net(tmp_path)

    def compute(x):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nOther lines.")
    monkeypatch.setattr(net.nodes[1].layer, "compute", compute)
    with pytest.raises(CaffeError, match=r"^layer double \(Power\): there is not enough memory; [^\n]*$"):
        net.forward()


# Choosing a device.

def test_the_device_and_the_mode_in_either_order(tmp_path):
    caffe.set_device(1)
    assert make_net(tmp_path).blobs["x"].tensor.device.type == pretend_device.NAME
    assert caffe.context.Context(caffe.TEST).device.index == 1
    caffe.set_device(0)
    caffe.set_mode_gpu()
    assert caffe.context.Context(caffe.TEST).device.index == 0
    with pytest.raises(CaffeError, match="no GPU 2; there are 0 to 1"):
        caffe.set_device(2)


def test_without_a_gpu_what_needs_it_says_so_and_the_cpu_can_be_chosen_again(monkeypatch, tmp_path):
    """As genuine Caffe without CUDA, which aborts in set_device, and after set_mode_gpu at the first layer."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setitem(caffe.context._settings, "device", torch.device("cpu"))
    caffe.set_mode_gpu()
    for attempt in lambda: caffe.set_device(0), lambda: make_net(tmp_path), caffe.Timer().start:
        with pytest.raises(CaffeError, match="no GPU here that PyTorch can use"):
            attempt()
    caffe.context._settings["device"] = torch.device("cpu")  # set_mode_cpu() does nothing here
    assert (make_net(tmp_path).forward(x=np.ones((2, 3)))["z"] == 4).all()


def test_float32_is_float32():
    torch.backends.cudnn.allow_tf32 = True
    caffe.set_mode_gpu()
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32


def test_a_timer_waits_for_the_device(gpu):
    timer = caffe.Timer()
    timer.start()
    assert gpu == [0]
    timer.stop()
    assert gpu == [0, 0]
