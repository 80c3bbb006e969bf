"""From a NetParameter to the nodes of a net: layers, the blobs between them, what is learned (BVLC net.cpp, Init)."""
from collections import OrderedDict

import caffe.layer_types  # noqa: F401  fills the table
from caffe import log
from caffe.blob import Blob
from caffe.errors import CaffeError
from caffe.layer import TABLE
from caffe.node import Node
from caffe.proto import caffe_pb2


class Assembly:
    """A net in the making: `param` is of the layers of one phase, with splits. Raises CaffeError, naming the layer."""

    def __init__(self, param, context):
        self.context = context
        self.nodes = []
        self.blobs = OrderedDict()  # by name
        self.input_names = []
        self.learnable = []  # (Blob, ParamSpec), each once
        self._owners = {}  # name of a shared param -> (Blob, index in self.learnable, layer name, index in the layer)
        self._needs = {}  # blob name -> whether a gradient would reach something learnable
        self._available = {}  # names of the blobs that no layer has taken yet
        self._values = 0  # in all tops together
        for layer_param in param.layer:
            self._add(layer_param)
        self._skip_what_leads_to_no_loss()
        if param.force_backward:
            self._force_backward()
        self.output_names = sorted(self._available)

    def _add(self, param):
        """Make a layer, its tops and its parameters."""
        if param.type not in TABLE:
            raise CaffeError("layer %s: unknown layer type %r; known are %s"
                             % (param.name, param.type, ", ".join(sorted(TABLE))))
        log.info("Creating layer " + param.name, at="layer_factory.hpp:77")
        layer = TABLE[param.type](param, self.context)
        log.info("Creating Layer " + param.name, at="net.cpp:86")
        given_gradient = any(self._needs[name] for name in param.bottom)  # propagate_down: true alone asks for none
        node = Node(layer, *self._take_bottoms(param))
        self._make_tops(node)
        log.info("Setting up " + param.name, at="net.cpp:124")
        layer.set_up(node.bottoms, node.tops)
        self._log_tops(node)
        for i, spec in enumerate(layer.specs):
            self._add_param(layer, i, spec)
        node.need_backward = given_gradient or any(layer.param_propagate_down)
        self._needs.update(dict.fromkeys(node.top_names, node.need_backward))
        self.nodes.append(node)

    def _take_bottoms(self, param):
        """A layer's bottoms: their names, Blobs, and whether each wants a gradient."""
        bottoms, needs = [], []
        for i, name in enumerate(param.bottom):
            log.info("%s <- %s" % (param.name, name), at="net.cpp:408")
            self._available.pop(name, None)
            bottoms.append(self.blobs[name])
            needs.append(param.propagate_down[i] if param.propagate_down else self._needs[name])
        return list(param.bottom), bottoms, needs

    def _make_tops(self, node):
        """Make a layer's tops, Blobs, and find their names."""
        for i, name in enumerate(node.layer.param.top):
            if name in node.bottom_names[i:i + 1]:
                log.info("%s -> %s (in-place)" % (node.name, name), at="net.cpp:369")
            elif name in self.blobs:
                node.layer.fail("Top blob '%s' produced by multiple sources." % name)
            else:
                self._add_blob(node, name)
                if node.layer.type == "Input":
                    self.input_names.append(name)
            self._available[name] = True
            node.top_names.append(name)
            node.tops.append(self.blobs[name])
        while len(node.tops) < node.layer.top_count:
            self._add_blob(node, "(automatic)")
            node.top_names.append("(automatic)")
            node.tops.append(self.blobs["(automatic)"])

    def _add_blob(self, node, name):
        log.info("%s -> %s" % (node.name, name), at="net.cpp:382")
        self.blobs[name] = Blob(device=self.context.device, lock=self.context.lock)
        self._needs[name] = False

    def _log_tops(self, node):
        for blob, weight in zip(node.tops, node.layer.loss_weights):
            log.info("Top shape: %s(%d)" % ("".join("%d " % size for size in blob.shape), blob.count),
                     at="net.cpp:131")
            if weight:
                log.info("    with loss weight %g" % weight, at="net.cpp:134")
            self._values += blob.count
        log.info("Memory required for data: %d" % (4 * self._values), at="net.cpp:139")

    def _add_param(self, layer, index, spec):
        """Register a learnable blob, or have it share the one of the same name."""
        blob = layer.blobs[index]
        if not spec.name or spec.name not in self._owners:
            self.learnable.append((blob, spec))
            if spec.name:
                self._owners[spec.name] = blob, len(self.learnable) - 1, layer.param.name, index
            return
        owner, position, *where = self._owners[spec.name]
        log.info("Sharing parameters '%s' owned by layer '%s', param index %d" % (spec.name, *where),
                 at="net.cpp:467")
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
        for node in reversed(self.nodes):
            contributes, skip = False, True
            for name, weight in zip(node.top_names, node.layer.loss_weights):
                contributes |= bool(weight) or name in under_loss
                skip &= name in skipped
                if contributes and not skip:
                    break
            if node.need_backward and skip:
                node.need_backward, node.needs = False, [False] * len(node.needs)
            if not contributes:
                node.need_backward = False
            says, at = ("needs", "net.cpp:200") if node.need_backward else ("does not need", "net.cpp:202")
            log.info("%s %s backward computation." % (node.name, says), at=at)
            for j, name in enumerate(node.bottom_names):
                if contributes:
                    under_loss.add(name)
                else:
                    node.needs[j] = False
                if not node.needs[j]:
                    skipped.add(name)

    def _force_backward(self):
        for node in self.nodes:
            node.need_backward = True
            node.needs = [need or node.layer.allow_force_backward(j) for j, need in enumerate(node.needs)]
            node.layer.param_propagate_down = [True] * len(node.layer.blobs)
