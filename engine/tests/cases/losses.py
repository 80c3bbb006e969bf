"""Parity cases of caffe/layer_types/losses.py."""
import atexit
import os
import tempfile

from caffe.proto import caffe_pb2
from parity import case


def blobproto(values, *shape):
    """The path of a binary BlobProto of the values, for as long as the program runs."""
    proto = caffe_pb2.BlobProto(data=values, shape=caffe_pb2.BlobShape(dim=shape))
    with tempfile.NamedTemporaryFile(suffix=".binaryproto", delete=False) as file:
        file.write(proto.SerializeToString())
    atexit.register(os.unlink, file.name)
    return file.name


def normalizations(name, layer, ignore, **options):
    """With every normalisation, with an ignored label and without."""
    choices = {"": "", "_full": "normalization: FULL", "_valid": "normalization: VALID",
               "_batch": "normalization: BATCH_SIZE", "_none": "normalization: NONE"}
    return [case(name + kind + ignored, '%s loss_param { %s %s }' % (layer, choice, field), **options)
            for kind, choice in choices.items()
            for ignored, field in (("", ""), ("_ignore", "ignore_label: %d" % ignore))]


SOFTMAX = 'type: "SoftmaxWithLoss"'
FLAT = dict(bottoms=[(4, 3), (4,)], inputs=["normal", "labels 3"])
SPATIAL = dict(bottoms=[(2, 3, 2, 2), (2, 1, 2, 2)], inputs=["normal", "labels 3"])
FAR = "array [200, 0, 0, 0, 0, 0, -90, 90, 0, 0, 45, -45]"  # probabilities at which BVLC stops

SIGMOID = 'type: "SigmoidCrossEntropyLoss"'
TARGETS = dict(bottoms=[(3, 4), (3, 4)], inputs=["normal", "array [1, 0, -1, 1, 0.3, -1, 0, 1, -1, 0, 1, 0.9]"])

INFOGAIN = 'type: "InfogainLoss"'
GAIN = [0.9, 0.1, 0, 0.2, 0.5, 0.4, -0.3, 0, 1.5]
FROM_FILE = INFOGAIN + ' infogain_loss_param { source: "%s" }' % blobproto(GAIN, 3, 3)
FROM_FILE_SPATIAL = INFOGAIN + ' infogain_loss_param { source: "%s" axis: -3 }' % blobproto(GAIN, 1, 1, 3, 3)
FROM_BOTTOM = dict(bottoms=[(4, 3), (4,), (3, 3)], inputs=["normal", "labels 3", "normal"])

PAIRS = dict(bottoms=[(5, 3), (5, 3), (5,)], inputs=["normal", "normal", "array [0, 1, 0, 1, 0]"])
PAIRS_LABELLED = dict(PAIRS, inputs=["normal", "normal", "array [2, -1, 0.9, 1.5, -0.5]"])
PAIRS_ALIKE = dict(bottoms=[(2, 3), (2, 3), (2,)], inputs=["constant 1", "constant 1", "array [0, 1]"])
PAIRS_4D = dict(bottoms=[(5, 3, 1, 1), (5, 3), (5, 1, 1, 1)], inputs=["normal", "normal", "labels 2"])

HINGE = 'type: "HingeLoss"'
HINGE_L2 = HINGE + " hinge_loss_param { norm: L2 }"
AT_MARGIN = dict(bottoms=[(2, 3), (2,)], inputs=["array [-1, 0, 1, 1, 0.5, -1]", "constant 0"])

CASES = [
    *normalizations("softmax_loss", SOFTMAX, 1, **FLAT),
    *normalizations("softmax_loss_spatial", SOFTMAX, 2, **SPATIAL),
    case("softmax_loss_normalize", SOFTMAX + " loss_param { normalize: true ignore_label: 1 }", **SPATIAL),
    case("softmax_loss_no_normalize", SOFTMAX + " loss_param { normalize: false ignore_label: 1 }", **SPATIAL),
    case("softmax_loss_both", SOFTMAX + " loss_param { normalize: false normalization: NONE }", **SPATIAL),
    case("softmax_loss_all_ignored", SOFTMAX + " loss_param { ignore_label: -1 }",
         bottoms=[(4, 3), (4,)], inputs=["normal", "constant -1"]),
    case("softmax_loss_ignore_none_of_them", SOFTMAX + " loss_param { ignore_label: 255 }", **FLAT),
    case("softmax_loss_axis_last", SOFTMAX + " softmax_param { axis: -1 }", bottoms=[(2, 3, 4), (2, 3)],
         inputs=["normal", "labels 4"]),
    case("softmax_loss_axis_2_batch", SOFTMAX + " softmax_param { axis: 2 } loss_param { normalization: BATCH_SIZE }",
         bottoms=[(2, 3, 4, 2), (2, 3, 2)], inputs=["normal", "labels 4"]),
    case("softmax_loss_axis_0", SOFTMAX + " softmax_param { axis: 0 }", bottoms=[(3, 6), (3, 2)],
         inputs=["normal", "labels 3"]),
    case("softmax_loss_label_fractions", SOFTMAX, bottoms=[(4, 3), (4,)],
         inputs=["normal", "array [0.9, 2.5, -0.5, 1.0]"]),
    case("softmax_loss_label_4d", SOFTMAX, bottoms=[(4, 3, 1, 1), (4, 1, 1, 1)], inputs=["normal", "labels 3"]),
    case("softmax_loss_far", SOFTMAX, bottoms=[(4, 3), (4,)], inputs=[FAR, "array [1, 0, 0, 2]"]),
    case("softmax_loss_weight", SOFTMAX + " loss_weight: 2.5", **FLAT),
    case("softmax_loss_weight_negative", SOFTMAX + " loss_weight: -0.5 loss_param { normalization: NONE }", **FLAT),
    case("softmax_loss_weight_zero", SOFTMAX + " loss_weight: 0", **FLAT),
    case("softmax_loss_test_phase", SOFTMAX, phase="TEST", **FLAT),
    case("softmax_loss_reshape", SOFTMAX + " loss_weight: 3", steps=2, reshape=[(2, 5, 2), (2, 2)],
         bottoms=[(4, 3), (4,)], inputs=["normal", "labels 3"]),
    case("softmax_loss_not_asked_for", SOFTMAX + " propagate_down: false propagate_down: false", force=False, **FLAT),
    case("softmax_loss_nameless_top", SOFTMAX, tops=0, **FLAT),
    case("softmax_loss_one_class", SOFTMAX, bottoms=[(4, 1), (4,)], inputs=["normal", "constant 0"]),

    *normalizations("sigmoid_loss", SIGMOID, -1, **TARGETS),
    case("sigmoid_loss_normalize", SIGMOID + " loss_param { normalize: true ignore_label: -1 }", **TARGETS),
    case("sigmoid_loss_no_normalize", SIGMOID + " loss_param { normalize: false ignore_label: -1 }", **TARGETS),
    case("sigmoid_loss_ignore_0_and_fractions", SIGMOID + " loss_param { ignore_label: 0 }", **TARGETS),
    case("sigmoid_loss_all_ignored", SIGMOID + " loss_param { normalization: VALID ignore_label: 3 }",
         bottoms=[(3, 4), (3, 4)], inputs=["normal", "constant 3"]),
    case("sigmoid_loss_far", SIGMOID, bottoms=[(1, 6), (1, 6)],
         inputs=["array [100, -100, 100, -100, 0, -0.0]", "array [1, 0, 0, 1, 0, 1]"]),
    case("sigmoid_loss_shapes", SIGMOID + " loss_weight: 0.3", bottoms=[(2, 3, 2, 2), (2, 12)],
         inputs=["normal", "probability"]),

    case("euclidean_loss", 'type: "EuclideanLoss"', bottoms=[(3, 4), (3, 4)]),
    case("euclidean_loss_weight", 'type: "EuclideanLoss" loss_weight: -1.5', bottoms=[(2, 3, 2, 2), (2, 3, 2, 2)]),
    case("euclidean_loss_shapes", 'type: "EuclideanLoss"', bottoms=[(2, 3, 2, 2), (2, 12)]),
    case("euclidean_loss_one_axis", 'type: "EuclideanLoss"', bottoms=[(5,), (5, 1)]),
    case("euclidean_loss_one_gradient", 'type: "EuclideanLoss" propagate_down: false propagate_down: true',
         bottoms=[(3, 4), (3, 4)], force=False),
    case("euclidean_loss_reshape", 'type: "EuclideanLoss"', bottoms=[(3, 4), (3, 4)], steps=2,
         reshape=[(2, 5), (2, 5)]),

    case("hinge_loss", HINGE, **FLAT),
    case("hinge_loss_l2", HINGE_L2 + " loss_weight: 2", **FLAT),
    case("hinge_loss_at_margin", HINGE, **AT_MARGIN),
    case("hinge_loss_l2_at_margin", HINGE_L2, **AT_MARGIN),
    case("hinge_loss_4d", HINGE, bottoms=[(2, 3, 2, 1), (2, 1, 1, 1)], inputs=["normal", "labels 6"]),
    case("hinge_loss_label_fractions", HINGE_L2, bottoms=[(3, 3), (3,)], inputs=["normal", "array [1.9, 0.2, 2.7]"]),

    *normalizations("infogain_loss", FROM_FILE, 1, **FLAT),
    case("infogain_loss_two_tops", FROM_FILE + " loss_weight: 2 loss_weight: 0", tops=2, **FLAT),
    case("infogain_loss_two_weights", FROM_FILE + " loss_weight: 2 loss_weight: 0.5", tops=2, **FLAT),
    case("infogain_loss_spatial", FROM_FILE_SPATIAL + " loss_param { ignore_label: 0 }", **SPATIAL),
    case("infogain_loss_far", FROM_FILE, bottoms=[(4, 3), (4,)], inputs=[FAR, "array [1, 0, 0, 2]"]),
    case("infogain_loss_all_ignored", FROM_FILE + " loss_param { ignore_label: -1 }",
         bottoms=[(4, 3), (4,)], inputs=["normal", "constant -1"]),
    case("infogain_loss_from_bottom", INFOGAIN + " propagate_down: true propagate_down: false propagate_down: false",
         force=False, steps=2, **FROM_BOTTOM),
    case("infogain_loss_from_bottom_forward", INFOGAIN, diffs=False, **FROM_BOTTOM),

    case("contrastive_loss", 'type: "ContrastiveLoss"', **PAIRS),
    case("contrastive_loss_margin", 'type: "ContrastiveLoss" contrastive_loss_param { margin: 4 }', **PAIRS),
    case("contrastive_loss_legacy",
         'type: "ContrastiveLoss" contrastive_loss_param { margin: 9 legacy_version: true }', **PAIRS),
    case("contrastive_loss_labels",
         'type: "ContrastiveLoss" contrastive_loss_param { margin: 5 } loss_weight: 0.5', **PAIRS_LABELLED),
    case("contrastive_loss_alike", 'type: "ContrastiveLoss"', **PAIRS_ALIKE),
    case("contrastive_loss_alike_legacy",
         'type: "ContrastiveLoss" contrastive_loss_param { legacy_version: true }', **PAIRS_ALIKE),
    case("contrastive_loss_close", 'type: "ContrastiveLoss"', bottoms=[(2, 1), (2, 1), (2,)],
         inputs=["array [0, 0]", "array [1e-4, 3e-4]", "constant 0"]),
    case("contrastive_loss_4d", 'type: "ContrastiveLoss" contrastive_loss_param { margin: 4 }', **PAIRS_4D),

    case("multinomial_loss", 'type: "MultinomialLogisticLoss"', bottoms=[(4, 3), (4,)],
         inputs=["probability", "labels 3"]),
    case("multinomial_loss_clamped", 'type: "MultinomialLogisticLoss" loss_weight: 0.5', bottoms=[(2, 2), (2, 1)],
         inputs=["array [0, 1, 1e-25, 0.5]", "constant 0"]),
    case("multinomial_loss_4d", 'type: "MultinomialLogisticLoss"', bottoms=[(2, 3, 2, 1), (2, 1, 1, 1)],
         inputs=["probability", "array [4.6, 0]"]),
]
