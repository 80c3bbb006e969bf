"""Parity cases of caffe/layer_types/convolution.py."""
from parity import case

IMAGE = ((2, 4, 6, 5),)


def windowed(layer_type, name, parameters, bottoms=IMAGE, **more):
    return case("%s_%s" % (layer_type.lower(), name), 'type: "%s" convolution_param { %s }' % (layer_type, parameters),
                bottoms, **more)


def both(name, parameters, bottoms=IMAGE, **more):
    """The same of Convolution and of Deconvolution."""
    return [windowed(layer_type, name, "num_output: 6 " + parameters, bottoms, **more)
            for layer_type in ("Convolution", "Deconvolution")]


CASES = [
    *both("plain", "kernel_size: 3"),
    *both("no_bias", "kernel_size: 3 bias_term: false"),
    *both("1x1", "kernel_size: 1"),
    *both("1x1_stride", "kernel_size: 1 stride: 2"),
    *both("pad_stride", "kernel_size: 3 pad: 1 stride: 2"),
    *both("sides", "kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 2 pad_h: 0 pad_w: 1"),
    *both("one_side_of_pad", "kernel_size: 3 pad_h: 1"),
    *both("number_an_axis", "kernel_size: 2 kernel_size: 3 pad: 2 pad: 0 stride: 3 stride: 1"),
    *both("group", "kernel_size: 3 group: 2 pad: 1"),
    *both("group_dilation_stride", "kernel_size: 2 group: 2 dilation: 2 stride: 2 pad: 1"),
    *both("dilation_an_axis", "kernel_size: 2 dilation: 3 dilation: 1"),
    *both("bottoms", "kernel_size: 2", ((2, 4, 3, 4), (2, 4, 3, 4)), tops=2),
    *both("1d", "kernel_size: 3 stride: 2 pad: 1", ((2, 4, 7),)),
    *both("3d", "kernel_size: 2 stride: 1 stride: 2 stride: 1 pad: 1", ((2, 4, 3, 4, 3),)),
    *both("3d_group_dilation", "kernel_size: 2 dilation: 2 group: 2", ((1, 4, 3, 4, 3),)),
    *both("4d", "kernel_size: 2 stride: 1 stride: 2 stride: 1 stride: 2 pad: 0 pad: 1 pad: 0 pad: 1",
          ((1, 4, 2, 3, 2, 2),)),
    *both("4d_group_dilation", "kernel_size: 2 group: 2 dilation: 2 dilation: 1 dilation: 1 dilation: 2 "
          "bias_term: false", ((1, 4, 3, 2, 2, 3),)),
    *both("5d", "kernel_size: 1 kernel_size: 2 kernel_size: 1 kernel_size: 2 kernel_size: 2 axis: 0",
          ((4, 1, 2, 2, 2, 2),)),
    *both("no_spatial_axis", "", ((3, 4),)),
    *both("axis_0", "kernel_size: 2 axis: 0", ((4, 3, 5, 2),)),
    *both("axis_2", "kernel_size: 2 axis: 2", ((2, 3, 4, 5),)),
    *both("axis_negative", "kernel_size: 2 axis: -3 force_nd_im2col: true"),
    *both("steps_and_reshape", "kernel_size: 3 stride: 2 pad: 1", steps=2, reshape=((3, 4, 3, 7),)),
    *both("in_test", "kernel_size: 3", phase="TEST"),
    *both("filled", 'kernel_size: 3 weight_filler { type: "constant" value: 0.5 } bias_filler { value: -2 }',
          params="filled"),
    windowed("Deconvolution", "bilinear", 'num_output: 4 group: 4 kernel_size: 4 stride: 2 pad: 1 bias_term: false '
             'weight_filler { type: "bilinear" }', ((1, 4, 3, 3),), params="filled"),
    *(windowed("Deconvolution", "bilinear_%d" % size, 'num_output: 1 kernel_size: %d stride: 2 bias_term: false '
               'weight_filler { type: "bilinear" }' % size, ((1, 1, 3, 2),), params="filled") for size in (1, 2, 3, 5)),
    # A single window that is larger than the image, by less than the stride.
    windowed("Convolution", "sticks_out", "num_output: 2 kernel_size: 4 stride: 3", ((2, 2, 3, 2),)),
    windowed("Convolution", "sticks_out_of_one_axis", "num_output: 2 kernel_size: 3 dilation: 2 pad: 1 stride: 2",
             ((2, 2, 2, 6),)),
    windowed("Convolution", "sticks_out_3d", "num_output: 2 kernel_size: 3 stride: 2", ((1, 2, 2, 5, 2),)),
    windowed("Im2col", "sticks_out", "kernel_size: 4 stride: 3", ((2, 2, 3, 2),)),
    windowed("Convolution", "long_stride", "num_output: 2 kernel_size: 2 stride: 20000", ((2, 2, 3, 2),)),
    windowed("Deconvolution", "long_stride", "num_output: 1 kernel_size: 1 stride: 20000 stride: 1",
             ((1, 1, 2, 1),), diffs=False),
    windowed("Convolution", "depthwise", "num_output: 4 group: 4 kernel_size: 3 pad: 1"),
    windowed("Im2col", "plain", "kernel_size: 3"),
    windowed("Im2col", "all", "kernel_size: 2 stride: 2 pad: 1 dilation: 2"),
    windowed("Im2col", "sides", "kernel_h: 2 kernel_w: 1 stride_h: 2 stride_w: 1 pad_h: 1 pad_w: 0"),
    windowed("Im2col", "1d", "kernel_size: 2", ((2, 3, 6),)),
    windowed("Im2col", "3d", "kernel_size: 2 stride: 2 pad: 0 pad: 1 pad: 0", ((2, 2, 3, 2, 4),)),
    windowed("Im2col", "axis_0", "kernel_size: 2 axis: 0", ((2, 3, 4),)),
    windowed("Im2col", "axis_negative", "kernel_size: 2 axis: -2", ((2, 3, 4, 5),)),
    windowed("Im2col", "reshape", "kernel_size: 2", ((2, 2, 3, 3),), steps=2, reshape=((1, 2, 4, 3),)),
]
