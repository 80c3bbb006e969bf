"""Nets written as Python programs.

    from caffe import layers as L, params as P
    n = caffe.NetSpec()
    n.data, n.label = L.DummyData(shape=[dict(dim=[64, 3, 32, 32]), dict(dim=[64])], ntop=2)
    n.conv = L.Convolution(n.data, num_output=20, kernel_size=5, weight_filler=dict(type="xavier"))
    n.relu = L.ReLU(n.conv, in_place=True)
    n.pool = L.Pooling(n.relu, pool=P.Pooling.MAX, kernel_size=2, stride=2)
    n.fc = L.InnerProduct(n.pool, num_output=10)
    n.loss = L.SoftmaxWithLoss(n.fc, n.label)
    open("net.prototxt", "w").write(str(n.to_proto()))

A layer's arguments are the fields of its own parameter message (convolution_param for Convolution), or of
LayerParameter (loss_weight, param, include, ...).
"""
from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from caffe.proto import caffe_pb2

_LAYER = caffe_pb2.LayerParameter.DESCRIPTOR


def param_name_dict() -> dict[str, str]:
    """Layer type -> the field of LayerParameter with its parameters, less _param: Convolution -> convolution."""
    return {field.message_type.name[:-len("Parameter")]: field.name[:-len("_param")] for field in _LAYER.fields
            if field.name.endswith("_param")}


_OWN_PARAM = {name: field + "_param" for name, field in param_name_dict().items()}


def to_proto(*tops: Top) -> caffe_pb2.NetParameter:
    """The NetParameter of the layers that lead to these tops, with names made from the types: Convolution1, ..."""
    writer = _Writer({})
    for top in tops:
        writer.layer_of(top.fn)
    return writer.net()


def assign_proto(proto: Message, name: str, value: Any) -> None:
    """proto.name = value, where dicts stand for messages, and lists, or a single value, for repeated fields."""
    field = getattr(proto, name)
    if hasattr(field, "extend"):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                _fill(field.add(), item)
            else:
                field.append(item)
    elif isinstance(value, dict):
        _fill(field, value)
    else:
        setattr(proto, name, value)


def _fill(message, values):
    message.SetInParent()  # an empty dict, too, says that the message is there
    for name, value in values.items():
        assign_proto(message, name, value)


class Top:
    """The n-th output of a Function: what layers take and what a NetSpec names."""

    def __init__(self, fn: Function, n: int):
        self.fn, self.n = fn, n

    def to_proto(self) -> caffe_pb2.NetParameter:
        """The NetParameter of the layers that lead to this top."""
        return to_proto(self)


class Function:
    """A layer to be: its type, the Tops it takes, its parameters, and the Tops it makes."""

    def __init__(self, type_name: str, inputs: Sequence[Top], params: Mapping[str, Any]):
        for i, top in enumerate(inputs):
            if not isinstance(top, Top):
                raise TypeError("%s input %d is not a Top (type is %s)" % (type_name, i, type(top)))
        self.type_name, self.inputs, self.params = type_name, inputs, dict(params)
        self.ntop = self.params.pop("ntop", 1)
        self.in_place = self.params.pop("in_place", False)
        self.tops = tuple(Top(self, n) for n in range(self.ntop))


class _Writer:
    """Writes the layers of Functions, each once and after those that it takes from.

    names: those of Tops, and of Functions without any; more are made as they are needed.
    """

    def __init__(self, names):
        self.names, self.counts = dict(names), Counter()
        self.layers = OrderedDict()  # Function -> LayerParameter

    def net(self):
        return caffe_pb2.NetParameter(layer=self.layers.values())

    def layer_of(self, fn):
        """The LayerParameter of a Function."""
        if fn not in self.layers:
            bottoms = [self.layer_of(top.fn).top[top.n] for top in fn.inputs]
            layer = caffe_pb2.LayerParameter(type=fn.type_name, bottom=bottoms)
            layer.top.extend(bottoms if fn.in_place else [self.name_of(top) for top in fn.tops])
            layer.name = self.name_of(fn.tops[0] if fn.tops else fn)
            try:
                for name, value in fn.params.items():
                    self._assign(layer, fn, name, value)
            except AttributeError as error:  # which is the name alone
                raise AttributeError("layer %s (%s): there is no parameter %s"
                                     % (layer.name, layer.type, error)) from error
            self.layers[fn] = layer
        return self.layers[fn]

    def name_of(self, thing):
        """The name of a Top, or of a Function that has none."""
        if thing not in self.names:
            type_name = getattr(thing, "fn", thing).type_name
            self.counts[type_name] += 1
            self.names[thing] = type_name + str(self.counts[type_name])
        return self.names[thing]

    @staticmethod
    def _assign(layer, fn, name, value):
        own = _OWN_PARAM.get(fn.type_name)
        if name.endswith("param") or own is None or name not in getattr(layer, own).DESCRIPTOR.fields_by_name:
            assign_proto(layer, name, value)
        else:
            assign_proto(getattr(layer, own), name, value)


class NetSpec:
    """A net whose attributes, or items, are its blobs: `n.conv1 = L.Convolution(n.data, ...)`, `n["conv1"]`."""

    def __init__(self):
        super().__setattr__("tops", OrderedDict())

    def __setattr__(self, name: str, value: Top | Function) -> None:
        self.tops[name] = value

    def __getattr__(self, name: str) -> Any:  # a Top, or a Function without any
        try:
            return super().__getattribute__("tops")[name]
        except KeyError:
            raise AttributeError("the net has no blob %r" % name) from None

    def __setitem__(self, name: str, value: Top | Function) -> None:
        self.tops[name] = value

    def __getitem__(self, name: str) -> Any:
        return self.tops[name]

    def to_proto(self) -> caffe_pb2.NetParameter:
        """The NetParameter: the layers in the order in which their blobs were named."""
        writer = _Writer({thing: name for name, thing in self.tops.items()})
        for thing in self.tops.values():
            writer.layer_of(getattr(thing, "fn", thing))
        return writer.net()


class Layers:
    """`layers.X(top, ..., parameter=value, ntop=1, in_place=False)`: a layer of type X; its Top, or a tuple of them.

    With ntop=0, the Function itself.
    """

    def __getattr__(self, type_name: str) -> Callable[..., Any]:
        def make(*inputs, **parameters):
            fn = Function(type_name, inputs, parameters)
            return fn if fn.ntop == 0 else fn.tops[0] if fn.ntop == 1 else fn.tops
        return make


class Parameters:
    """`params.X.Y`: what XParameter in caffe.proto has by the name Y: `params.Pooling.MAX`."""

    def __getattr__(self, name: str) -> Any:
        class Parameter:
            def __getattr__(self, field):
                return getattr(getattr(caffe_pb2, name + "Parameter"), field)
        return Parameter()


layers = Layers()
params = Parameters()
