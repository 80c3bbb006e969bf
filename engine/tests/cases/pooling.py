"""Parity cases of caffe/layer_types/pooling.py."""
from parity import case

IMAGE = ((2, 3, 7, 6),)


def pool(name, parameters, bottoms=IMAGE, **more):
    return case("pooling_" + name, 'type: "Pooling" pooling_param { %s }' % parameters, bottoms, **more)


def both(name, parameters, bottoms=IMAGE, **more):
    """The same of maxima, with their places, and of averages."""
    return [pool("max_" + name, parameters, bottoms, tops=2, **more),
            pool("ave_" + name, "pool: AVE " + parameters, bottoms, **more)]


def spp(name, parameters, bottoms, **more):
    return case("spp_" + name, 'type: "SPP" spp_param { %s }' % parameters, bottoms, **more)


CASES = [
    pool("one_top", "kernel_size: 2 stride: 2"),
    *both("plain", "kernel_size: 3"),
    *both("ceil", "kernel_size: 3 stride: 2", ((2, 2, 6, 8),)),
    *both("ceil_sides", "kernel_h: 2 kernel_w: 3 stride_h: 3 stride_w: 2"),
    *both("floor", "kernel_size: 3 stride: 2 round_mode: FLOOR", ((2, 2, 6, 8),)),
    *both("floor_pad", "kernel_size: 3 stride: 2 pad: 1 round_mode: FLOOR", ((2, 2, 6, 7),)),
    *both("pad", "kernel_size: 3 stride: 1 pad: 1"),
    *both("pad_clipped", "kernel_size: 2 stride: 2 pad: 1"),
    *both("pad_clipped_odd", "kernel_size: 3 stride: 2 pad: 1", ((2, 2, 5, 8),)),
    *both("pad_more_than_half", "kernel_size: 3 stride: 2 pad: 2"),
    *both("pad_one_side", "kernel_size: 4 stride: 3 pad_h: 0 pad_w: 3"),
    *both("pad_clips_both_sides", "kernel_size: 2 stride: 5 pad_h: 0 pad_w: 1", ((2, 2, 5, 5),)),
    *both("stride_beyond_kernel", "kernel_size: 2 stride: 4 pad: 1", ((2, 2, 6, 9),)),
    *both("larger_than_image", "kernel_size: 4 stride: 3", ((2, 2, 3, 2),)),
    *both("larger_than_image_padded", "kernel_size: 7 pad: 1", ((2, 2, 6, 5),)),
    *both("1x1", "kernel_size: 1"),
    *both("1x1_stride", "kernel_size: 1 stride: 2", ((2, 2, 5, 3),)),
    *both("global", "global_pooling: true"),
    *both("global_reshape", "global_pooling: true", steps=2, reshape=((1, 3, 2, 5),)),
    *both("reshape", "kernel_size: 3 stride: 2", steps=2, reshape=((1, 3, 5, 9),)),
    *both("ties", "kernel_size: 3 stride: 2", inputs="labels 2"),
    *both("ties_padded", "kernel_size: 3 stride: 2 pad: 2", inputs="labels 2"),
    *both("in_test", "kernel_size: 2 stride: 2", phase="TEST"),
    # Windows that have nothing of the image: genuine Caffe's gradients are then written anywhere, its average is nan.
    pool("max_nothing", "kernel_size: 1 stride: 2", ((1, 2, 4, 5),), tops=2, diffs=False),
    spp("1", "pyramid_height: 1", IMAGE),
    spp("2", "pyramid_height: 2", IMAGE),
    spp("3", "pyramid_height: 3", ((2, 2, 7, 9),)),
    spp("3_even", "pyramid_height: 3", ((2, 2, 4, 8),)),
    spp("ave", "pyramid_height: 2 pool: AVE", ((2, 2, 5, 3),)),
    spp("ave_3", "pyramid_height: 3 pool: AVE", ((2, 2, 7, 10),)),
    spp("reshape", "pyramid_height: 2", ((2, 2, 4, 4),), steps=2, reshape=((3, 2, 5, 7),)),
]
