"""A net: its layers in order, the blobs between them, what can be learned, forward and backward (BVLC net.cpp)."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import torch

import caffe.layer_types  # noqa: F401  fills the table
from caffe import debug, log, memory, stretches
from caffe.blob import Blob, engines_turn, turn
from caffe.build import filter_net, insert_splits
from caffe.context import Context
from caffe.errors import CaffeError
from caffe.layer import TABLE
from caffe.proto import caffe_pb2
from caffe.serialize import array_to_blobproto, blobproto_values, check_blobs


class Net:
    """The net of a NetParameter (in today's form) in the phase of its state.

    Raises CaffeError, naming the layer, for what BVLC's Caffe refuses.
    """

    @engines_turn
    def __init__(self, param: caffe_pb2.NetParameter, seed: int | None = None):
        memory.set_up()
        self.context = Context(param.state.phase, seed)
        self.name = param.name
        self.debug_info = param.debug_info  # log magnitudes as the net is run
        self._layers, self._layer_names = [], []
        self._bottoms, self._tops = [], []  # for each layer, lists of Blob
        self._bottom_names, self._top_names = [], []
        self.blobs: OrderedDict[str, Blob] = OrderedDict()
        self._input_names = []
        self.callbacks = {"before_forward": [], "after_forward": [], "before_backward": [], "after_backward": []}
        self._owners = {}  # name of a shared param -> (Blob, index in self.learnable, layer name, index in the layer)
        self.learnable = []  # (Blob, lr_mult, decay_mult), each once
        self._needs, self._available, self._bottom_needs = {}, {}, []
        self.parts, self.stretches = {}, {}  # stretches.py's
        filtered = filter_net(param)
        log.info("Initializing net from parameters: \n%s", filtered)
        for layer_param in filtered.layer:
            if not layer_param.HasField("phase"):
                layer_param.phase = self.context.phase
        self.param = insert_splits(filtered)
        self._values = 0  # in all tops together
        for layer_param in self.param.layer:
            self._add(layer_param)
        self._skip_what_leads_to_no_loss()
        if param.force_backward:
            self._force_backward()
        for layer, needs in zip(self._layers, self._bottom_needs):
            layer.propagate_down = needs
        self.ran = [None] * len(self._layers)  # for each layer, the key of the Stretch in which it was run forward last
        self._output_names = sorted(self._available)
        for name in self._output_names:
            log.info("This network produces output " + name)
        log.info("Network initialization done.")

    # Building.

    def _add(self, param):
        """Make a layer, its tops and its parameters."""
        if param.type not in TABLE:
            raise CaffeError("layer %s: unknown layer type %r; known are %s"
                             % (param.name, param.type, ", ".join(sorted(TABLE))))
        log.info("Creating layer " + param.name)
        layer = TABLE[param.type](param, self.context)
        log.info("Creating Layer " + param.name)
        if param.propagate_down and len(param.propagate_down) != len(param.bottom):
            layer.fail("propagate_down is given %d times for %d bottoms; give it for every bottom or for none"
                       % (len(param.propagate_down), len(param.bottom)))
        given_gradient = any(self._needs[name] for name in param.bottom)  # propagate_down: true alone asks for none
        bottom, needs = self._take_bottoms(param)
        top, top_names = self._make_tops(layer, param, bottom)
        layer.check_counts(len(bottom), len(top))
        layer.propagate_down = needs
        log.info("Setting up " + param.name)
        with layer.naming_errors():
            layer.setup(bottom, top)
            layer.reshape(bottom, top)
        self._set_loss_weights(layer, param, top)
        self._log_tops(layer, top)

        if len(param.param) > len(layer.blobs):
            layer.fail("%d param { } for %d learnable blobs" % (len(param.param), len(layer.blobs)))
        self._load_given_blobs(layer, param)
        specs = [param.param[i] if i < len(param.param) else caffe_pb2.ParamSpec() for i in range(len(layer.blobs))]
        layer.param_propagate_down = [spec.lr_mult != 0 for spec in specs]
        for i, spec in enumerate(specs):
            self._add_param(layer, i, spec)
        layer.need_backward = given_gradient or any(layer.param_propagate_down)
        for name in top_names:
            self._needs[name] = layer.need_backward
        self._layers.append(layer)
        self._layer_names.append(param.name)
        self._bottoms.append(bottom)
        self._tops.append(top)
        self._bottom_names.append(list(param.bottom))
        self._top_names.append(top_names)
        self._bottom_needs.append(needs)

    def _take_bottoms(self, param):
        """A layer's bottoms, Blobs, and whether each wants a gradient."""
        bottom, needs = [], []
        for i, name in enumerate(param.bottom):
            log.info("%s <- %s" % (param.name, name))
            self._available.pop(name, None)
            bottom.append(self.blobs[name])
            needs.append(param.propagate_down[i] if param.propagate_down else self._needs[name])
        return bottom, needs

    def _make_tops(self, layer, param, bottom):
        """A layer's tops, Blobs, and their names."""
        top, top_names = [], []
        for i, name in enumerate(param.top):
            if i < len(param.bottom) and name == param.bottom[i]:
                log.info("%s -> %s (in-place)" % (param.name, name))
                top.append(bottom[i])
            elif name in self.blobs:
                layer.fail("Top blob '%s' produced by multiple sources." % name)
            else:
                top.append(self._add_blob(name, layer))
                if param.type == "Input":
                    self._input_names.append(name)
            self._available[name] = True
            top_names.append(name)
        least = layer.tops if isinstance(layer.tops, int) else layer.tops[0]
        while layer.makes_tops and len(top) < least:
            top.append(self._add_blob("(automatic)", layer))
            top_names.append("(automatic)")
        return top, top_names

    def _add_blob(self, name, layer):
        log.info("%s -> %s" % (layer.param.name, name))
        self.blobs[name] = Blob(device=self.context.device)
        self._needs[name] = False
        return self.blobs[name]

    @staticmethod
    def _set_loss_weights(layer, param, top):
        weights = list(param.loss_weight)
        if layer.is_loss and not weights:
            weights = [1.]
        if weights and len(weights) != len(top):
            layer.fail("loss_weight must be unspecified or specified once per top blob: %d for %d"
                       % (len(weights), len(top)))
        layer.loss_weights = weights or [0.] * len(top)
        layer.loss_memories = [None] * len(top)
        _fill_loss_weights(layer, top)

    def _log_tops(self, layer, top):
        for blob, weight in zip(top, layer.loss_weights):
            log.info("Top shape: %s(%d)" % ("".join("%d " % size for size in blob.shape), blob.count))
            if weight:
                log.info("    with loss weight %g" % weight)
            self._values += blob.count
        log.info("Memory required for data: %d" % (4 * self._values))

    @staticmethod
    def _load_given_blobs(layer, param):
        """The blobs that the prototxt itself gives, in the place of the fillers'."""
        if param.blobs:
            check_blobs(layer, param.blobs, "the prototxt")
            copy_blobs(layer, param.blobs)

    def _add_param(self, layer, index, spec):
        """Register a learnable blob, or have it share the one of the same name."""
        blob = layer.blobs[index]
        if not spec.name or spec.name not in self._owners:
            self.learnable.append((blob, spec))
            if spec.name:
                self._owners[spec.name] = blob, len(self.learnable) - 1, layer.param.name, index
            return
        owner, position, *where = self._owners[spec.name]
        log.info("Sharing parameters '%s' owned by layer '%s', param index %d" % (spec.name, *where))
        if spec.share_mode == caffe_pb2.ParamSpec.PERMISSIVE:
            if blob.count != owner.count:
                layer.fail("cannot share param '%s': it has %d values there, %d here"
                           % (spec.name, owner.count, blob.count))
        elif blob.shape != owner.shape:
            layer.fail("cannot share param '%s': its shape is %s there, %s here"
                       % (spec.name, owner.shape, blob.shape))
        blob.share(owner)
        for name in "lr_mult", "decay_mult":
            first = self.learnable[position][1]
            if spec.HasField(name):
                if first.HasField(name) and getattr(first, name) != getattr(spec, name):
                    layer.fail("shared param '%s' has mismatched %s" % (spec.name, name))
                if not first.HasField(name):
                    merged = caffe_pb2.ParamSpec()
                    merged.CopyFrom(first)
                    setattr(merged, name, getattr(spec, name))
                    self.learnable[position] = owner, merged

    def _skip_what_leads_to_no_loss(self):
        """Backward is for layers between a loss and something to learn."""
        under_loss, skipped = set(), set()
        for i in reversed(range(len(self._layers))):
            layer, contributes, skip = self._layers[i], False, True
            for name, weight in zip(self._top_names[i], layer.loss_weights):
                contributes |= bool(weight) or name in under_loss
                skip &= name in skipped
                if contributes and not skip:
                    break
            if layer.need_backward and skip:
                layer.need_backward = False
                self._bottom_needs[i] = [False] * len(self._bottom_needs[i])
            if not contributes:
                layer.need_backward = False
            log.info("%s %s backward computation."
                     % (layer.param.name, "needs" if layer.need_backward else "does not need"))
            for j, name in enumerate(self._bottom_names[i]):
                if contributes:
                    under_loss.add(name)
                else:
                    self._bottom_needs[i][j] = False
                if not self._bottom_needs[i][j]:
                    skipped.add(name)

    def _force_backward(self):
        for layer, needs in zip(self._layers, self._bottom_needs):
            layer.need_backward = True
            needs[:] = [need or layer.allow_force_backward(j) for j, need in enumerate(needs)]
            layer.param_propagate_down = [True] * len(layer.blobs)

    # Running.

    @engines_turn
    def run_forward(self, start: int = 0, end: int | None = None) -> float:
        """Run the layers from index `start` to `end`, both included. Returns the sum of their weighted losses."""
        loss = 0.
        self.context.doubts = []
        for part in stretches.parts(self, start, len(self._layers) - 1 if end is None else end):
            for term in self._forward_layer(part) if isinstance(part, int) else part.forward.run():
                loss = loss + term
        if start == 0:
            self.context.passes += 1
        return self.context.settle(loss)

    def _forward_layer(self, i):
        """Run the layer of this index forward. Returns the tensors that its tops add to the loss, a list."""
        layer, bottom, top = self._layers[i], self._bottoms[i], self._tops[i]
        self._call_back("before_forward", i)
        with layer.naming_errors():
            layer.reshape(bottom, top)
            _fill_loss_weights(layer, top)
            layer.forward(bottom, top)
        self.ran[i] = None
        if self.debug_info:
            debug.forward(self, i)
        terms = [(blob.tensor.float() * blob.grad).sum() for blob, weight in zip(top, layer.loss_weights) if weight]
        self._call_back("after_forward", i)
        return terms

    @engines_turn
    def run_backward(self, start: int | None = None, end: int = 0) -> None:
        """Run the layers' backward from index `start` down to `end`, both included."""
        for part in reversed(stretches.parts(self, end, len(self._layers) - 1 if start is None else start)):
            self._backward_layer(part) if isinstance(part, int) else part.backward.run()
        if self.debug_info and start is None:
            debug.params(self)
        self.context.settle()

    def _backward_layer(self, i):
        layer = self._layers[i]
        self._call_back("before_backward", i)
        if layer.need_backward:
            with layer.naming_errors():
                layer.backward(self._tops[i], self._bottom_needs[i], self._bottoms[i])
            if self.debug_info:
                debug.backward(self, i)
            if not self.context.keep:
                needed = [blob.gradients for blob in (*self._bottoms[i], *layer.blobs)]
                for blob, weight in zip(self._tops[i], layer.loss_weights):
                    if not weight and not any(blob.gradients is memory for memory in needed):
                        blob.gradients.free()
        self._call_back("after_backward", i)

    def _call_back(self, when, index):
        if self.callbacks[when]:
            with turn(scripts=True):
                for function in self.callbacks[when]:
                    function(index)

    @engines_turn
    def clear_param_diffs(self) -> None:
        """Set the gradients of everything learnable to zero."""
        if self.learnable:
            torch._foreach_zero_([blob.grad for blob, _ in self.learnable])
            for blob, _ in self.learnable:
                blob.gradients.touch()  # unlike its sisters, that function counts as no change

    @engines_turn
    def reshape(self) -> None:
        """Give every blob the shape that follows from the inputs' shapes."""
        self.ran = [None] * len(self._layers)
        for layer, bottom, top in zip(self._layers, self._bottoms, self._tops):
            layer.reshape(bottom, top)

    def reset_passes(self, passes: int) -> None:
        """Go on as if the net had been run forward so many times: data, dropout and the like."""
        self.context.passes = passes
        for layer in self._layers:
            if hasattr(layer, "reset_passes"):
                layer.reset_passes(passes)

    # Weights.

    @engines_turn
    def copy_weights(self, source: caffe_pb2.NetParameter, where: object) -> list[str]:
        """Copy the blobs of a NetParameter into the layers of the same names. Raises CaffeError if they do not fit.

        Layers that only one side has are left as they are. Returns the names of the layers that were filled.
        """
        layers = dict(zip(self._layer_names, self._layers))
        for param in source.layer:
            if param.name not in layers:
                log.info("Ignoring source layer " + param.name)
        given = [param for param in source.layer
                 if param.name in layers and (param.blobs or layers[param.name].blobs)]
        for param in given:
            check_blobs(layers[param.name], param.blobs, where)
        for param in given:
            copy_blobs(layers[param.name], param.blobs)
        return [param.name for param in given]

    def share_weights(self, other: Net) -> None:
        """Have the weights of the other net's layers of the same names, from now on. Raises CaffeError if they differ.

        Gradients stay apart (BVLC net.cpp, ShareTrainedLayersWith).
        """
        layers = dict(zip(self._layer_names, self._layers))
        for name, source in zip(other._layer_names, other._layers):
            if name not in layers:
                continue
            layer = layers[name]
            if [blob.shape for blob in layer.blobs] != [blob.shape for blob in source.blobs]:
                layer.fail("Cannot share weights: they are of shapes %s there, %s here"
                           % ([blob.shape for blob in source.blobs], [blob.shape for blob in layer.blobs]))
            for blob, shared in zip(layer.blobs, source.blobs):
                blob.values = shared.values

    def layer_protos(self, with_diff: bool = False) -> Iterator[caffe_pb2.LayerParameter]:
        """One by one the layers with their weights as LayerParameters."""
        for layer in self._layers:
            param = caffe_pb2.LayerParameter()
            param.CopyFrom(layer.param)
            del param.blobs[:]
            for blob in layer.blobs:
                diff = blob.grad.cpu().numpy() if with_diff else None
                param.blobs.append(array_to_blobproto(blob.tensor.cpu().numpy(), diff))
            yield param

    def to_proto(self, with_diff: bool = False) -> caffe_pb2.NetParameter:
        """The net with its weights as a NetParameter, what a caffemodel holds."""
        return caffe_pb2.NetParameter(name=self.name, layer=self.layer_protos(with_diff))

    @property
    def inputs(self) -> list[str]:
        """The names of the blobs to be set from outside: the tops of Input layers."""
        return list(self._input_names)

    @property
    def outputs(self) -> list[str]:
        """The names of the blobs that no layer takes."""
        return list(self._output_names)


def _fill_loss_weights(layer, top):
    """Set the gradients of tops that count in the loss to their weights, once, and again where they have new memory."""
    for i, (blob, weight) in enumerate(zip(top, layer.loss_weights)):
        if weight and blob.gradients is not layer.loss_memories[i]:
            blob.grad = torch.full(blob.shape, weight, device=blob.values.device)
            layer.loss_memories[i] = blob.gradients


def copy_blobs(layer, protos):
    """Copy BlobProtos, which check_blobs has found to fit, into the layer's blobs."""
    for blob, proto in zip(layer.blobs, protos):
        blob.tensor.copy_(torch.from_numpy(blobproto_values(proto)).reshape(blob.shape))
