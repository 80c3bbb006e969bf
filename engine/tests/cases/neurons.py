"""Parity cases of caffe/layer_types/neurons.py."""
from parity import case

KINKS = "array [0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 20, -20, 1e-3, -1e-3]"  # where gradients jump, and far out
SMALL = dict(bottoms=[(2, 3, 2)], inputs=KINKS)


def variants(name, layer, in_place=True, **options):
    """On random numbers, at the kinks, in place, and in two steps of different shapes."""
    cases = [case(name, layer, bottoms=[(2, 3, 2, 2)], **options),
             case(name + "_kinks", layer, **dict(options, **SMALL)),
             case(name + "_reshape", layer, bottoms=[(2, 3, 2)], reshape=[(1, 3, 2, 2)], steps=2, phase="TEST",
                  **options)]
    return cases + [case(name + "_in_place", layer, bottoms=[(2, 3, 2, 2)], in_place=True, **options)] * in_place


CASES = [
    *variants("relu", 'type: "ReLU"'),
    *variants("relu_slope", 'type: "ReLU" relu_param { negative_slope: 0.1 }'),
    case("relu_negative_slope", 'type: "ReLU" relu_param { negative_slope: -0.5 }', **SMALL),
    *variants("prelu", 'type: "PReLU"'),
    *variants("prelu_shared", 'type: "PReLU" prelu_param { channel_shared: true }'),
    case("prelu_default_filler", 'type: "PReLU"', params="filled"),
    case("prelu_filler", 'type: "PReLU" prelu_param { filler { value: 0.6 } }', params="filled"),
    case("prelu_two_axes", 'type: "PReLU"', bottoms=[(4, 3)]),
    case("prelu_two_backwards", 'type: "PReLU"', bottoms=[(4, 3)], steps=2),
    case("prelu_three_axes", 'type: "PReLU"', bottoms=[(2, 3, 4)]),
    *variants("sigmoid", 'type: "Sigmoid"'),
    *variants("tanh", 'type: "TanH"'),
    *variants("elu", 'type: "ELU"'),
    *variants("elu_alpha", 'type: "ELU" elu_param { alpha: 0.3 }'),
    case("elu_negative_alpha", 'type: "ELU" elu_param { alpha: -0.3 }', **SMALL),
    case("elu_no_alpha", 'type: "ELU" elu_param { alpha: 0 }', **SMALL),
    *variants("swish", 'type: "Swish"'),
    *variants("swish_beta", 'type: "Swish" swish_param { beta: 2.5 }'),
    case("swish_beta_zero", 'type: "Swish" swish_param { beta: 0 }', **SMALL),
    case("swish_beta_negative", 'type: "Swish" swish_param { beta: -1 }', **SMALL),
    *variants("absval", 'type: "AbsVal"', in_place=False),
    *variants("bnll", 'type: "BNLL"', in_place=False),
    case("bnll_in_place", 'type: "BNLL"', in_place=True, diffs=False),
    case("bnll_far_out", 'type: "BNLL"', bottoms=[(6,)], inputs="array [49, 51, 100, -49, -60, -100]"),
    *variants("clip", 'type: "Clip" clip_param { min: -0.5 max: 1 }', in_place=False),
    case("clip_in_place", 'type: "Clip" clip_param { min: -0.5 max: 1 }', in_place=True, diffs=False),
    case("clip_to_a_point", 'type: "Clip" clip_param { min: 1 max: 1 }', **SMALL),
    case("threshold", 'type: "Threshold"', diffs=False, **SMALL),
    case("threshold_half", 'type: "Threshold" threshold_param { threshold: 0.5 }', diffs=False, **SMALL),
    case("threshold_in_place", 'type: "Threshold" threshold_param { threshold: -0.2 }', diffs=False, in_place=True),

    case("power_default", 'type: "Power"', **SMALL),
    case("power_scale_shift", 'type: "Power" power_param { scale: -1.5 shift: 0.7 }', **SMALL),
    case("power_in_place", 'type: "Power" power_param { power: 2 scale: -1.5 }', in_place=True, diffs=False),
    case("power_two", 'type: "Power" power_param { power: 2 }', **SMALL),
    case("power_two_shift", 'type: "Power" power_param { power: 2 scale: 0.5 shift: -1 }', **SMALL),
    case("power_three_of_negatives", 'type: "Power" power_param { power: 3 scale: 0.5 }'),
    case("power_three_shift", 'type: "Power" power_param { power: 3 shift: 0.3 }'),
    case("power_root", 'type: "Power" power_param { power: 0.5 scale: 2 shift: 1 }', inputs="positive"),
    case("power_root_no_shift", 'type: "Power" power_param { power: 0.5 scale: 2 }', inputs="positive"),
    case("power_inverse", 'type: "Power" power_param { power: -1 }', inputs="positive"),
    case("power_inverse_of_negatives", 'type: "Power" power_param { power: -1 scale: 3 }', bottoms=[(4,)],
         inputs="array [-3, -0.5, 0.5, 3]"),
    case("power_zero", 'type: "Power" power_param { power: 0 scale: 3 shift: 5 }', **SMALL),
    case("power_zero_of_zero", 'type: "Power" power_param { power: 0 }', **SMALL),
    case("power_scale_zero", 'type: "Power" power_param { power: 3 scale: 0 shift: 2 }', **SMALL),
    case("power_scale_zero_shift_negative", 'type: "Power" power_param { power: 2 scale: 0 shift: -3 }', **SMALL),
    case("power_scale_shift_zero", 'type: "Power" power_param { power: 0.5 scale: 0 }', **SMALL),
    case("power_one_scale_zero", 'type: "Power" power_param { scale: 0 shift: 2 }', **SMALL),

    *variants("exp", 'type: "Exp" exp_param { scale: 0.1 }'),
    *variants("exp_base", 'type: "Exp" exp_param { base: 2 scale: -0.5 shift: 1.5 }'),
    case("exp_shift", 'type: "Exp" exp_param { shift: -2 }'),
    case("exp_base_below_one", 'type: "Exp" exp_param { base: 0.3 }'),
    case("exp_base_one", 'type: "Exp" exp_param { base: 1 }'),
    case("exp_scale_zero", 'type: "Exp" exp_param { scale: 0 shift: 2 }'),
    case("log", 'type: "Log"', inputs="positive"),
    case("log_base", 'type: "Log" log_param { base: 10 scale: 2 shift: 0.5 }', inputs="positive"),
    case("log_base_below_one", 'type: "Log" log_param { base: 0.5 scale: -1 shift: 3 }', inputs="positive"),
    case("log_in_place", 'type: "Log"', inputs="positive", in_place=True, diffs=False),

    case("dropout_test", 'type: "Dropout" dropout_param { dropout_ratio: 0.7 }', phase="TEST"),
    case("dropout_test_in_place", 'type: "Dropout"', phase="TEST", in_place=True),
    case("dropout_nothing", 'type: "Dropout" dropout_param { dropout_ratio: 0 }'),
    case("dropout_of_a_layer_in_test", 'type: "Dropout" phase: TEST'),
]
