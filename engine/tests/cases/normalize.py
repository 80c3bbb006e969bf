"""Parity cases of caffe/layer_types/normalize.py."""
from parity import case

IMAGE = ((2, 4, 3, 5),)


def lrn(name, parameters, bottoms=((2, 6, 4, 3),), **more):
    return case("lrn_" + name, 'type: "LRN" lrn_param { %s }' % parameters, bottoms, **more)


def mvn(name, parameters, bottoms=IMAGE, **more):
    return case("mvn_" + name, 'type: "MVN" mvn_param { %s }' % parameters, bottoms, **more)


def batch_norm(name, parameters="", bottoms=IMAGE, **more):
    return case("batch_norm_" + name, 'type: "BatchNorm" batch_norm_param { %s }' % parameters, bottoms, **more)


def scale(name, parameters, bottoms=IMAGE, **more):
    return case("scale_" + name, 'type: "Scale" scale_param { %s }' % parameters, bottoms, **more)


def bias(name, parameters, bottoms=IMAGE, **more):
    return case("bias_" + name, 'type: "Bias" bias_param { %s }' % parameters, bottoms, **more)


def aligned(name, parameters, bottoms=IMAGE, **more):
    """The same of Scale, of Scale with a bias, and of Bias."""
    return [scale(name, parameters, bottoms, **more),
            scale(name + "_and_bias", "bias_term: true " + parameters, bottoms, **more),
            bias(name, parameters, bottoms, **more)]


STATISTICS = dict(params=["normal", "positive", "constant 2.5"])

CASES = [
    lrn("plain", ""),
    lrn("strong", "local_size: 3 alpha: 2 beta: 0.5 k: 2"),
    lrn("alexnet", "local_size: 5 alpha: 0.0001 beta: 0.75"),
    lrn("size_1", "local_size: 1 alpha: 0.5"),
    lrn("wider_than_channels", "local_size: 13"),
    lrn("one_channel", "local_size: 3", ((2, 1, 3, 4),)),
    lrn("reshape", "local_size: 3", steps=2, reshape=((1, 6, 2, 5),)),
    lrn("test", "local_size: 3", phase="TEST"),
    lrn("within", "norm_region: WITHIN_CHANNEL local_size: 3"),
    lrn("within_strong", "norm_region: WITHIN_CHANNEL local_size: 5 alpha: 3 beta: 0.5"),
    lrn("within_whatever_k", "norm_region: WITHIN_CHANNEL local_size: 3 k: 4"),
    lrn("within_wider_than_image", "norm_region: WITHIN_CHANNEL local_size: 9"),
    lrn("within_size_1", "norm_region: WITHIN_CHANNEL local_size: 1"),
    lrn("within_reshape", "norm_region: WITHIN_CHANNEL local_size: 3", steps=2, reshape=((1, 6, 2, 5),)),
    mvn("plain", ""),
    mvn("mean_only", "normalize_variance: false"),
    mvn("across_channels", "across_channels: true"),
    mvn("across_channels_mean_only", "across_channels: true normalize_variance: false"),
    mvn("large_eps", "eps: 0.5"),
    mvn("in_place", "eps: 0.01", in_place=True, diffs=False),
    mvn("3_axes", "", ((2, 3, 4),)),
    mvn("2_axes_across_channels", "across_channels: true", ((2, 5),)),
    mvn("reshape", "", steps=2, reshape=((3, 2, 4, 4),)),
    mvn("test", "", phase="TEST"),
    batch_norm("fresh", params="filled", steps=3),
    batch_norm("train", **STATISTICS),
    batch_norm("in_place", in_place=True, **STATISTICS),
    batch_norm("fraction_and_eps", "moving_average_fraction: 0.7 eps: 0.1", steps=2, **STATISTICS),
    batch_norm("reshape", steps=2, reshape=((3, 4, 2, 2),), **STATISTICS),
    batch_norm("test", phase="TEST", **STATISTICS),
    batch_norm("test_in_place", phase="TEST", in_place=True, **STATISTICS),
    batch_norm("test_fresh", phase="TEST", params="filled"),
    batch_norm("global_in_train", "use_global_stats: true", **STATISTICS),
    batch_norm("batch_in_test", "use_global_stats: false", phase="TEST", **STATISTICS),
    batch_norm("2_axes", "", ((6, 3),), **STATISTICS),
    batch_norm("5_axes", "", ((2, 3, 2, 2, 2),), **STATISTICS),
    case("batch_norm_params_given", 'type: "BatchNorm" param { lr_mult: 0 } param { lr_mult: 0 }', IMAGE, **STATISTICS),
    *aligned("plain", ""),
    *aligned("in_place", "", in_place=True),
    *aligned("axis_0", "axis: 0"),
    *aligned("axis_negative", "axis: -2"),
    *aligned("last_axis", "axis: 3 num_axes: 1"),
    *aligned("two_axes", "axis: 1 num_axes: 2"),
    *aligned("to_the_end", "num_axes: -1"),
    *aligned("everything", "axis: 0 num_axes: -1"),
    *aligned("everything_in_place", "axis: 0 num_axes: -1", ((2, 3),), in_place=True),
    *aligned("single_number", "num_axes: 0"),
    *aligned("given", "", (IMAGE[0], (4,))),
    *aligned("given_in_place", "", (IMAGE[0], (4, 3)), in_place=True),
    *aligned("given_axis", "axis: -3", (IMAGE[0], (4, 3, 5))),
    *aligned("given_all", "axis: 0", (IMAGE[0], IMAGE[0])),
    *aligned("given_single_number", "axis: 2", (IMAGE[0], ())),
    *aligned("2_axes", "", ((5, 3),)),
    *aligned("reshape", "", steps=2, reshape=((3, 4, 2, 2),)),
    *aligned("given_reshape", "", (IMAGE[0], (4,)), steps=2, reshape=((3, 4, 2, 2), (4,))),
    *aligned("default_filler", "", params="filled"),
    *aligned("empty_filler", "filler { }", params="filled"),
    scale("fillers", "filler { value: 3 } bias_term: true bias_filler { value: -2 }", params="filled"),
    bias("filler", "filler { value: 3 }", params="filled"),
]
