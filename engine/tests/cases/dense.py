"""Parity cases of caffe/layer_types/dense.py."""
from parity import case


def inner_product(name, param, **options):
    return case("inner_product" + name, 'type: "InnerProduct" inner_product_param { num_output: 3 %s }' % param,
                **options)


def embed(name, param="", **options):
    """Genuine Caffe aborts where the indices are to have a gradient."""
    return case("embed" + name, 'type: "Embed" loss_weight: 1 embed_param { num_output: 3 input_dim: 5 %s }' % param,
                inputs="labels 5", force=False, **options)


CASES = [
    inner_product("", "", steps=2, reshape=((3, 3, 4, 5),)),
    inner_product("_no_bias", "bias_term: false", bottoms=((4, 6),)),
    inner_product("_axis_2", "axis: 2", bottoms=((2, 3, 2, 2),)),
    inner_product("_last_axis", "axis: -1", steps=2, reshape=((1, 2, 5),), bottoms=((2, 3, 5),)),
    inner_product("_axis_0", "axis: 0", bottoms=((2, 3),)),
    inner_product("_transpose", "transpose: true", bottoms=((2, 4),)),
    inner_product("_transpose_axis_2", "transpose: true axis: 2 bias_term: false", bottoms=((2, 3, 4),)),
    inner_product("_fillers", 'weight_filler { type: "constant" value: 0.25 } '
                  'bias_filler { type: "constant" value: -1 }', params="filled"),
    inner_product("_filled_by_default", "", params="filled"),
    embed("", bottoms=((12,),), steps=2, reshape=((3, 4),)),
    embed("_matrix", bottoms=((3, 2),)),
    embed("_no_bias", "bias_term: false", bottoms=((4, 1),)),
    embed("_fillers", 'weight_filler { type: "constant" value: 2 } bias_filler { type: "constant" value: 1 }',
          bottoms=((4,),), params="filled"),
]
