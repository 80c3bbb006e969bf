"""Parity cases of caffe/layer_types/shapes.py."""
from parity import case

X = ((2, 3, 4),)


def reshape(name, shape, more="", **options):
    return case("reshape_" + name, 'type: "Reshape" reshape_param { shape { %s } %s }'
                % (" ".join("dim: %d" % dim for dim in shape), more), bottoms=X, **options)


def slice_(name, param, tops, **options):
    return case("slice_" + name, 'type: "Slice" slice_param { %s }' % param, tops=tops, **options)


CASES = [
    case("concat", 'type: "Concat"', bottoms=((2, 3, 2, 2), (2, 1, 2, 2), (2, 2, 2, 2)), steps=2),
    case("concat_axis_0", 'type: "Concat" concat_param { axis: 0 }', bottoms=((2, 3), (1, 3))),
    case("concat_last_axis", 'type: "Concat" concat_param { axis: -1 }', bottoms=((2, 3, 1), (2, 3, 4)),
         reshape=((1, 3, 2), (1, 3, 3)), steps=2),
    case("concat_dim", 'type: "Concat" concat_param { concat_dim: 2 }', bottoms=((2, 1, 2, 3), (2, 1, 1, 3))),
    case("concat_one_bottom", 'type: "Concat"', bottoms=X, steps=2),
    slice_("evenly", "", 2, bottoms=((2, 4, 3),), steps=2),
    slice_("evenly_axis_0", "axis: 0", 3, bottoms=((3, 2),), reshape=((6, 2),), steps=2),
    slice_("points", "axis: 1 slice_point: 1 slice_point: 4", 3, bottoms=((2, 6, 2, 2),)),
    slice_("last_axis", "axis: -1 slice_point: 3", 2, bottoms=X),
    slice_("slice_dim", "slice_dim: 2 slice_point: 1", 2, bottoms=X),
    slice_("one_top", "axis: 1", 1, bottoms=X, steps=2),
    case("flatten", 'type: "Flatten"', steps=2, reshape=((3, 2, 2, 2),)),
    case("flatten_axes", 'type: "Flatten" flatten_param { axis: 1 end_axis: 2 }'),
    case("flatten_from_the_end", 'type: "Flatten" flatten_param { axis: -3 end_axis: -2 }'),
    case("flatten_all", 'type: "Flatten" flatten_param { axis: 0 }'),
    case("flatten_one_axis", 'type: "Flatten" flatten_param { axis: 2 end_axis: 2 }'),
    case("flatten_nothing", 'type: "Flatten" flatten_param { axis: 2 end_axis: 1 }'),  # an axis of size 1 comes in
    reshape("keep_and_infer", (0, -1), steps=2),
    reshape("fixed", (4, 6)),
    reshape("infer_first", (-1, 2, 3)),
    reshape("axis", (2, 2), "axis: 2"),
    reshape("axis_num_axes", (-1,), "axis: 1 num_axes: 1"),
    reshape("axis_from_the_end", (2, -1, 2), "axis: -2"),
    reshape("keep_after_axis", (0, 2, -1), "axis: 1"),
    reshape("insert", (1, 1), "axis: 1 num_axes: 0"),
    reshape("append", (1,), "axis: -1 num_axes: 0"),
    case("reshape_to_scalar", 'type: "Reshape" reshape_param { shape { } }', bottoms=((1, 1),)),
    reshape("second_size", (0, -1, 2), steps=2, reshape=((5, 3, 4),)),
    case("tile", 'type: "Tile" tile_param { tiles: 3 }', steps=2),
    case("tile_axis_0", 'type: "Tile" tile_param { axis: 0 tiles: 2 }', steps=2, reshape=((1, 2, 2),), bottoms=X),
    case("tile_last_axis", 'type: "Tile" tile_param { axis: -1 tiles: 2 }', bottoms=X),
    case("tile_once", 'type: "Tile" tile_param { tiles: 1 }', bottoms=X),
]
