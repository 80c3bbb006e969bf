"""Parity cases of caffe/layer_types/classification.py."""
from parity import case

SCORES = dict(bottoms=[(6, 4), (6,)], inputs=["normal", "labels 4"], diffs=False)
TIES = dict(bottoms=[(4, 3), (4,)], inputs=["array [1, 1, 0, 2, 1, 0, 0, 0, 0, 1, 3, 3]", "array [0, 0.9, 2, 2]"],
            diffs=False)
SPATIAL = dict(bottoms=[(2, 3, 2, 3), (2, 1, 2, 3)], inputs=["normal", "labels 3"], diffs=False)
EQUAL = dict(bottoms=[(2, 3, 2)], inputs="array [1, 3, 3, 0, 3, 2, 5, 5, 5, 5, 5, 5]", diffs=False)


def argmaxes(name, parameters, **options):
    return case("argmax_" + name, 'type: "ArgMax" argmax_param { %s }' % parameters, **dict(options, diffs=False))


CASES = [
    case("softmax", 'type: "Softmax"', bottoms=[(4, 3)]),
    case("softmax_spatial", 'type: "Softmax"', bottoms=[(2, 3, 2, 2)]),
    case("softmax_axis_0", 'type: "Softmax" softmax_param { axis: 0 }', bottoms=[(4, 3)]),
    case("softmax_axis_last", 'type: "Softmax" softmax_param { axis: -1 }', bottoms=[(2, 3, 4)]),
    case("softmax_one_axis", 'type: "Softmax" softmax_param { axis: 0 }', bottoms=[(5,)]),
    case("softmax_in_place", 'type: "Softmax"', bottoms=[(4, 3)], in_place=True),
    case("softmax_far", 'type: "Softmax"', bottoms=[(2, 3)], inputs="array [1000, 0, 999, -1000, -1000, -1001]"),
    case("softmax_reshape", 'type: "Softmax"', bottoms=[(4, 3)], steps=2, reshape=[(2, 5, 2)]),

    case("accuracy", 'type: "Accuracy"', **SCORES),
    case("accuracy_top_2", 'type: "Accuracy" accuracy_param { top_k: 2 }', **SCORES),
    case("accuracy_top_all", 'type: "Accuracy" accuracy_param { top_k: 4 }', **SCORES),
    case("accuracy_top_0", 'type: "Accuracy" accuracy_param { top_k: 0 }', **SCORES),
    case("accuracy_classes", 'type: "Accuracy"', tops=2, **SCORES),
    case("accuracy_ignore", 'type: "Accuracy" accuracy_param { ignore_label: 2 }', tops=2, phase="TEST", **SCORES),
    case("accuracy_all_ignored", 'type: "Accuracy" accuracy_param { ignore_label: 2 }', tops=2,
         **dict(SCORES, inputs=["normal", "constant 2"])),
    case("accuracy_ties", 'type: "Accuracy"', tops=2, **TIES),
    case("accuracy_ties_top_2", 'type: "Accuracy" accuracy_param { top_k: 2 }', tops=2, **TIES),
    case("accuracy_not_a_number", 'type: "Accuracy"', tops=2,
         **dict(TIES, inputs=["array [np.nan, 1, 0, 2, np.nan, 0, np.nan, np.nan, np.nan, 1, 2, 3]",
                              "array [0, 0, 1, 1]"])),
    case("accuracy_spatial", 'type: "Accuracy" accuracy_param { ignore_label: 0 }', tops=2, **SPATIAL),
    case("accuracy_axis_last", 'type: "Accuracy" accuracy_param { axis: -1 top_k: 2 }', tops=2,
         **dict(SPATIAL, bottoms=[(2, 2, 5, 3), (2, 2, 5)])),
    case("accuracy_axis_0", 'type: "Accuracy" accuracy_param { axis: 0 }', **dict(SCORES, bottoms=[(4, 3), (3,)])),
    case("accuracy_labels_of_another_shape", 'type: "Accuracy"', **dict(SCORES, bottoms=[(6, 4), (1, 6)])),
    case("accuracy_reshape", 'type: "Accuracy"', steps=2, reshape=[(3, 5, 2), (3, 2)], tops=2, **SCORES),

    argmaxes("default", "", bottoms=[(3, 5)]),
    argmaxes("4d", "", bottoms=[(3, 2, 2, 2)]),
    argmaxes("5d_values", "top_k: 2 out_max_val: true", bottoms=[(2, 2, 2, 1, 2)]),
    argmaxes("one_axis", "", bottoms=[(4,)]),
    argmaxes("top_3", "top_k: 3", bottoms=[(3, 5)]),
    argmaxes("top_3_values", "top_k: 3 out_max_val: true", bottoms=[(3, 5)]),
    argmaxes("axis", "axis: 1", bottoms=[(2, 5, 3)]),
    argmaxes("axis_0_top_2", "axis: 0 top_k: 2", bottoms=[(4, 3)]),
    argmaxes("axis_last_values", "axis: -1 top_k: 2 out_max_val: true", bottoms=[(2, 3, 4)]),
    argmaxes("ties", "top_k: 4", **EQUAL),
    argmaxes("ties_values", "top_k: 6 out_max_val: true", **EQUAL),
    argmaxes("ties_axis", "axis: 1 top_k: 3", **EQUAL),
    argmaxes("reshape", "axis: 1 top_k: 2", bottoms=[(2, 5, 3)], steps=2, reshape=[(3, 2)]),
]
