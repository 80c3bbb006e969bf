"""What public notebooks do with Caffe, on nets of a few weights."""
import os

import numpy as np
import scipy.ndimage as nd
from google.protobuf import text_format

import caffe
from caffe import layers as L
from caffe import params as P
from caffe.coord_map import crop

CAFFENET = """name: "SlimCaffeNet"
layer { name: "data" type: "Input" top: "data" input_param { shape: { dim: 2 dim: 3 dim: 23 dim: 23 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 6 kernel_size: 5 stride: 2 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
layer { name: "norm1" type: "LRN" bottom: "pool1" top: "norm1" lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 } }
layer { name: "conv2" type: "Convolution" bottom: "norm1" top: "conv2"
  convolution_param { num_output: 8 pad: 1 kernel_size: 3 group: 2 } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
"""
CLASSIFIER = CAFFENET + """
layer { name: "fc6" type: "InnerProduct" bottom: "conv2" top: "fc6" inner_product_param { num_output: 10 } }
layer { name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }
layer { name: "drop6" type: "Dropout" bottom: "fc6" top: "fc6" dropout_param { dropout_ratio: 0.5 } }
layer { name: "fc7" type: "InnerProduct" bottom: "fc6" top: "fc7" inner_product_param { num_output: 7 } }
layer { name: "prob" type: "Softmax" bottom: "fc7" top: "prob" }
"""
FULL_CONV = CAFFENET + """
layer { name: "fc6-conv" type: "Convolution" bottom: "conv2" top: "fc6-conv"
  convolution_param { num_output: 10 kernel_size: 5 } }
layer { name: "relu6" type: "ReLU" bottom: "fc6-conv" top: "fc6-conv" }
layer { name: "drop6" type: "Dropout" bottom: "fc6-conv" top: "fc6-conv" dropout_param { dropout_ratio: 0.5 } }
layer { name: "fc7-conv" type: "Convolution" bottom: "fc6-conv" top: "fc7-conv"
  convolution_param { num_output: 7 kernel_size: 1 } }
layer { name: "prob" type: "Softmax" bottom: "fc7-conv" top: "prob" }
"""


def _write(name, text):
    with open(name, "w") as file:
        file.write(str(text))
    return name


def _fill(net, seed=1):
    """Weights that are the same whoever computes them."""
    random = np.random.RandomState(seed)
    for name, blobs in net.params.items():
        for blob in blobs:
            blob.data[...] = random.normal(0, 1. / np.sqrt(max(blob.count // blob.data.shape[0], 1)), blob.data.shape)


def _pretrained():
    """(prototxt, caffemodel) of the classifier."""
    model = _write("deploy.prototxt", CLASSIFIER)
    net = caffe.Net(model, caffe.TEST)
    _fill(net)
    net.save("slim.caffemodel")
    return model, "slim.caffemodel"


def _image(height=31, width=27, seed=0):
    return np.random.RandomState(seed).uniform(size=(height, width, 3)).astype(np.float32)


def classification():
    """00-classification: preprocess, classify, look at activations and filters."""
    caffe.set_mode_cpu()
    model, weights = _pretrained()
    net = caffe.Net(model, weights, caffe.TEST)
    mu = np.arange(3 * 23 * 23).reshape(3, 23, 23).mean(1).mean(1) / 5.
    transformer = caffe.io.Transformer({"data": net.blobs["data"].data.shape})
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_mean("data", mu)
    transformer.set_raw_scale("data", 255)
    transformer.set_channel_swap("data", (2, 1, 0))
    net.blobs["data"].reshape(5, 3, 23, 23)
    transformed = transformer.preprocess("data", _image(23, 23))
    net.blobs["data"].data[...] = transformed
    output = net.forward()
    prob = output["prob"][0]
    seen = {"prob": prob, "top": prob.argsort()[::-1][:5], "deprocessed": transformer.deprocess("data", transformed)}
    seen["blob shapes"] = [name + "\t" + str(blob.data.shape) for name, blob in net.blobs.items()]
    seen["param shapes"] = [name + "\t" + str(param[0].data.shape) + str(param[1].data.shape)
                            for name, param in net.params.items()]
    seen["filters"] = net.params["conv1"][0].data.transpose(0, 2, 3, 1)
    seen["features"] = net.blobs["conv1"].data[0, :36]
    return seen


def filter_visualisation():
    """The notebooks' vis_square: normalise, pad, tile."""
    model, weights = _pretrained()
    net = caffe.Classifier(model, weights)
    data = net.params["conv1"][0].data.transpose(0, 2, 3, 1)
    data = (data - data.min()) / (data.max() - data.min())
    n = int(np.ceil(np.sqrt(data.shape[0])))
    padding = (((0, n ** 2 - data.shape[0]), (0, 1), (0, 1)) + ((0, 0),) * (data.ndim - 3))
    data = np.pad(data, padding, mode="constant", constant_values=1)
    data = data.reshape((n, n) + data.shape[1:]).transpose((0, 2, 1, 3) + tuple(range(4, data.ndim + 1)))
    return {"tiled": data.reshape((n * data.shape[1], n * data.shape[3]) + data.shape[4:])}


def classifier():
    """caffe.Classifier, with and without crops."""
    model, weights = _pretrained()
    net = caffe.Classifier(model, weights, image_dims=(29, 28), mean=np.array([100., 110., 120.]), input_scale=0.02,
                           raw_scale=255, channel_swap=(2, 1, 0))
    images = [_image(seed=i) for i in range(3)]
    return {"crops": net.predict(images), "centre": net.predict(images, oversample=False),
            "plain": caffe.Classifier(model, weights).predict(images[:1], False)}


def detector():
    """caffe.Detector on windows of images."""
    model, weights = _pretrained()
    load_image = caffe.io.load_image
    caffe.io.load_image = lambda name, color=True: _image(40, 50, int(name))
    try:
        net = caffe.Detector(model, weights, mean=np.array([100., 110., 120.]), raw_scale=255, channel_swap=(2, 1, 0))
        windows = [("3", np.array([[0, 0, 30, 30], [5, 10, 33, 49]])), ("4", np.array([[1, 2, 24, 25]]))]
        found = net.detect_windows(windows)
    finally:
        caffe.io.load_image = load_image
    return {"predictions": [np.squeeze(each["prediction"]) for each in found],
            "windows": [each["window"] for each in found], "files": [each["filename"] for each in found]}


def net_surgery():
    """net_surgery: edit filters, cast fully connected layers to convolutions, slide over a larger image."""
    model, weights = _pretrained()
    net = caffe.Net(model, weights, caffe.TEST)
    params = ["fc6", "fc7"]
    fc_params = {pr: (net.params[pr][0].data, net.params[pr][1].data) for pr in params}
    net_full_conv = caffe.Net(_write("full_conv.prototxt", FULL_CONV), weights, caffe.TEST)
    params_full_conv = ["fc6-conv", "fc7-conv"]
    conv_params = {pr: (net_full_conv.params[pr][0].data, net_full_conv.params[pr][1].data) for pr in params_full_conv}
    for pr, pr_conv in zip(params, params_full_conv):
        conv_params[pr_conv][0].flat = fc_params[pr][0].flat
        conv_params[pr_conv][1][...] = fc_params[pr][1]
    net_full_conv.save("full_conv.caffemodel")
    images = np.random.RandomState(3).normal(size=(2, 3, 23, 23))
    prob = net.forward_all(data=images)["prob"]
    same = net_full_conv.forward_all(data=images)["prob"]
    net_full_conv.blobs["data"].reshape(1, 3, 47, 39)
    out = net_full_conv.forward_all(data=np.random.RandomState(4).normal(size=(1, 3, 47, 39)))
    net.params["conv1"][0].data[0, 0] = 0
    net.params["conv1"][1].data[1:4] += 1
    net.params["conv1"][0].data[5, ...] *= -2
    edited = net.forward(data=images)["prob"]
    return {"prob": prob, "same": same.reshape(2, -1), "map": out["prob"], "argmax": out["prob"][0].argmax(axis=0),
            "edited": edited, "size": os.path.getsize("full_conv.caffemodel") > 1000}


def deep_dream():
    """DeepDream: force_backward by text_format, gradient ascent from a middle layer over octaves, with jitter."""
    model_file, weights = _pretrained()
    model = caffe.io.caffe_pb2.NetParameter()
    text_format.Merge(open(model_file).read(), model)
    model.force_backward = True
    _write("tmp.prototxt", model)
    net = caffe.Classifier("tmp.prototxt", weights, mean=np.float32([104.0, 116.0, 122.0]), channel_swap=(2, 1, 0))

    def preprocess(img):
        return np.float32(np.rollaxis(img, 2)[::-1]) - net.transformer.mean["data"]

    def objective_L2(dst):
        dst.diff[:] = dst.data

    def make_step(step_size=1.5, end="conv2", jitter=4, clip=True):
        src = net.blobs["data"]
        dst = net.blobs[end]
        ox, oy = np.random.randint(-jitter, jitter + 1, 2)
        src.data[0] = np.roll(np.roll(src.data[0], ox, -1), oy, -2)
        net.forward(end=end)
        objective_L2(dst)
        net.backward(start=end)
        g = src.diff[0]
        src.data[:] += step_size / np.abs(g).mean() * g
        src.data[0] = np.roll(np.roll(src.data[0], -ox, -1), -oy, -2)
        if clip:
            bias = net.transformer.mean["data"]
            src.data[:] = np.clip(src.data, -bias, 255 - bias)

    octaves = [preprocess(_image(40, 33) * 255)]
    for i in range(1):
        octaves.append(nd.zoom(octaves[-1], (1, 1.0 / 1.4, 1.0 / 1.4), order=1))
    src = net.blobs["data"]
    detail = np.zeros_like(octaves[-1])
    for octave, octave_base in enumerate(octaves[::-1]):
        h, w = octave_base.shape[-2:]
        if octave > 0:
            h1, w1 = detail.shape[-2:]
            detail = nd.zoom(detail, (1, 1.0 * h / h1, 1.0 * w / w1), order=1)
        src.reshape(1, 3, h, w)
        src.data[0] = octave_base + detail
        for i in range(3):
            make_step()
        detail = src.data[0] - octave_base
    return {"dream": np.array(src.data[0]), "diff": src.diff[0]}


def fully_convolutional():
    """FCN: skip connections cropped by coord_map, upsampling by bilinear surgery, a net of any input size."""
    n = caffe.NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 3, 20, 24]))
    n.conv1 = L.Convolution(n.data, kernel_size=3, num_output=4, pad=10)
    n.relu1 = L.ReLU(n.conv1, in_place=True)
    n.pool1 = L.Pooling(n.relu1, pool=P.Pooling.MAX, kernel_size=2, stride=2)
    n.conv2 = L.Convolution(n.pool1, kernel_size=3, num_output=5, pad=1)
    n.pool2 = L.Pooling(n.conv2, pool=P.Pooling.MAX, kernel_size=2, stride=2)
    n.score = L.Convolution(n.pool2, num_output=3, kernel_size=3, pad=0, param=[dict(lr_mult=1), dict(lr_mult=2)])
    n.upscore2 = L.Deconvolution(n.score, convolution_param=dict(num_output=3, kernel_size=4, stride=2,
                                                                 bias_term=False), param=[dict(lr_mult=0)])
    n.score_pool1 = L.Convolution(n.pool1, num_output=3, kernel_size=1)
    n.score_pool1c = crop(n.score_pool1, n.upscore2)
    n.fuse = L.Eltwise(n.upscore2, n.score_pool1c, operation=P.Eltwise.SUM)
    n.upscore = L.Deconvolution(n.fuse, convolution_param=dict(num_output=3, kernel_size=4, stride=2, bias_term=False),
                                param=[dict(lr_mult=0)])
    n.out = crop(n.upscore, n.data)
    net = caffe.Net(_write("fcn.prototxt", n.to_proto()), caffe.TEST)
    _fill(net)
    for layer in [k for k in net.params.keys() if "up" in k]:
        m, k, h, w = net.params[layer][0].data.shape
        factor = (h + 1) // 2
        center = factor - 1 if h % 2 == 1 else factor - 0.5
        og = np.ogrid[:h, :w]
        filt = (1 - abs(og[0] - center) / factor) * (1 - abs(og[1] - center) / factor)
        if m == k:
            net.params[layer][0].data[range(m), range(k), :, :] = filt
    seen = {"prototxt": [layer.name + " " + str(list(layer.crop_param.offset)) for layer in n.to_proto().layer]}
    for i, (h, w) in enumerate(((20, 24), (16, 20))):
        net.blobs["data"].reshape(1, 3, h, w)
        net.blobs["data"].data[...] = np.random.RandomState(i).normal(size=(1, 3, h, w))
        net.forward()
        seen["out%d" % i] = net.blobs["out"].data[0].copy()
    return seen
