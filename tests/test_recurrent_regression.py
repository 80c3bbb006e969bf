"""prototxt/recurrent_regression.prototxt: its recurrent layers are what they are said to be, for every window."""
import caffe
import numpy as np
import pytest
from scipy.signal import correlate

from support.project import ROOT

NET = ROOT / "prototxt" / "recurrent_regression.prototxt"


def same(kernel, image):
    """The convolution, as Caffe has it, of (channels, h, w) by (out, channels, 3, 3) with a pad of 1: (out, h, w)."""
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    return np.stack([correlate(padded, one, mode="valid")[0] for one in kernel])


@pytest.mark.parametrize("window", [4, 8, 16])
def test_a_recurrent_layer_by_hand(window):
    net = caffe.Net(str(NET), caffe.TEST, stages=["window_%d" % window, "deploy"])
    assert net.blobs["pixels"].data.shape == (1, 3 * window, 112, 96) and net.blobs["intensity"].data.shape == (1, 1)
    net.blobs["pixels"].data[...] = np.random.RandomState(0).randint(0, 256, net.blobs["pixels"].data.shape)
    net.forward()
    kernels = [net.params["rcl3_again%d" % t] for t in (1, 2, 3)]
    assert all(len(one) == 1 and (one[0].data == kernels[0][0].data).all() for one in kernels)
    feed = same(net.params["rcl3"][0].data, net.blobs["pool_rcl2"].data[0]) + net.params["rcl3"][1].data[:, None, None]
    state = np.maximum(feed, 0)
    for _ in range(3):
        state = np.maximum(feed + same(kernels[0][0].data, state), 0)
    np.testing.assert_allclose(net.blobs["rcl3_state3"].data[0], state, rtol=1e-3, atol=1e-4)
    kernels[2][0].data[...] *= 2
    assert (kernels[0][0].data == kernels[2][0].data).all()  # one kernel, whichever layer it is written by
