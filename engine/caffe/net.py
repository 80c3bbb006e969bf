"""A net: its layers in order, the blobs between them, what can be learned, forward and backward (BVLC net.cpp)."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import torch

from caffe import debug, inference, log, memory, process, stretches
from caffe.assembly import Assembly
from caffe.blob import Blob
from caffe.build import filter_net, insert_splits
from caffe.context import Context
from caffe.layer import Layer
from caffe.node import Node
from caffe.proto import caffe_pb2
from caffe.serialize import array_to_blobproto, check_blobs
from caffe.turns import alone, engines_turn, free, rest, turn


class Net:
    """The net of a NetParameter (in today's form) in the phase of its state.

    Raises CaffeError, naming the layer, for what BVLC's Caffe refuses.
    """

    @engines_turn
    def __init__(self, param: caffe_pb2.NetParameter, seed: int | None = None):
        memory.set_up(param.state.phase == caffe_pb2.TRAIN)
        process.set_up()
        self.context = Context(param.state.phase, seed)
        self.lock = self.context.lock
        self.name = param.name
        self.debug_info = param.debug_info  # log magnitudes as the net is run
        self.callbacks = {"before_forward": [], "after_forward": [], "before_backward": [], "after_backward": []}
        self.exchange = None  # a function of the lowest layer whose backward is done: of a training of several ranks
        self.parts, self.stretches = {}, {}  # stretches.py's
        filtered = filter_net(param)
        log.info("Initializing net from parameters: \n%s", filtered, at="net.cpp:53")
        for layer_param in filtered.layer:
            if not layer_param.HasField("phase"):
                layer_param.phase = self.context.phase
        self.param = insert_splits(filtered)
        made = Assembly(self.param, self.context)
        self.nodes: list[Node] = made.nodes
        self.blobs: OrderedDict[str, Blob] = made.blobs
        self.learnable = made.learnable  # (Blob, ParamSpec), each once
        self.inputs: list[str] = made.input_names  # of the blobs to be set from outside: the tops of Input layers
        self.outputs: list[str] = made.output_names  # of the blobs that no layer takes
        for name in self.outputs:
            log.info("This network produces output " + name, at="net.cpp:244")
        log.info("Network initialization done.", at="net.cpp:257")

    __del__ = free

    # Running.

    @alone
    @engines_turn
    def run_forward(self, start: int = 0, end: int | None = None) -> float:
        """Run the layers from index `start` to `end`, both included. Returns the sum of their weighted losses."""
        loss = 0.
        self.context.doubts = []
        self.context.parts = self.context.parts + 1 if start else 0
        end = len(self.nodes) - 1 if end is None else end
        if start == 0 and not self.context.keep and self.context.device.type == "cpu":
            self._make_room(end)
        split = inference.parts if self.context.device.type == "cpu" else stretches.parts
        for part in split(self, start, end):
            rest()
            for term in self._forward_layer(part) if isinstance(part, int) else part.run_forward():
                loss = loss + term
        if start == 0:
            self.context.passes += 1
        return self.context.settle(loss)

    def _make_room(self, end):
        """Free the values that the layers up to this index are about to make anew: freed one by one, they would leave
        gaps that others do not fit into.
        """
        made, stay = set(), set()
        for node in self.nodes[:end + 1]:
            if not node.bottoms or not node.layer.passive:
                makes = node.bottoms and type(node.layer).forward is Layer.forward
                (made if makes else stay).update(blob.values for blob in node.tops)
        for values in made - stay:
            values.free()

    def _forward_layer(self, i):
        """Run the layer of this index forward. Returns the tensors that its tops add to the loss, a list."""
        node = self.nodes[i]
        self._call_back("before_forward", i)
        node.forward(backward_follows=not self.context.forward_only)
        if self.debug_info:
            debug.forward(node)
        terms = node.losses()
        self._call_back("after_forward", i)
        return terms

    @alone
    @engines_turn
    def run_backward(self, start: int | None = None, end: int = 0) -> None:
        """Run the layers' backward from index `start` down to `end`, both included."""
        for part in reversed(stretches.parts(self, end, len(self.nodes) - 1 if start is None else start)):
            rest()
            self._backward_layer(part) if isinstance(part, int) else part.run_backward()
            if self.exchange:
                self.exchange(part if isinstance(part, int) else part.indices[0])
        if self.debug_info and start is None:
            debug.params(self)
        self.context.settle()

    def _backward_layer(self, i):
        node = self.nodes[i]
        self._call_back("before_backward", i)
        if node.need_backward:
            node.backward()
            if self.debug_info:
                debug.backward(node)
            if not self.context.keep:
                node.forget()
        self._call_back("after_backward", i)

    def _call_back(self, when, index):
        if self.callbacks[when]:
            with turn(scripts=True):
                for function in self.callbacks[when]:
                    function(index)

    @alone
    @engines_turn
    def clear_param_diffs(self) -> None:
        """Set the gradients of everything learnable to zero."""
        if self.learnable:
            torch._foreach_zero_([blob.grad for blob, _ in self.learnable])
            for blob, _ in self.learnable:
                blob.gradients.touch()  # unlike its sisters, that function counts as no change

    @alone
    @engines_turn
    def reshape(self) -> None:
        """Give every blob the shape that follows from the inputs' shapes."""
        for node in self.nodes:
            node.reshape()

    @alone
    def reset_passes(self, passes: int) -> None:
        """Go on as if the net had been run forward so many times: data, dropout and the like."""
        self.context.passes, self.context.parts = passes, 0
        for node in self.nodes:
            node.layer.reset_passes(passes)

    def carried(self) -> dict[str, list[torch.Tensor]]:
        """What goes on from one forward to the next beside the blobs, by layer: the hidden state of recurrent ones."""
        return {name: layer.carried for name, layer in self._layers().items() if layer.carried}

    def check_carried(self, carried: dict[str, list[torch.Tensor]]) -> None:
        """Raise CaffeError unless the net can go on with what another has carried()."""
        for name, layer in self._layers().items():
            layer.check_carried([tuple(tensor.shape) for tensor in carried.get(name, ())])

    @alone
    def carry(self, carried: dict[str, list[torch.Tensor]]) -> None:
        """Go on with what another net has carried()."""
        for name, layer in self._layers().items():
            layer.carried = carried.get(name, [])

    # Weights.

    @alone
    @engines_turn
    def copy_weights(self, source: caffe_pb2.NetParameter, where: object) -> list[str]:
        """Copy the blobs of a NetParameter into the layers of the same names. Raises CaffeError if they do not fit.

        Layers that only one side has are left as they are. Returns the names of the layers that were filled.
        """
        layers = self._layers()
        for param in source.layer:
            if param.name not in layers:
                log.info("Ignoring source layer " + param.name, at="net.cpp:746")
        given = [param for param in source.layer
                 if param.name in layers and (param.blobs or layers[param.name].blobs)]
        for param in given:
            check_blobs(layers[param.name], param.blobs, where)
        for param in given:
            layers[param.name].copy_blobs(param.blobs)
        return [param.name for param in given]

    @alone
    def share_weights(self, other: Net) -> None:
        """Have the weights of the other net's layers of the same names, from now on. Raises CaffeError if they differ.

        Gradients stay apart (BVLC net.cpp, ShareTrainedLayersWith).
        """
        sources = other._layers()
        for node in self.nodes:
            if node.name not in sources:
                continue
            layer, source = node.layer, sources[node.name]
            if [blob.shape for blob in layer.blobs] != [blob.shape for blob in source.blobs]:
                layer.fail("Cannot share weights: they are of shapes %s there, %s here"
                           % ([blob.shape for blob in source.blobs], [blob.shape for blob in layer.blobs]))
            for blob, shared in zip(layer.blobs, source.blobs):
                if blob.values is not shared.values:
                    blob.values = shared.values
                    node.tape, node.ran = None if node.follows_blobs else node.tape, None

    def _layers(self):
        """{name: layer}."""
        return {node.name: node.layer for node in self.nodes}

    def layer_protos(self, with_diff: bool = False) -> Iterator[caffe_pb2.LayerParameter]:
        """One by one the layers with their weights as LayerParameters."""
        for node in self.nodes:
            param = caffe_pb2.LayerParameter()
            param.CopyFrom(node.layer.param)
            del param.blobs[:]
            for blob in node.layer.blobs:
                diff = blob.grad.cpu().numpy() if with_diff else None
                param.blobs.append(array_to_blobproto(blob.tensor.cpu().numpy(), diff))
            yield param

    def to_proto(self, with_diff: bool = False) -> caffe_pb2.NetParameter:
        """The net with its weights as a NetParameter, what a caffemodel holds."""
        return caffe_pb2.NetParameter(name=self.name, layer=self.layer_protos(with_diff))
