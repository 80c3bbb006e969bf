"""A caffe.Net as an ONNX graph."""
from collections import Counter

import onnx
from caffe.proto import caffe_pb2

from pain.errors import Problem
from pain.export.layers import BATCH, CONVERTERS, Layer
from pain.temporary import temporary_folder

OPSET, IR_VERSION = 13, 7  # of 2020: old runtimes read them


def read_layers(net):
    """The LayerParameters that a caffe.Net was built of, with its splits, in order."""
    with temporary_folder("onnx") as folder:
        net.save(str(folder / "net"))
        saved = caffe_pb2.NetParameter.FromString((folder / "net").read_bytes())
    return list(saved.layer)


def convert(net, name="net"):
    """The caffe.Net as an onnx.ModelProto. Raises Problem, naming the layer, for what has no ONNX here."""
    both = set(net.inputs) & set(net.outputs)
    if both:
        raise Problem("%s: goes out of the net as it came in; take it out of the prototxt" % ", ".join(sorted(both)))
    layers = read_layers(net)
    written = Counter(top for param in layers for top in param.top)  # how often; in place more than once
    shapes = {blob: tuple(net.blobs[blob].data.shape) for blob in net.blobs}
    values, nodes, constants = {}, [], []  # values: blob -> the ONNX value that has its content by now
    for param in layers:
        if param.type == "Input":
            values.update({top: top for top in param.top})
            continue
        blobs = [blob.data for blob in net.params[param.name]] if param.name in net.params else []
        layer = Layer(param, blobs, [values[bottom] for bottom in param.bottom],
                      [shapes[bottom] for bottom in param.bottom], [shapes[top] for top in param.top])
        if param.type not in CONVERTERS:
            layer.refuse("there is no ONNX for its type here, only for %s" % ", ".join(sorted(["Input", *CONVERTERS])))
        found = dict(zip(param.top, CONVERTERS[param.type](layer)))
        for top, value in found.items():
            written[top] -= 1
            final = top if not written[top] and top not in net.inputs else "%s@%s" % (top, param.name)
            own = [node for node in layer.nodes if value in node.output]
            for node in layer.nodes if own else []:  # what the layer itself makes is called as the blob is
                for names in node.input, node.output:
                    names[:] = [final if old == value else old for old in names]
            values[top] = final if own else value
        nodes += layer.nodes
        constants += layer.constants
    for output in net.outputs:
        if values[output] != output:
            nodes.append(onnx.helper.make_node("Identity", [values[output]], [output], name=output))
    graph = onnx.helper.make_graph(
        nodes, name, *([onnx.helper.make_tensor_value_info(blob, onnx.TensorProto.FLOAT, [BATCH, *shapes[blob][1:]])
                        for blob in blobs] for blobs in (net.inputs, net.outputs)), initializer=constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
                                   producer_name="tools/export_onnx.py")
    model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    onnx.checker.check_model(model)
    return model
