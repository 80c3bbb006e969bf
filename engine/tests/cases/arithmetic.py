"""Parity cases of caffe/layer_types/arithmetic.py."""
from parity import case

TWO, THREE = ((2, 3, 4),) * 2, ((2, 3, 2, 2),) * 3


def eltwise(name, param, bottoms=TWO, **options):
    return case("eltwise_" + name, 'type: "Eltwise" eltwise_param { %s }' % param, bottoms=bottoms, **options)


def reduction(name, param, **options):
    return case("reduction_" + name, 'type: "Reduction" reduction_param { %s }' % param, **options)


CASES = [
    eltwise("sum", "", steps=2, reshape=((1, 3, 4),) * 2),
    eltwise("sum_of_three", "", THREE),
    eltwise("sum_coeff", "operation: SUM coeff: 2 coeff: -0.3"),
    eltwise("sum_coeff_of_three", "coeff: 1 coeff: 0 coeff: -1", THREE),
    eltwise("prod", "operation: PROD", steps=2),
    eltwise("prod_of_three", "operation: PROD", THREE),
    eltwise("prod_zeros", "operation: PROD", ((2, 3),) * 3,
            inputs=["array [0, 1, 2, 0, 3, 4]", "array [0, 5, 0, 1, 2, 3]", "array [1, 0, 4, 0, 1, 2]"]),
    eltwise("prod_unstable", "operation: PROD stable_prod_grad: false", inputs="positive"),
    eltwise("prod_unstable_of_three", "operation: PROD stable_prod_grad: false", THREE, inputs="positive"),
    eltwise("max", "operation: MAX", steps=2),
    eltwise("max_of_three", "operation: MAX", THREE),
    eltwise("max_ties", "operation: MAX", ((2, 4),) * 3, inputs="labels 2"),
    eltwise("max_all_equal", "operation: MAX", ((2, 2),) * 4, inputs="constant 1"),
    reduction("sum", ""),
    reduction("sum_axis", "axis: 1 coeff: -2", steps=2, reshape=((3, 2, 2),)),
    reduction("asum", "operation: ASUM axis: 2"),
    reduction("asum_zeros", "operation: ASUM coeff: 0.5", inputs="array [0, -1, 2, 0]", bottoms=((2, 2),)),
    reduction("sumsq", "operation: SUMSQ axis: -1"),
    reduction("sumsq_all", "operation: SUMSQ coeff: 0.1"),
    reduction("mean", "operation: MEAN axis: 1"),
    reduction("mean_coeff", "operation: MEAN axis: -2 coeff: 3"),
    case("reduction_as_loss", 'type: "Reduction" reduction_param { operation: SUMSQ } loss_weight: 0.5'),
]
