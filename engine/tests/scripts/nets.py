"""How a net is built from its layers: splits, rules, shared weights, loss weights, and who gets gradients."""
import numpy as np

import caffe

X = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }\n'
IP = 'inner_product_param { num_output: 3 } '
UNTOUCHED = 0.5  # what gradients are before backward, so that it shows who computes them


def _layer(type, name, bottoms, tops, more=""):
    """A layer's prototxt; bottoms and tops: names with spaces between."""
    return 'layer { name: "%s" type: "%s" %s %s %s }\n' % (
        name, type, " ".join('bottom: "%s"' % blob for blob in bottoms.split()),
        " ".join('top: "%s"' % blob for blob in tops.split()), more)


def _ip(name, bottom, top, more=""):
    return _layer("InnerProduct", name, bottom, top, IP + more)


def _look(text, phase=caffe.TRAIN, **options):
    """Everything that shows of a net, and its values and gradients after a forward and a backward."""
    with open("net.prototxt", "w") as file:
        file.write(text)
    net = caffe.Net("net.prototxt", phase, **options)
    structure = [*zip(net._layer_names, [layer.type for layer in net.layers]), *net.blob_loss_weights.items(),
                 *net.top_names.items(), *net.bottom_names.items(), ("inputs", net.inputs), ("outputs", net.outputs),
                 *((name, len(blobs)) for name, blobs in net.params.items())]
    random = np.random.RandomState(5)
    params = [blob for blobs in net.params.values() for blob in blobs]
    for blob in [net.blobs[name] for name in net.inputs] + params:
        blob.data[...] = random.uniform(-1, 1, size=blob.data.shape)
    loss = net._forward(0, len(net.layers) - 1)
    for name, blob in net.blobs.items():
        if not net.blob_loss_weights[name]:
            blob.diff[...] = UNTOUCHED
    net.backward()
    return {"structure": ["%s: %s" % (name, what if isinstance(what, (str, int, float)) else list(what))
                          for name, what in structure],
            "loss": loss, "values": _flat(blob.data for blob in net.blobs.values()),
            "gradients": _flat(blob.diff for blob in net.blobs.values()),
            "gradients of weights": _flat(blob.diff for blob in params)}


def _flat(arrays):
    return np.concatenate([np.zeros(0)] + [array.ravel() for array in arrays])


def _look_at(**texts):
    return {"%s: %s" % (name, key): value for name, text in texts.items() for key, value in _look(text).items()}


def splits():
    """A blob of several consumers is split, after the layer that wrote it last."""
    return _look_at(
        three=X + _ip("a", "x", "a") + _ip("b", "x", "b") + _ip("c", "x", "c") + _layer(
            "Eltwise", "sum", "a b c", "sum", "loss_weight: 1"),
        twice_in_one_layer=X + _ip("a", "x", "a") + _layer("Eltwise", "sum", "a a", "sum", "loss_weight: 1"),
        of_two_tops=X + _layer("Slice", "cut", "x", "p q", "slice_param { slice_point: 1 }")
        + "".join(_layer("Power", "p%d" % i, blob, "r%d" % i) for i, blob in enumerate("pqpqq")),
        in_place_then_two=X + _ip("a", "x", "a") + _layer("ReLU", "relu", "a", "a") + _ip("b", "a", "b") + _ip(
            "c", "a", "c") + _layer("Eltwise", "sum", "b c", "sum", "loss_weight: 1"),
        split_of_a_split=X + _layer("Split", "own", "x", "s t") + _ip("a", "s", "a") + _ip("b", "s", "b")
        + _ip("c", "t", "c"),
        names_with_odd_characters=X.replace('"x"', '"x/1"') + _ip("a b", "x/1", "a-1") + _ip("c", "x/1", "d"),
        unused=X + _ip("a", "x", "a") + _ip("b", "x", "b") + _layer("Silence", "hush", "b", ""))


def in_place():
    """Chains of layers that write to their bottom, without harm to one another."""
    chain = X + _ip("a", "x", "a") + _layer("ReLU", "r", "a", "a") + _layer(
        "Power", "p", "a", "a", "power_param { scale: 2 }") + _layer("TanH", "t", "a", "a")
    return _look_at(chain=chain + _ip("b", "a", "b", "loss_weight: 2"),
                    chain_with_loss=chain.replace('"TanH"', '"TanH" loss_weight: 3'),
                    on_an_input=X + _layer("ReLU", "r", "x", "x") + _ip("a", "x", "a", "loss_weight: 1"),
                    ends_the_net=chain)


def loss_weights():
    """Any top can count in the loss, and have other consumers as well."""
    return _look_at(
        alone=X + _ip("a", "x", "a", "loss_weight: 0.5"),
        with_consumer=X + _ip("a", "x", "a", "loss_weight: 0.5") + _ip("b", "a", "b", "loss_weight: -2"),
        with_two_consumers=X + _ip("a", "x", "a", "loss_weight: 0.5") + _ip("b", "a", "b") + _ip("c", "a", "c")
        + _layer("Eltwise", "sum", "b c", "sum", "loss_weight: 1"),
        second_top=X + _ip("a", "x", "a") + _layer("Slice", "cut", "a", "p q", "loss_weight: 0 loss_weight: 1 "
                                                   "slice_param { axis: 0 }") + _ip("b", "p", "b"),
        through_reshape=X + _ip("a", "x", "a") + _layer("Flatten", "f", "a", "f", "loss_weight: 3"),
        loss_layer=X + _ip("a", "x", "a") + _layer("EuclideanLoss", "loss", "a x", "loss", "loss_weight: 0.25"),
        loss_layer_off=X + _ip("a", "x", "a") + _layer("EuclideanLoss", "loss", "a x", "loss", "loss_weight: 0"),
        of_an_input=X.replace('input_param', 'loss_weight: 2 input_param') + _ip("a", "x", "a"))


def automatic_tops():
    """A loss layer without tops gets one that has no name in the net."""
    loss = X + _ip("a", "x", "a") + _layer("EuclideanLoss", "loss", "a x", "")
    return _look_at(one=loss, weighed=loss.replace('"EuclideanLoss"', '"EuclideanLoss" loss_weight: 4'))


def who_gets_gradients():
    """Backward runs where there is something to learn below and a loss above, and propagate_down can stop it."""
    frozen = "param { lr_mult: 0 } param { lr_mult: 0 } "
    two = X + _ip("a", "x", "a", "%s") + _ip("b", "a", "b", "loss_weight: 1 %s")
    return _look_at(
        all=two % ("", ""),
        lower_frozen=two % (frozen, ""),
        upper_frozen=two % ("", frozen),
        both_frozen=two % (frozen, frozen),
        weight_frozen=two % ("param { lr_mult: 0 }", "param { lr_mult: 1 decay_mult: 0 } param { lr_mult: 0 }"),
        stopped=two % ("", "propagate_down: false"),
        asked_in_vain=two % (frozen, "propagate_down: true"),  # nothing below needs it, but the layer computes it
        asked_for_the_input=two % ("propagate_down: true", ""),
        no_loss=two.replace("loss_weight: 1", "") % ("", ""),
        side_branch=two % ("", "") + _ip("side", "a", "side"),
        side_branch_after_loss=two % ("", "") + _ip("after", "b", "after"),
        one_branch_stopped=X + _ip("a", "x", "a") + _ip("b", "a", "b", "propagate_down: false") + _ip("c", "a", "c")
        + _layer("Eltwise", "sum", "b c", "sum", "loss_weight: 1"),
        all_branches_stopped=X + _ip("a", "x", "a") + _ip("b", "a", "b", "propagate_down: false") + _ip(
            "c", "a", "c", "propagate_down: false") + _layer("Eltwise", "sum", "b c", "sum", "loss_weight: 1"),
        stopped_between=X + _ip("a", "x", "a") + _layer("TanH", "t", "a", "t", "propagate_down: false")
        + _ip("b", "t", "b", "loss_weight: 1"),
        one_bottom_stopped=X + _ip("a", "x", "a") + _ip("b", "x", "b") + _layer(
            "Eltwise", "sum", "a b", "sum", "loss_weight: 1 propagate_down: false propagate_down: true"),
        nothing_to_learn=X + _layer("TanH", "t", "x", "t", "loss_weight: 1"),
        silenced=two % ("", "") + _ip("side", "a", "side") + _layer("Silence", "hush", "side", ""))


def force_backward():
    """Every layer then computes all it can."""
    force = "force_backward: true\n" + X
    return _look_at(
        plain=force + _ip("a", "x", "a", "loss_weight: 1"),
        nothing_to_learn=force + _layer("TanH", "t", "x", "t"),
        frozen=force + _ip("a", "x", "a", "param { lr_mult: 0 } param { lr_mult: 0 }") + _ip("b", "a", "b"),
        stopped=force + _ip("a", "x", "a") + _ip("b", "a", "b", "propagate_down: false"),
        both_of_a_loss=force + _ip("a", "x", "a") + _layer("EuclideanLoss", "loss", "a x", "loss"),
        branches=force + _ip("a", "x", "a") + _ip("b", "a", "b") + _ip("c", "a", "c", "loss_weight: 1"))


def partly_frozen_recurrent_layers():
    """All weights get gradients, those of lr_mult 0, too, so that clip_gradients counts them."""
    seen = {}
    for type in "RNN", "LSTM":
        with open("net.prototxt", "w") as file:
            file.write(X + X.replace('"in"', '"on"').replace('"x"', '"on"') + _layer("Reshape", "series", "x", "series",
                       "reshape_param { shape { dim: 2 dim: 3 dim: 1 } }") + _layer(
                           type, type, "series on", "y", "recurrent_param { num_output: 2 } loss_weight: 1 "
                           "param { lr_mult: 0 } param { } param { lr_mult: 0 }"))
        net = caffe.Net("net.prototxt", caffe.TRAIN)
        random = np.random.RandomState(5)
        net.blobs["on"].data[...] = 1
        for blob in [net.blobs["x"], *net.params[type]]:
            blob.data[...] = random.uniform(-1, 1, size=blob.data.shape)
        net.forward()
        net.backward()
        seen[type] = _flat(blob.diff for blob in net.params[type])
    return seen


def shared_weights():
    """Params of one name are one, values and gradients, which add up."""
    def two(first, second, other="num_output: 3"):
        return X + _ip("a", "x", "a", first) + _layer(
            "InnerProduct", "b", "a", "b", "loss_weight: 1 inner_product_param { %s } %s" % (other, second))
    named = 'param { name: "w" %s } '
    return _look_at(
        weight=two(named % "", named % ""),
        weight_and_bias=two(named % "" + 'param { name: "c" }', named % "" + 'param { name: "c" }'),
        crossed=two('param { name: "w" } param { name: "c" }', 'param { } param { name: "c" }'),
        rates_of_one=two(named % "lr_mult: 2", named % ""),
        rates_of_the_other=two(named % "", named % "lr_mult: 2 decay_mult: 0"),
        rates_of_both=two(named % "lr_mult: 2", named % "lr_mult: 2"),
        frozen_in_one=two(named % "lr_mult: 0", named % ""),
        permissive=X + _ip("a", "x", "a", named % "") + _layer("Tile", "t", "a", "t", "tile_param { tiles: 3 }")
        + _layer("InnerProduct", "b", "t", "b", "inner_product_param { num_output: 1 } loss_weight: 1 "
                 + named % "share_mode: PERMISSIVE"),
        in_one_layer=X.replace("dim: 3", "dim: 1") + _ip("a", "x", "a", 'loss_weight: 1 param { name: "w" } '
                                                         'param { name: "w" share_mode: PERMISSIVE }'))


def rates_of_shared_weights():
    """One lr_mult and decay_mult for all who share: whoever gives it."""
    seen = {}
    for name, first, second in ("first", "lr_mult: 3 decay_mult: 2", ""), ("second", "", "lr_mult: 3 decay_mult: 2"), (
            "mixed", "lr_mult: 3", "decay_mult: 2"):
        with open("net.prototxt", "w") as file:
            file.write(X + "".join(_ip(layer, bottom, layer, 'param { name: "w" %s }' % rates)
                                   for layer, bottom, rates in (("a", "x", first), ("b", "a", second)))
                       + _layer("Reduction", "loss", "b", "loss", "loss_weight: 1"))
        with open("solver.prototxt", "w") as file:
            file.write('net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" weight_decay: 0.5 display: 0 max_iter: 2 '
                       'snapshot_after_train: false')
        solver = caffe.SGDSolver("solver.prototxt")
        random = np.random.RandomState(1)
        solver.net.blobs["x"].data[...] = random.uniform(size=(2, 3))
        solver.net.params["a"][0].data[...] = random.uniform(size=(3, 3))
        solver.step(2)
        seen[name] = solver.net.params["b"][0].data.copy()
    return seen


def rules():
    """include and exclude, phase, level, stage and not_stage; several rules of which one is enough."""
    rules = {
        "plain": "", "train": "include { phase: TRAIN }", "test": "include { phase: TEST }",
        "not_test": "exclude { phase: TEST }", "either": 'include { stage: "a" } include { phase: TEST }',
        "both": 'include { stage: "a" stage: "b" }', "a_not_b": 'include { stage: "a" not_stage: "b" }',
        "not_a_nor_b": 'include { not_stage: "a" not_stage: "b" }', "excluded_twice":
        'exclude { stage: "a" } exclude { stage: "b" }', "levels": "include { min_level: 1 max_level: 2 }",
        "low": "exclude { min_level: 1 }", "negative": "include { max_level: -1 }",
        "all_at_once": 'include { phase: TEST min_level: 1 stage: "a" not_stage: "b" }', "empty_rule": "include { }",
        "excluded_always": "exclude { }"}
    text = X + "".join(_layer("Power", name, "x", name, rule) for name, rule in rules.items())
    seen = {}
    for state in ({}, {"stages": ["a"]}, {"stages": ["a", "b"]}, {"stages": ["b"], "level": 1}, {"level": 2},
                  {"level": 3, "stages": ["a"]}, {"level": -1}):
        for phase in caffe.TRAIN, caffe.TEST:
            for head in "", 'state { stage: "a" level: 1 phase: TEST }\n':
                with open("net.prototxt", "w") as file:
                    file.write(head + text)
                net = caffe.Net("net.prototxt", phase, **state)
                seen["%s %s %s" % (sorted(state.items()), phase, bool(head))] = list(net._layer_names)
    return seen


def inputs_and_outputs():
    """Inputs in the order of the layers; outputs by name."""
    return _look_at(
        several=X + X.replace('"in"', '"in2"').replace('"x"', '"b"') + X.replace('"in"', '"in3"').replace(
            '"x"', '"c"').replace('"Input"', '"Input" top: "a"') + _ip("z", "x", "z") + _ip("m", "b", "M"),
        unused_input=X + X.replace('"in"', '"in2"').replace('"x"', '"a"') + _ip("z", "x", "z"),
        old_style='input: "y" input: "a" input_shape { dim: 2 dim: 3 } input_shape { dim: 2 dim: 3 }\n'
        + _ip("z", "y", "z") + _ip("b", "a", "b"),
        of_data_layers=_layer("DummyData", "d", "", "d e", "dummy_data_param { shape { dim: 2 dim: 3 } }")
        + _ip("z", "d", "z"))
