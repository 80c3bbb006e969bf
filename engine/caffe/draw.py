"""Pictures of nets, by pydot and Graphviz, which are needed for this alone.

    caffe.draw.draw_net_to_file(net_parameter, "net.png")
"""
from __future__ import annotations

import os
from typing import TYPE_CHECKING

from caffe.errors import CaffeError
from caffe.proto import caffe_pb2

if TYPE_CHECKING:
    import pydot

LAYER_STYLE_DEFAULT = {"shape": "record", "fillcolor": "#6495ED", "style": "filled"}
NEURON_LAYER_STYLE = {"shape": "record", "fillcolor": "#90EE90", "style": "filled"}
BLOB_STYLE = {"shape": "octagon", "fillcolor": "#E0E0E0", "style": "filled"}

_COLORS = {"Convolution": "#FF5050", "Deconvolution": "#FF5050", "Pooling": "#FF9900", "InnerProduct": "#CC33FF"}


def _pydot():
    try:
        import pydot
    except ImportError:
        raise CaffeError("drawing nets needs pydot: pip install pydot, and Graphviz for the command dot") from None
    return pydot


def get_pooling_types_dict() -> dict[int, str]:
    """PoolingParameter's methods: number -> name."""
    return {number: name for name, number in caffe_pb2.PoolingParameter.PoolMethod.items()}


def choose_color_by_layertype(layertype: str) -> str:
    """The colour of a layer of this type, as "#RRGGBB"."""
    return _COLORS.get(layertype, LAYER_STYLE_DEFAULT["fillcolor"])


def get_edge_label(layer: caffe_pb2.LayerParameter) -> str:
    """What stands at a layer's outgoing edges: batch size or number of outputs."""
    if layer.type == "Data":
        return "Batch " + str(layer.data_param.batch_size)
    if layer.type in ("Convolution", "Deconvolution"):
        return str(layer.convolution_param.num_output)
    if layer.type == "InnerProduct":
        return str(layer.inner_product_param.num_output)
    return '""'


def get_layer_lr_mult(layer: caffe_pb2.LayerParameter) -> str:
    """The learning-rate multipliers of a layer with weights: "1.0", or "[1.0, 2.0]" for weights and bias; else ""."""
    if layer.type not in ("Convolution", "Deconvolution", "InnerProduct"):
        return ""
    rates = [spec.lr_mult for spec in layer.param] or [1.0]
    return str(rates[0]) if len(rates) == 1 else str(rates)


def get_layer_label(layer: caffe_pb2.LayerParameter, rankdir: str, display_lrm: bool = False) -> str:
    """What stands in a layer's node: name, type, and its windows if it has any; display_lrm: its lr_mult, too."""
    lines = [layer.name, "(%s)" % layer.type]
    if layer.type in ("Convolution", "Deconvolution"):
        p = layer.convolution_param
        for what, values, pair, default in (
                ("kernel size", p.kernel_size, (p.kernel_h, p.kernel_w), 1),
                ("stride", p.stride, (p.stride_h, p.stride_w), 1), ("pad", p.pad, (p.pad_h, p.pad_w), 0)):
            numbers = list(values) or [number for number in pair if number] or [default]
            lines.append("%s: %s" % (what, "x".join(map(str, numbers))))
    elif layer.type == "Pooling":
        p = layer.pooling_param
        lines[1] = "(%s %s)" % (get_pooling_types_dict()[p.pool], layer.type)
        lines += ["kernel size: %d" % p.kernel_size, "stride: %d" % p.stride, "pad: %d" % p.pad]
    if display_lrm and get_layer_lr_mult(layer):
        lines.append("lr mult: " + get_layer_lr_mult(layer))
    # One line where the layers lie below each other, for their nodes are wide then; else below each other.
    return '"%s"' % (" " if rankdir in ("TB", "BT") else "\\n").join(lines)


def get_pydot_graph(caffe_net: caffe_pb2.NetParameter, rankdir: str, label_edges: bool = True, phase: int | None = None,
                    display_lrm: bool = False) -> pydot.Dot:
    """The NetParameter as a pydot.Dot. phase: caffe.TRAIN or TEST, to show that phase's layers only."""
    pydot = _pydot()
    graph = pydot.Dot(caffe_net.name or "Net", graph_type="digraph", rankdir=rankdir)
    nodes, edges = {}, []
    for layer in caffe_net.layer:
        if phase is not None and not _is_in_phase(layer, phase):
            continue
        node = "%s_%s" % (layer.name, layer.type)
        in_place = len(layer.bottom) == len(layer.top) == 1 and layer.bottom[0] == layer.top[0]
        style = NEURON_LAYER_STYLE if in_place else dict(LAYER_STYLE_DEFAULT,
                                                         fillcolor=choose_color_by_layertype(layer.type))
        nodes[node] = pydot.Node(node, label=get_layer_label(layer, rankdir, display_lrm), **style)
        for names in layer.bottom, layer.top:
            for name in names:
                nodes[name + "_blob"] = pydot.Node(name + "_blob", label='"%s"' % name, **BLOB_STYLE)
        label = get_edge_label(layer) if label_edges else '""'
        edges += [(name + "_blob", node, '""') for name in layer.bottom]
        edges += [(node, name + "_blob", label) for name in layer.top]
    for node in nodes.values():
        graph.add_node(node)
    for source, target, label in edges:
        graph.add_edge(pydot.Edge(nodes[source], nodes[target], label=label))
    return graph


def _is_in_phase(layer, phase):
    if layer.include and not any(not rule.HasField("phase") or rule.phase == phase for rule in layer.include):
        return False
    return not any(rule.HasField("phase") and rule.phase == phase for rule in layer.exclude)


def draw_net(caffe_net: caffe_pb2.NetParameter, rankdir: str, ext: str = "png", phase: int | None = None,
             display_lrm: bool = False) -> bytes:
    """The picture of the NetParameter, as bytes in the format `ext`. Needs Graphviz."""
    return get_pydot_graph(caffe_net, rankdir, phase=phase, display_lrm=display_lrm).create(format=ext)


def draw_net_to_file(caffe_net: caffe_pb2.NetParameter, filename: str | os.PathLike, rankdir: str = "LR",
                     phase: int | None = None, display_lrm: bool = False) -> None:
    """Write the picture of the NetParameter to a file, in the format of its ending. rankdir: LR, TB, BT or RL."""
    ext = str(filename).rpartition(".")[2]
    picture = draw_net(caffe_net, rankdir, ext, phase, display_lrm)
    with open(filename, "wb") as file:
        file.write(picture)
