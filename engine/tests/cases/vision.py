"""Parity cases of caffe/layer_types/vision.py."""
from parity import case


def crop(name, parameters, bottoms, **more):
    return case("crop_" + name, 'type: "Crop" crop_param { %s }' % parameters, bottoms, **more)


IMAGE = (2, 3, 6, 5)
CASES = [
    crop("plain", "", (IMAGE, (1, 1, 4, 3))),
    crop("offset", "offset: 2", (IMAGE, (1, 1, 4, 3))),
    crop("offset_an_axis", "offset: 1 offset: 0", (IMAGE, (1, 1, 4, 5))),
    crop("channels", "axis: 1 offset: 1 offset: 2 offset: 0", (IMAGE, (1, 2, 4, 5))),
    crop("all_axes", "axis: 0 offset: 1", (IMAGE, (1, 2, 4, 3))),
    crop("negative_axis", "axis: -1 offset: 2", (IMAGE, (9, 9, 9, 3))),
    crop("last_axis", "axis: 3 offset: 1", (IMAGE, (1, 1, 1, 2))),
    crop("nothing_to_cut", "", (IMAGE, IMAGE)),
    crop("2_axes", "axis: 1 offset: 1", ((2, 4), (5, 2))),
    crop("5_axes", "axis: -3 offset: 1 offset: 0 offset: 1", ((1, 2, 3, 4, 5), (1, 1, 2, 4, 3))),
    crop("reference_with_more_axes", "axis: 1", ((2, 3, 4), (1, 2, 3, 7))),
    crop("reshape", "offset: 1", (IMAGE, (1, 1, 4, 3)), steps=2, reshape=((1, 3, 5, 5), (1, 1, 2, 4))),
]
