"""Nets and solvers of older formats brought into today's (what BVLC's upgrade_proto.cpp reads).

    V0: layers { layer { name: "conv1" type: "conv" num_output: 96 kernelsize: 11 } bottom: "data" top: "conv1" }
    V1: layers { name: "conv1" type: CONVOLUTION blobs_lr: 1 convolution_param { num_output: 96 kernel_size: 11 } ... }
    V2: layer { name: "conv1" type: "Convolution" param { lr_mult: 1 } convolution_param { ... } ... }

Prototxt files and binary ones, caffemodels, alike.
"""
from caffe import log
from caffe.errors import CaffeError
from caffe.proto import caffe_pb2

_V1 = caffe_pb2.V1LayerParameter

# V1's layer types are today's in capitals, with underscores between the words; these are spelt otherwise.
_V1_SPELLING = {"ABSVAL": "AbsVal", "ARGMAX": "ArgMax", "BNLL": "BNLL", "HDF5_DATA": "HDF5Data",
                "HDF5_OUTPUT": "HDF5Output", "LRN": "LRN", "MVN": "MVN", "RELU": "ReLU", "TANH": "TanH",
                "SOFTMAX_LOSS": "SoftmaxWithLoss"}
_V1_TYPES = {number: _V1_SPELLING.get(name, "".join(word.capitalize() for word in name.split("_")))
             for name, number in _V1.LayerType.items() if name != "NONE"}

# V0's type -> V1's, and the parameter message of V1 that took over the type's fields.
_V0_TYPES = {
    "accuracy": ("ACCURACY", None), "bnll": ("BNLL", None), "concat": ("CONCAT", "concat_param"),
    "conv": ("CONVOLUTION", "convolution_param"), "data": ("DATA", "data_param"),
    "dropout": ("DROPOUT", "dropout_param"), "euclidean_loss": ("EUCLIDEAN_LOSS", None), "flatten": ("FLATTEN", None),
    "hdf5_data": ("HDF5_DATA", "hdf5_data_param"), "hdf5_output": ("HDF5_OUTPUT", None), "im2col": ("IM2COL", None),
    "images": ("IMAGE_DATA", "image_data_param"), "infogain_loss": ("INFOGAIN_LOSS", "infogain_loss_param"),
    "innerproduct": ("INNER_PRODUCT", "inner_product_param"), "lrn": ("LRN", "lrn_param"),
    "multinomial_logistic_loss": ("MULTINOMIAL_LOGISTIC_LOSS", None), "pool": ("POOLING", "pooling_param"),
    "relu": ("RELU", None), "sigmoid": ("SIGMOID", None), "softmax": ("SOFTMAX", None),
    "softmax_loss": ("SOFTMAX_LOSS", None), "split": ("SPLIT", None), "tanh": ("TANH", None),
    "window_data": ("WINDOW_DATA", "window_data_param"),
}

# V0's fields -> the types that have them, and the name of the field in the type's parameter message where it differs.
_V0_FIELDS = {
    "num_output": ("conv innerproduct", None), "biasterm": ("conv innerproduct", "bias_term"),
    "weight_filler": ("conv innerproduct", None), "bias_filler": ("conv innerproduct", None),
    "pad": ("conv pool", None), "kernelsize": ("conv pool", "kernel_size"), "stride": ("conv pool", None),
    "group": ("conv", None), "pool": ("pool", None), "dropout_ratio": ("dropout", None),
    "local_size": ("lrn", None), "alpha": ("lrn", None), "beta": ("lrn", None), "k": ("lrn", None),
    "source": ("data hdf5_data images window_data infogain_loss", None),
    "batchsize": ("data hdf5_data images window_data", "batch_size"), "rand_skip": ("data images", None),
    "det_fg_threshold": ("window_data", "fg_threshold"), "det_bg_threshold": ("window_data", "bg_threshold"),
    "det_fg_fraction": ("window_data", "fg_fraction"), "det_context_pad": ("window_data", "context_pad"),
    "det_crop_mode": ("window_data", "crop_mode"), "new_height": ("images", None), "new_width": ("images", None),
    "shuffle_images": ("images", "shuffle"), "concat_dim": ("concat", None),
}
_V0_TRANSFORM = {"scale": "scale", "meanfile": "mean_file", "cropsize": "crop_size", "mirror": "mirror"}


def upgrade_net(param, where):
    """Bring the NetParameter into today's form, in place, and return it.

    `where`, the file it was read from, is named by the CaffeError raised when that cannot be done.
    """
    if any(layer.HasField("layer") for layer in param.layers):
        _upgrade_v0(param, where)
    if param.layers:
        _upgrade_v1(param, where)
    if param.input:
        _upgrade_inputs(param, where)
    for layer in param.layer:
        if layer.type == "BatchNorm" and len(layer.param) == 3:  # its blobs are statistics, once meant to be given so
            for spec in layer.param:
                spec.lr_mult = spec.decay_mult = 0
    return param


def upgrade_solver(param, where):
    """Bring the SolverParameter and the nets in it into today's form, in place, and return it. Raises CaffeError."""
    if param.HasField("solver_type"):
        if param.HasField("type"):
            raise CaffeError("%s: gives both type and the old solver_type; remove solver_type" % where)
        names = {"NESTEROV": "Nesterov", "ADAGRAD": "AdaGrad", "RMSPROP": "RMSProp", "ADADELTA": "AdaDelta",
                 "ADAM": "Adam"}
        old = caffe_pb2.SolverParameter.SolverType.Name(param.solver_type)
        param.type = names.get(old, old)
        param.ClearField("solver_type")
    for name in "net_param", "train_net_param":
        if param.HasField(name):
            upgrade_net(getattr(param, name), where)
    for net in param.test_net_param:
        upgrade_net(net, where)
    return param


# V0 to V1.

def _upgrade_v0(param, where):
    padded = {}  # blob made by a padding layer -> (the blob it pads, by how much)
    upgraded = []
    for old in param.layers:
        if old.layer.type == "padding":
            if len(old.bottom) != 1 or len(old.top) != 1:
                raise CaffeError("%s: padding layer %s takes one blob and makes one" % (where, old.layer.name))
            padded[old.top[0]] = old.bottom[0], old.layer.pad
            continue
        new = _v1_layer(old, where)
        for i, name in enumerate(new.bottom):
            if name in padded:
                if old.layer.type not in ("conv", "pool") or len(new.bottom) != 1:
                    raise CaffeError("%s: layer %s takes the padded blob %s; only convolution and pooling may, with "
                                     "one bottom" % (where, old.layer.name, name))
                new.bottom[i], pad = padded[name]
                if old.layer.type == "conv":
                    new.convolution_param.pad[:] = [pad]
                else:
                    new.pooling_param.pad = pad
        for name in new.top:
            padded.pop(name, None)
        upgraded.append(new)
    del param.layers[:]
    param.layers.extend(upgraded)


def _v1_layer(connection, where):
    """The V1 layer of a V0 `layers { bottom top layer { ... } }`."""
    old = connection.layer
    if old.type not in _V0_TYPES:
        raise CaffeError("%s: layer %s: unknown layer type %r of the V0 format; known are %s, padding"
                         % (where, old.name, old.type, ", ".join(sorted(_V0_TYPES))))
    v1_type, message = _V0_TYPES[old.type]
    new = _V1(bottom=connection.bottom, top=connection.top, type=v1_type, name=old.name, blobs=old.blobs,
              blobs_lr=old.blobs_lr, weight_decay=old.weight_decay)
    for field, value in old.ListFields():
        if field.name in _V0_FIELDS and old.type in _V0_FIELDS[field.name][0].split():
            _assign(getattr(new, message), _V0_FIELDS[field.name][1] or field.name, value)
        elif field.name in _V0_TRANSFORM:
            _assign(new.transform_param, _V0_TRANSFORM[field.name], value)
        elif field.name == "hdf5_output_param" and old.type == "hdf5_output":
            new.hdf5_output_param.CopyFrom(value)
        elif field.name not in ("name", "type", "blobs", "blobs_lr", "weight_decay"):
            log.error("%s: layer %s: %s has no meaning for the layer type %s" % (where, old.name, field.name, old.type))
    return new


def _assign(message, name, value):
    """message.name = value, for a single field, a repeated one, and a message."""
    field = getattr(message, name)
    if hasattr(field, "extend"):
        field.append(value)
    elif hasattr(field, "CopyFrom"):
        field.CopyFrom(value)
    else:
        setattr(message, name, value)


# V1 to today's.

def _upgrade_v1(param, where):
    if param.layer:
        raise CaffeError("%s: gives both `layer` and the old `layers`; write them all as `layer`" % where)
    param.layer.extend(_layer(old) for old in param.layers)
    del param.layers[:]


def _layer(old):
    new = caffe_pb2.LayerParameter(name=old.name, type=_V1_TYPES.get(old.type, ""))  # weights need none
    for field, value in old.ListFields():
        if field.name.endswith("_param") or field.name in ("bottom", "top", "include", "exclude", "blobs",
                                                           "loss_weight"):
            getattr(new, field.name).MergeFrom(value)
    for values, name in ((old.param, "name"), (old.blob_share_mode, "share_mode"), (old.blobs_lr, "lr_mult"),
                         (old.weight_decay, "decay_mult")):
        for i, value in enumerate(values):
            if i == len(new.param):
                new.param.add()
            setattr(new.param[i], name, value)
    _move_transformation(old, new)
    return new


def _move_transformation(old, new):
    """A data layer's scale, mean_file, crop_size and mirror have moved to its transform_param."""
    name = {_V1.DATA: "data_param", _V1.IMAGE_DATA: "image_data_param", _V1.WINDOW_DATA: "window_data_param"}.get(
        old.type)
    if name is None or not new.HasField(name):
        return
    message = getattr(new, name)
    for field in "scale", "mean_file", "crop_size", "mirror":
        if message.HasField(field):
            setattr(new.transform_param, field, getattr(message, field))
            message.ClearField(field)


# `input:` to an Input layer.

def _upgrade_inputs(param, where):
    count = len(param.input)
    if param.input_shape or param.input_dim:  # a caffemodel may name inputs without their shapes
        if param.input_shape and len(param.input_shape) != count:
            raise CaffeError("%s: %d `input` and %d `input_shape`; give one of each an input"
                             % (where, count, len(param.input_shape)))
        if not param.input_shape and len(param.input_dim) != 4 * count:
            raise CaffeError("%s: %d `input` and %d `input_dim`; give four input_dim an input"
                             % (where, count, len(param.input_dim)))
        shapes = list(param.input_shape) or [caffe_pb2.BlobShape(dim=param.input_dim[4 * i:4 * i + 4])
                                             for i in range(count)]
        layers = list(param.layer)
        del param.layer[:]
        param.layer.add(name="input", type="Input", top=param.input,
                        input_param=caffe_pb2.InputParameter(shape=shapes))
        param.layer.extend(layers)
    for name in "input", "input_shape", "input_dim":
        param.ClearField(name)
