"""Parity cases of caffe/layer_types/plumbing.py."""
from parity import case

TWO = ((3, 2), (3, 2))


def learnt(index):
    """A layer that has bottom `index` need a gradient. Its scale is 1."""
    return 'layer { name: "learnt%d" type: "Scale" bottom: "x%d" top: "x%d" }' % (index, index, index)


# Genuine Caffe aborts where an index is to have a gradient; so only what is learnt has one.
NO_INDEX_GRADIENT = dict(force=False, steps=2, net=learnt(0))

CASES = [
    case("split", 'type: "Split"', tops=3, steps=2),
    case("split_one_top", 'type: "Split"'),
    case("silence", 'type: "Silence"', tops=0, bottoms=TWO),
    case("parameter", 'type: "Parameter" parameter_param { shape { dim: 2 dim: 3 } }', bottoms=(), steps=2),
    case("filter", 'type: "Filter" loss_weight: 1', bottoms=((5, 2, 3), (5,)),
         inputs=["normal", "array [1, 0, 2, 0, -1]"], **NO_INDEX_GRADIENT),
    case("filter_two_bottoms", 'type: "Filter" loss_weight: 1 loss_weight: 1', tops=2,
         bottoms=((4, 2, 3), (4, 1), (4, 1, 1, 1)), inputs=["normal", "normal", "array [0, 1, 1, 0]"],
         force=False, net=learnt(0) + learnt(1)),
    case("filter_all", 'type: "Filter" loss_weight: 1', bottoms=((2, 3), (2, 1)),
         inputs=["normal", "constant 1"], reshape=((4, 3), (4, 1)), **NO_INDEX_GRADIENT),
    case("filter_none", 'type: "Filter"', bottoms=((3, 2), (3,)), inputs=["normal", "constant 0"], diffs=False),
    case("batch_reindex", 'type: "BatchReindex" loss_weight: 1', bottoms=((3, 2, 2), (5,)),
         inputs=["normal", "array [2, 0, 0, 2, 2]"], **NO_INDEX_GRADIENT),
    case("batch_reindex_fewer", 'type: "BatchReindex" loss_weight: 1', bottoms=((4, 3), (2,)),
         inputs=["normal", "labels 4"], reshape=((4, 3), (6,)), **NO_INDEX_GRADIENT),
]
