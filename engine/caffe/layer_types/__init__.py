"""BVLC's layers, a module a family. Importing this fills caffe.layer.TABLE."""
from caffe.layer_types import (  # noqa: F401
    arithmetic,
    classification,
    convolution,
    data,
    dense,
    hdf5,
    losses,
    neurons,
    normalize,
    plumbing,
    pooling,
    python,
    recurrent,
    shapes,
    vision,
    window_data,
)
