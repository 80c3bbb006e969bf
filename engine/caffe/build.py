"""From a net as written to the layers one phase runs: files read, rules applied, splits inserted."""
from pathlib import Path

from google.protobuf.message import DecodeError

from caffe import log, prototext
from caffe.errors import CaffeError
from caffe.proto import caffe_pb2
from caffe.upgrade import upgrade_net, upgrade_solver


def read_text(path, message):
    """Merge the prototxt file into the protobuf `message` and return it. Raises CaffeError naming the file and line."""
    try:
        prototext.merge(_read(path), message)
        return message
    except prototext.ParseError as error:
        raise CaffeError("%s: not a %s prototxt: %s" % (path, type(message).__name__, error)) from error


def read_binary(path, message):
    """Parse the binary file into the protobuf `message` and return it. Raises CaffeError naming the file."""
    try:
        message.ParseFromString(_read(path))
        _check_texts(message)
        return message
    except (DecodeError, UnicodeDecodeError):
        raise CaffeError("%s: not a binary %s, or a damaged one" % (path, type(message).__name__)) from None


def _read(path):
    """All bytes of the file. Raises CaffeError naming it."""
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise CaffeError("%s: %s" % (path, getattr(error, "strerror", error))) from error


def _check_texts(message):
    """Raise DecodeError for a string in the message that is not UTF-8, which protobuf gives as bytes."""
    for field, values in message.ListFields():
        values = values if hasattr(values, "extend") else [values]
        if field.type == field.TYPE_STRING and any(isinstance(value, bytes) for value in values):
            raise DecodeError("%s is not UTF-8" % field.name)
        if field.type == field.TYPE_MESSAGE and field.message_type.name != "BlobProto":
            for value in values:
                _check_texts(value)


def read_net(path):
    """The net of a prototxt file, in today's form. Raises CaffeError."""
    return upgrade_net(read_text(path, caffe_pb2.NetParameter()), path)


def read_weights(path):
    """The net of a caffemodel, in today's form. Raises CaffeError."""
    return upgrade_net(read_binary(path, caffe_pb2.NetParameter()), path)


def read_solver(path):
    """The solver of a prototxt file, in today's form. Raises CaffeError."""
    return upgrade_solver(read_text(path, caffe_pb2.SolverParameter()), path)


def broken_by(state, rule):
    """What of the NetStateRule the NetState does not meet, in words, and where BVLC's says so; None if it meets it."""
    if rule.HasField("phase") and rule.phase != state.phase:
        return "The NetState phase (%d) differed from the phase (%d)" % (state.phase, rule.phase), "net.cpp:296"
    if rule.HasField("min_level") and state.level < rule.min_level:
        return "The NetState level (%d) is below the min_level (%d)" % (state.level, rule.min_level), "net.cpp:306"
    if rule.HasField("max_level") and state.level > rule.max_level:
        return "The NetState level (%d) is above the max_level (%d)" % (state.level, rule.max_level), "net.cpp:316"
    for stage in rule.stage:
        if stage not in state.stage:
            return "The NetState did not contain stage '%s'" % stage, "net.cpp:332"
    for stage in rule.not_stage:
        if stage in state.stage:
            return "The NetState contained a not_stage '%s'" % stage, "net.cpp:347"
    return None


def filter_net(param):
    """A copy of the net with only the layers whose include and exclude rules its state meets."""
    def meets(rule, layer):
        broken = broken_by(param.state, rule)
        if broken:
            log.info("%s specified by a rule in layer %s" % (broken[0], layer.name), at=broken[1])
        return broken is None

    filtered = caffe_pb2.NetParameter()
    filtered.CopyFrom(param)
    del filtered.layer[:]
    for layer in param.layer:
        if layer.include and layer.exclude:
            raise CaffeError("layer %s: give either include or exclude rules, not both" % layer.name)
        if layer.include:
            included = any(meets(rule, layer) for rule in layer.include)
        else:
            included = not any(meets(rule, layer) for rule in layer.exclude)
        if included:
            filtered.layer.add().CopyFrom(layer)
    return filtered


def insert_splits(param):
    """A copy of the net in which every top has one consumer: a Split layer follows each that had more.

    A loss weight counts as one. Layers and blobs are named as BVLC names them (insert_splits.cpp).
    """
    last_top = {}  # blob name -> (layer index, top index) that wrote it last
    consumers = {}  # (layer index, top index) -> how many
    source = {}  # (layer index, bottom index) -> (layer index, top index)
    for i, layer in enumerate(param.layer):
        for j, name in enumerate(layer.bottom):
            if name not in last_top:
                raise CaffeError("Unknown bottom blob '%s' (layer '%s', bottom index %d)" % (name, layer.name, j))
            source[i, j] = last_top[name]
            consumers[last_top[name]] = consumers.get(last_top[name], 0) + 1
        for j, name in enumerate(layer.top):
            last_top[name] = i, j
        for j, weight in enumerate(layer.loss_weight[:len(layer.top)]):
            if weight:
                consumers[i, j] = consumers.get((i, j), 0) + 1

    split = caffe_pb2.NetParameter()
    split.CopyFrom(param)
    del split.layer[:]
    used = {}  # (layer index, top index) -> splits handed out so far
    for i, layer in enumerate(param.layer):
        copy = split.layer.add()
        copy.CopyFrom(layer)
        for j, name in enumerate(layer.bottom):
            key = source[i, j]
            if consumers[key] > 1:
                copy.bottom[j] = "%s_%s_%d_split_%d" % (name, param.layer[key[0]].name, key[1], used.get(key, 0))
                used[key] = used.get(key, 0) + 1
        for j, name in enumerate(layer.top):
            if consumers.get((i, j), 0) > 1:
                base = "%s_%s_%d_split" % (name, layer.name, j)
                added = split.layer.add(name=base, type="Split", bottom=[name],
                                        top=["%s_%d" % (base, k) for k in range(consumers[i, j])])
                weight = layer.loss_weight[j] if j < len(layer.loss_weight) else 0
                if weight:  # the loss is the split's first top
                    copy.loss_weight[j] = 0
                    added.loss_weight.extend([weight] + [0] * (consumers[i, j] - 1))
                    used[i, j] = 1
    return split
