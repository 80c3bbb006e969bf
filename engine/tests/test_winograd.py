"""Convolutions by Winograd's filtering: against the same in float64, and each image among others against itself."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import caffe
from caffe import packed, winograd
from test_channels_last import RANDOM, assert_near, reference


@pytest.mark.parametrize("images, channels, outputs, height, width, pad", [
    (1, 1, 1, 3, 3, (0, 0)), (5, 3, 4, 5, 4, (1, 1)), (3, 4, 2, 7, 8, (0, 1)), (4, 2, 3, 6, 9, (2, 0)),
    (2, 2, 2, 1, 2, (2, 1)), (2, 3, 2, 6, 4, (0, 0))])
@pytest.mark.parametrize("cached", [1, 10 ** 6])
def test_winograd(images, channels, outputs, height, width, pad, cached, monkeypatch):
    monkeypatch.setattr(winograd, "_CACHED", cached)
    monkeypatch.setattr(winograd, "_CACHED_FORWARD", cached)
    monkeypatch.setattr(winograd, "TILES", 1)  # with 1, image by image
    x, weight = RANDOM.randn(images, channels, height, width), RANDOM.randn(outputs, channels, 3, 3)
    bias = RANDOM.randn(outputs)
    made, gradients = reference(lambda x, weight, bias: torch.conv2d(x, weight, bias, 1, pad), x, weight, bias)
    diff = RANDOM.randn(*made.shape)
    rows, above = (torch.tensor(array.transpose(0, 2, 3, 1), dtype=torch.float32) for array in (x, diff))
    weight, bias = torch.tensor(weight).float(), torch.tensor(bias).float()
    found = winograd.convolve(rows, weight, bias, pad)
    assert_near(found.permute(0, 3, 1, 2), made)
    factors = winograd.factors(weight, (channels, height, width), pad)
    assert_near(winograd.convolve(rows, weight, bias, pad, factors), found)
    found = winograd.gradients(rows, weight, above, pad, (True, True))
    for array, wanted in zip((found[0].permute(0, 3, 1, 2), found[1]), gradients(diff)):
        assert_near(array, wanted)
    assert winograd.gradients(rows, weight, above, pad, (False, False)) == (None, None)


ALONE = """
import json, sys
import caffe
caffe.Net  # which loads PyTorch
import numpy as np
import torch
from caffe import winograd
convolve, used, counts, made = winograd.convolve, [], range(1, 20), []
net = caffe.Net(sys.argv[1], caffe.TEST)
apart = winograd._are_apart((128, 12, 10), 256, (1, 1), torch.get_num_threads())
winograd.convolve = lambda *given: used.append(len(given[0])) or convolve(*given)
x = np.random.RandomState(0).randn(19, 128, 12, 10).astype(np.float32)
for count in counts:
    net.blobs["x"].reshape(count, 128, 12, 10)
    net.blobs["x"].data[...] = x[:count]
    made.append(net.forward()["y"].copy())
weight, bias = (torch.from_numpy(blob.data).double() for blob in net.params["y"])
wanted = torch.conv2d(torch.from_numpy(x).double(), weight, bias, padding=1).numpy()
print(json.dumps({"used": used, "apart": apart, "alike": [bool((y == made[-1][:len(y)]).all()) for y in made],
                  "error": max(float(abs(y - wanted[:len(y)]).max() / abs(wanted).max()) for y in made)}))
"""
WITHOUT_AVX512 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}


@pytest.mark.skipif(not packed.usable(), reason="oneDNN on x86")
@pytest.mark.parametrize("environment", [{}, WITHOUT_AVX512, {**WITHOUT_AVX512, "MKL_CBWR": "AUTO"}])
def test_by_winograd_an_image_has_the_same_bits_among_however_many_others(tmp_path, environment):
    """Though matrix products have not, unless MKL is told so; then, by direct sums."""
    (tmp_path / "net").write_text("""
        layer { name: "x" type: "Input" top: "x" input_param { shape { dim: [1, 128, 12, 10] } } }
        layer { name: "y" type: "Convolution" bottom: "x" top: "y" convolution_param { num_output: 256 kernel_size: 3
          pad: 1 weight_filler { type: "xavier" } bias_filler { type: "gaussian" std: 1 } } }""")
    found = json.loads(subprocess.run(
        [sys.executable, "-c", ALONE, tmp_path / "net"], check=True, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(caffe.__file__).parents[1]), **environment}).stdout)
    assert found["alike"][packed.FEW:] == [True] * (19 - packed.FEW)
    assert found["used"] == (list(range(packed.FEW + 1, 20)) if found["apart"] else [])
    assert found["error"] < 2e-6
    if "MKL_CBWR" not in environment and "GenuineIntel" in Path("/proc/cpuinfo").read_text():
        assert found["apart"]


def test_products_that_depend_on_how_many_they_are_do_not_count_as_apart(monkeypatch):
    winograd._are_apart.cache_clear()
    assert not winograd.suits_each((256, 12, 10), (512, 256, 1, 1), (1, 1), (0, 0))
    convolve = winograd.convolve
    for lost, apart in (0, True), (1e-6, False):
        monkeypatch.setattr(winograd, "convolve", lambda x, *given, lost=lost: convolve(x[:1], *given).expand(
            len(x), -1, -1, -1) * (1 + lost * (len(x) > 3)))
        monkeypatch.setattr(torch, "rand", lambda *shape, generator: torch.ones(shape))
        assert winograd._are_apart((64, 12, 10), 8, (0, 0), 1) == apart
        winograd._are_apart.cache_clear()
