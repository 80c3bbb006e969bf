"""The Python layers: values against the paper's formulas, gradients against numeric ones, set-up errors."""
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.caffe_runs import LayerInNet, write_samples

SMOOTH_L1 = "layers.smooth_l1_loss", "SmoothL1LossLayer"
CENTER = "layers.center_loss", "CenterLossLayer"
BALANCED = "layers.balanced_data", "BalancedDataLayer"


def numeric_gradient(loss, values, step=1e-2):
    """Central differences of `loss()` with respect to the array `values`, which is changed in place and restored."""
    gradient = np.zeros(values.shape)
    for i in np.ndindex(*values.shape):
        value = values[i]
        values[i] = value + step
        above = loss()
        values[i] = value - step
        gradient[i] = (above - loss()) / (2 * step)
        values[i] = value
    return gradient


# ---- smooth-l1 ----

@pytest.mark.parametrize("turning_point", [0, 0.4, 1, 2.5])
@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 5, width=32), st.integers(0, 5)), min_size=1, max_size=9))
def test_smooth_l1_is_equation_2(turning_point, pairs):
    prediction, label = np.array(pairs).T
    layer = LayerInNet(*SMOOTH_L1, {"turning_point": turning_point}, [prediction.reshape(-1, 1), label])
    total = 0
    for x, y in pairs:
        d = abs(x - y)
        total += 0.5 * d * d if d < turning_point else d - turning_point + 0.5 * turning_point ** 2
    assert layer.forward() == pytest.approx(total / len(pairs), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("turning_point", [0, 0.4, 1, 2.5])
def test_smooth_l1_gradient(turning_point):
    # Errors well away from 0 and from the turning point, where the slope jumps.
    prediction = np.array([0.2, 1.8, 2.9, 4.75, 3.3, 1.4]).reshape(-1, 1)
    label = np.array([0, 0, 3, 4, 0, 5.])
    layer = LayerInNet(*SMOOTH_L1, {"turning_point": turning_point}, [prediction, label], loss_weight=3)
    layer.backward()
    expected = 3 * numeric_gradient(layer.forward, layer.bottom(0))
    np.testing.assert_allclose(layer.bottom_diff(0), expected, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("params, bottoms, message", [
    ({}, [(4, 1), (4,)], "lacks turning_point"),
    ({"turning_point": -1}, [(4, 1), (4,)], "0 or more"),
    ({"turning_point": 1, "t": 2}, [(4, 1), (4,)], "unknown t"),
    ({"turning_point": 1}, [(4, 1)], "2 bottoms and 1 tops, here are 1"),
    ({"turning_point": 1}, [(4, 1), (3,)], r"shapes \(4, 1\) and \(3,\)"),
    ({"turning_point": 1}, [(4, 2), (8,)], "one prediction and one label"),
])
def test_smooth_l1_refuses(params, bottoms, message):
    with pytest.raises(ValueError, match=message):
        LayerInNet(*SMOOTH_L1, params, [np.zeros(shape) for shape in bottoms])


# ---- center loss ----

def center_layer(norm, seed=0, loss_weight=0.5):
    random = np.random.RandomState(seed)
    features, label = random.randn(7, 5), np.array([0, 5, 5, 2, 0, 5, 1.])
    return LayerInNet(*CENTER, {"classes": 6, "norm": norm}, [features, label], loss_weight)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_center_loss_is_equation_3(norm):
    layer = center_layer(norm)
    total = 0
    for x, y in zip(layer.bottom(0), layer.bottom(1)):
        offset = x - layer.blob(0)[int(y)]
        total += np.abs(offset).sum() if norm == "l1" else 0.5 * (offset ** 2).sum()
    assert layer.forward() == pytest.approx(total / 7, rel=1e-5)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_center_loss_gradients(norm):
    layer = center_layer(norm)
    layer.backward()
    for values, diff in (layer.bottom(0), layer.bottom_diff(0)), (layer.blob(0), layer.blob_diff(0)):
        expected = 0.5 * numeric_gradient(layer.forward, values, 1e-3)
        np.testing.assert_allclose(diff, expected, rtol=2e-2, atol=2e-3)
    assert not layer.blob_diff(0)[[3, 4]].any()  # classes that are not in the batch do not move


def test_center_gradients_add_up_over_iter_size():
    layer = center_layer("l2")
    layer.backward()
    once = layer.blob_diff(0).copy()
    layer.backward()
    np.testing.assert_allclose(layer.blob_diff(0), 2 * once, rtol=1e-6)


def test_centers_start_as_xavier():
    centers = center_layer("l1").blob(0)
    assert centers.shape == (6, 5) and np.abs(centers).max() <= np.sqrt(3 / 5) and centers.std() > 0.2


@pytest.mark.parametrize("params, label, message", [
    ({"classes": 6}, [0, 1], "lacks norm"),
    ({"classes": 6, "norm": "l3"}, [0, 1], "'l1' or 'l2'"),
    ({"classes": 0, "norm": "l1"}, [0, 1], "positive integer"),
    ({"classes": 6, "norm": "l1"}, [0, 1, 2], r"N x 4 and N labels, here are shapes \(2, 4\)"),
    ({"classes": 6, "norm": "l1"}, [0, 6], r"integers 0\.\.5"),
    ({"classes": 6, "norm": "l1"}, [0, 0.5], r"integers 0\.\.5"),
    ({"classes": 6, "norm": "l1"}, [0, -1], r"integers 0\.\.5"),
])
def test_center_loss_refuses(params, label, message):
    with pytest.raises(ValueError, match=message):
        LayerInNet(*CENTER, params, [np.zeros((2, 4)), np.array(label)]).forward()


# ---- balanced data ----

COUNTS = 23, 2, 5, 1, 3, 4  # samples of each class


@pytest.fixture
def source(tmp_path):
    """An LMDB of 38 samples, 3 x 4 x 6, each with its own number as its first pixel."""
    labels = [label for label, count in enumerate(COUNTS) for _ in range(count)]
    images = np.random.RandomState(0).randint(100, 256, (len(labels), 3, 4, 6)).astype(np.uint8)
    images[:, 0, 0, 0] = images[:, 0, 0, 5] = np.arange(len(labels))
    write_samples(tmp_path / "train_lmdb", images, labels)
    return tmp_path / "train_lmdb"


def balanced(source, **params):
    return LayerInNet(*BALANCED, dict({"source": str(source), "batch_size": 8, "classes": 6}, **params), [], tops=2)


def batches(layer, count):
    """`count` batches: list of (images, labels)."""
    taken = []
    for _ in range(count):
        layer.forward()
        taken.append((layer.top(0).copy(), layer.top(1).copy()))
    return taken


def test_batches_are_balanced_and_without_replacement(source):
    layer = balanced(source)
    taken = batches(layer, 30)
    for _, labels in taken:
        counts = np.bincount(labels.astype(int), minlength=6)
        assert counts.max() - counts.min() <= 1
    labels = np.concatenate([labels for _, labels in taken])
    assert labels.tolist() == [g % 6 for g in range(240)]  # in turn, across batches
    numbers = np.concatenate([images[:, 0, 0, 0] for images, _ in taken])
    for label, count in enumerate(COUNTS):
        drawn = numbers[labels == label].tolist()
        rounds = [drawn[i:i + count] for i in range(0, len(drawn) - count + 1, count)]
        assert all(len(set(one)) == count for one in rounds)
        if count > 3 and len(rounds) > 3:
            assert len({tuple(one) for one in rounds}) > 1, "not shuffled anew"


def test_batches_are_a_function_of_seed_and_number(source):
    first = batches(balanced(source, mirror=True, seed=3), 10)
    again = batches(balanced(source, mirror=True, seed=3), 10)
    other = batches(balanced(source, mirror=True, seed=4), 10)
    assert all((a[0] == b[0]).all() and (a[1] == b[1]).all() for a, b in zip(first, again))
    assert not all((a[0] == b[0]).all() for a, b in zip(first, other))


def test_the_blob_makes_a_resumed_run_go_on(source):
    whole = batches(balanced(source, mirror=True), 12)
    layer = balanced(source, mirror=True)
    batches(layer, 5)
    saved = layer.blob(0).copy()
    resumed = balanced(source, mirror=True)
    resumed.blob(0)[...] = saved  # what `caffe train -snapshot` does
    for a, b in zip(whole[5:], batches(resumed, 7)):
        assert (a[0] == b[0]).all() and (a[1] == b[1]).all()


def test_mirror_flips_about_half(source):
    plain, mirrored = batches(balanced(source), 20), batches(balanced(source, mirror=True), 20)
    flipped = 0
    for (a, _), (b, _) in zip(plain, mirrored):
        for x, y in zip(a, b):
            same, other = (x == y).all(), (x[:, :, ::-1] == y).all()
            assert same or other
            flipped += not same
    assert 50 < flipped < 110  # of 160


@pytest.mark.parametrize("mean", [127.5, [104, 117, 123]])
def test_mean_and_scale(source, mean):
    raw, = batches(balanced(source), 1)
    scaled, = batches(balanced(source, mean=mean, scale=0.0078125), 1)
    np.testing.assert_allclose(scaled[0], (raw[0] - np.reshape(mean, (-1, 1, 1))) * 0.0078125, rtol=1e-6)


@pytest.mark.parametrize("labels, params, message", [
    ([0, 1, 2, 3, 4, 6], {}, r"label 6 is outside 0\.\.5"),
    ([0, 1, 2, 3, 4, -1], {}, r"label -1 is outside 0\.\.5"),
    ([0, 1, 2, 3, 5, 5], {}, "no sample of class 4"),
    ([0, 1, 2, 3, 4, 5], {"batch_size": 0}, "batch_size must be a positive integer"),
    ([0, 1, 2, 3, 4, 5], {"batchsize": 8}, "unknown batchsize"),
    ([0, 1, 2, 3, 4, 5], {"mean": [1, 2]}, "mean takes 1 or 3"),
])
def test_balanced_data_refuses(tmp_path, labels, params, message):
    write_samples(tmp_path / "train_lmdb", np.zeros((len(labels), 3, 4, 6), np.uint8), labels)
    with pytest.raises(ValueError, match=message):
        balanced(tmp_path / "train_lmdb", **params)


def test_balanced_data_refuses_what_is_no_lmdb_of_datums(tmp_path):
    with pytest.raises(ValueError, match="no LMDB here"):
        balanced(tmp_path / "nowhere")
    (tmp_path / "garbage").mkdir()
    (tmp_path / "garbage" / "data.mdb").write_bytes(b"not an LMDB" * 2000)
    with pytest.raises(ValueError, match="damaged"):
        balanced(tmp_path / "garbage")
    write_samples(tmp_path / "sizes", [np.zeros((3, 4, 6), np.uint8), np.zeros((3, 4, 5), np.uint8)], [0, 1])
    with pytest.raises(ValueError, match="00000001.*same shape"):
        balanced(tmp_path / "sizes")


def test_balanced_data_takes_no_bottoms(source):
    with pytest.raises(ValueError, match="0 bottoms and 2 tops, here are 1"):
        LayerInNet(*BALANCED, {"source": str(source), "batch_size": 8, "classes": 6}, [np.zeros((1, 1))], tops=2)


def test_balanced_data_refuses_an_lmdb_cut_short(source):
    path = source / "data.mdb"
    os.truncate(path, path.stat().st_size - 4096)
    with pytest.raises(ValueError, match="damaged.*cut short.*make folds"):
        balanced(source)


def test_two_nets_may_read_the_same_lmdb(source):
    assert batches(balanced(source), 1)[0][1].tolist() == batches(balanced(source), 1)[0][1].tolist()
