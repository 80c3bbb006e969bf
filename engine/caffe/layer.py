"""What a native layer is, and the table from a prototxt's `type` to its class.

A new layer is a class with `@layer("Type")` that says what shapes its tops have and what it computes, in torch:

    @layer("Power")
    class Power(Layer):
        def compute(self, x):
            p = self.param.power_param
            return (p.shift + p.scale * x) ** p.power

Gradients come from autograd, for one layer at a time: every blob has its own gradient, as in Caffe, for Python layers
and scripts to read and to write. A layer whose gradient in Caffe is not the derivative (Filter, say) has a backward of
its own.
"""
import contextlib
import math
from collections import namedtuple

import torch

from caffe import graphs
from caffe.blob import Blob, BlobVec
from caffe.errors import CaffeError
from caffe.fillers import fill
from caffe.proto import caffe_pb2
from caffe.serialize import blobproto_values, check_blobs

TABLE = {}  # type -> class
LITTLE = 2 ** 22  # multiplications that are done before threads have been woken

# What autograd has recorded of a layer's forward. edges: of each top, (edge, dtype), or None; inputs, weights: the
# tensors of the bottoms and of the layer's blobs; captured: a CUDA graph repeats the forward, on these tensors.
Tape = namedtuple("Tape", "edges inputs weights captured", defaults=[False])


def layer(*types):
    """Class decorator: the class of the layers of these types."""
    def register(layer_class):
        TABLE.update(dict.fromkeys(types, layer_class))
        return layer_class
    return register


def gradients(pairs, wanted, keep):
    """The gradients of the tensors `wanted`, of (edge, gradient) pairs; None where there is none. keep: the graph.

    torch.autograd.grad without its checks in Python, for which it imports sympy: 0.25 s and 35 MB at each start.
    """
    return torch.autograd.Variable._execution_engine.run_backward(
        tuple(edge for edge, _ in pairs), tuple(grad for _, grad in pairs), keep, False, tuple(wanted), True,
        accumulate_grad=False)


class Layer:
    """A layer of a net. Between two calls it keeps its blobs, and what else its next pass is to go on from.

    param: its LayerParameter; context: the net's Context. `bottom` and `top`, lists of Blob, are given to each method.
    """

    bottoms = 1  # how many it takes: a number, or (at least, at most), None for no limit
    tops = 1
    is_loss = False  # its first top has loss weight 1 unless the prototxt says otherwise
    makes_tops = False  # tops that the prototxt leaves out are made anonymously
    label_bottoms = ()  # bottoms that have no gradient
    computes_in_half = False  # whether it computes in bfloat16 when the net is asked to
    follows_blobs = False  # BVLC's computes its gradients from what bottoms and blobs hold by then
    passive = False  # forward has nothing to do, nor has reshape while shapes stay
    capturable = True  # what it computes of its bottoms needs nothing of the host, nor a state but its blobs
    carried = ()  # tensors that go on from one forward to the next, beside its blobs
    traces = False  # whether it can be part of what oneDNN compiles (fused.py)
    is_little = False  # a CPU's single thread computes it sooner than several do

    def __init__(self, param, context):
        self.param, self.context = param, context
        least = self.tops[0] if isinstance(self.tops, tuple) else self.tops
        self.top_count = max(len(param.top), least) if self.makes_tops else len(param.top)
        self.loss_weights = []  # of the tops
        self.blobs = BlobVec(device=context.device)
        self.specs = []  # for each of self.blobs its ParamSpec,
        self.param_propagate_down = []  # and whether its gradient is wanted
        self._reshaped = None, []  # the shapes that the tops have followed from last, and theirs
        self.check(len(param.propagate_down) in (0, len(param.bottom)), "propagate_down is given %d times for %d "
                   "bottoms; give it for every bottom or for none" % (len(param.propagate_down), len(param.bottom)))

    @property
    def type(self):
        return self.param.type

    @property
    def phase(self):
        return self.context.phase

    def fail(self, message):
        """Raise CaffeError that names this layer."""
        raise CaffeError("layer %s (%s): %s" % (self.param.name, self.param.type, message))

    def check(self, condition, message):
        if not condition:
            self.fail(message)

    def check_values(self, wrong, values, message):
        """Raise CaffeError if any of the tensor `wrong` (bool) is true, with the first such of the values in `message`.

        On a GPU it is the net that raises, when the forward is over: to look now would be to wait for the GPU.
        """
        if not wrong.numel() or wrong.device.type == "cpu" and not wrong.any():
            return
        first = wrong.flatten().byte().argmax().reshape(1)
        pair = torch.cat([wrong.any().reshape(1).float(), values.flatten().gather(0, first).float()])
        self.context.doubts.append((self, message, pair))
        if wrong.device.type == "cpu":
            self.context.settle()

    def axis(self, axis, blob):
        """`axis`, which may count from the end, as an index into the shape of the blob, or into a shape."""
        dims = len(getattr(blob, "shape", blob))
        self.check(-dims <= axis < dims, "axis %d, but the blob has %d axes" % (axis, dims))
        return axis % dims

    def check_counts(self, bottoms, tops):
        """Raise CaffeError unless the layer takes so many bottoms and tops."""
        for what, count, allowed in ("bottom", bottoms, self.bottoms), ("top", tops, self.tops):
            least, most = allowed if isinstance(allowed, tuple) else (allowed, allowed)
            if count < least or (most is not None and count > most):
                wanted = str(least) if least == most else "%d or more" % least if most is None else "%d to %d" % (
                    least, most)
                self.fail("takes %s %s blob%s, here %s %d"
                          % (wanted, what, "" if wanted == "1" else "s", "is" if count == 1 else "are", count))

    def add_blob(self, shape, filler=None):
        """Add a learnable blob of this shape, filled by the FillerParameter, or zero."""
        try:
            blob = Blob(*shape, device=self.context.device)
            self.blobs.append(blob)
            if filler is not None:
                fill(blob, filler, self.context.generator(self, "fill", len(self.blobs)))
        except CaffeError as error:
            self.fail(error)

    # What a layer says of itself.

    def setup(self, bottom, top):
        """Check the parameters and make the layer's blobs. Called once."""

    def top_shapes(self, *shapes):
        """The shapes of the tops, a list, for bottoms of these shapes (torch.Size)."""
        return [shapes[0]] * self.top_count

    def compute(self, *bottoms_and_weights):
        """The tops, a tensor or a tuple of them, of the bottoms and then self.blobs, given as tensors."""
        raise NotImplementedError

    def prepared(self, *shapes):
        """What `compute` does where no backward follows and the bottoms are of these shapes, as a quicker function.

        It is called for as long as self.blobs' values, and the array that a script holds of them, stay (Memory.stamp).
        """
        return self.computed if self.computes_in_half and self.context.autocast else self.compute

    def traced(self, *bottoms_and_weights):
        """What `compute` does where no backward follows, of any values, in operations that oneDNN can compile."""
        return self.compute(*bottoms_and_weights)

    def work(self, bottoms, tops):
        """For how many multiplications' time it computes, about, with bottoms and tops of these shapes."""
        return 64 * sum(map(math.prod, (*bottoms, *tops)))

    def wanted_weights(self):
        """For each of self.blobs, whether a backward computes its gradient."""
        return self.param_propagate_down

    def allow_force_backward(self, index):
        """Whether `force_backward: true` also asks for the gradient of this bottom."""
        return index not in self.label_bottoms

    def reset_passes(self, passes):
        """Go on as if the layer had been run forward so many times."""

    def check_carried(self, shapes):
        """Fail unless it can go on with `carried` of these shapes, those of a solverstate."""
        self.check(not shapes, "carries nothing from one forward to the next, but in the solverstate it does")

    # What the net calls.

    def set_up(self, bottom, top):
        """Check, set up and reshape the layer, and give its tops and blobs what the prototxt says. Called once."""
        self.check_counts(len(bottom), len(top))
        try:
            self.setup(bottom, top)
            self.reshape(bottom, top)
        except Exception as error:
            self.name_error(error)
            raise
        self.loss_weights = list(self.param.loss_weight) or [1.] * self.is_loss or [0.] * len(top)
        self.check(len(self.loss_weights) == len(top), "loss_weight must be unspecified or specified once per top "
                   "blob: %d for %d" % (len(self.loss_weights), len(top)))
        for blob, weight in zip(top, self.loss_weights):
            if weight:
                blob.weigh(weight)
        given = self.param.param
        self.check(len(given) <= len(self.blobs), "%d param { } for %d learnable blobs" % (len(given), len(self.blobs)))
        self.specs = [*given, *(caffe_pb2.ParamSpec() for _ in self.blobs[len(given):])]
        self.param_propagate_down = [spec.lr_mult != 0 for spec in self.specs]
        if self.param.blobs:
            check_blobs(self, self.param.blobs, "the prototxt")
            self.copy_blobs(self.param.blobs)

    def copy_blobs(self, protos):
        """Copy BlobProtos, which check_blobs has found to fit, into the layer's blobs."""
        for blob, proto in zip(self.blobs, protos):
            blob.tensor.copy_(torch.from_numpy(blobproto_values(proto)).reshape(blob.shape))

    def reshape(self, bottom, top):
        """Give the tops the shapes that follow from those of the bottoms, and of self.blobs."""
        shapes = [blob._shape for blob in (*bottom, *self.blobs)]
        if shapes != self._reshaped[0]:
            self._reshaped = shapes, self.top_shapes(*shapes[:len(bottom)])
            self.is_little = (self.context.device.type == "cpu"
                              and self.work(shapes[:len(bottom)], self._reshaped[1]) < LITTLE)
        for blob, shape in zip(top, self._reshaped[1]):
            if blob._shape != shape:
                try:
                    blob.reshape(*shape)
                except CaffeError as error:
                    self.fail(error)

    def name_error(self, error):
        """Raise CaffeError that names this layer, if `error` is of what torch cannot do, or has no memory for."""
        if isinstance(error, (MemoryError, RuntimeError, IndexError)) and not isinstance(error, CaffeError):
            if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "allocate memory" in str(error):
                self.fail("there is not enough memory; use smaller batches or images")
            self.fail("cannot be computed: %s" % error)

    def forward(self, bottom, top, needs):
        """Compute the tops' values from the bottoms'. needs: for each bottom, whether a backward will be asked for its
        gradient; None: no backward follows. Returns what the backward will be given as `tape`.
        """
        outputs, tape = self.record(bottom, top, needs)
        for blob, output in zip(top, outputs):
            for other in bottom:
                if other is not blob and other.values.is_exposed:
                    output = other.values.apart(output)
            blob.tensor = output
        return tape

    def record(self, bottom, top, needs):
        """The tops, a tuple of tensors, of what the bottoms hold, and the Tape, or None where no backward follows."""
        if needs is None:
            with torch.no_grad():
                return self.computed(*[blob.tensor for blob in (*bottom, *self.blobs)]), None
        inputs = [blob.tensor.data for blob in bottom]  # not detach(): what is written to them later counts
        weights = [blob.tensor.data for blob in self.blobs]
        for i, blob in enumerate(bottom):
            if blob in top and blob.values.is_exposed:  # in place: keep what is about to be overwritten
                inputs[i] = inputs[i].clone()
        return self.taped(self.computed, inputs, weights, needs)

    def taped(self, function, inputs, weights, needs):
        """The tuple of tensors that the function makes of these, and its Tape."""
        for tensor, wanted in [*zip(inputs, needs), *zip(weights, self.wanted_weights())]:
            tensor.requires_grad_(wanted)
        with torch.enable_grad():
            outputs = function(*inputs, *weights)
        edges = [(torch.autograd.graph.get_gradient_edge(out), out.dtype) if out.requires_grad else None
                 for out in outputs]
        return outputs, Tape(edges, inputs, weights)

    def computed(self, *given):
        """What compute makes of the tensors, a tuple."""
        if self.computes_in_half and self.context.autocast:
            given = [tensor.to(self.context.autocast) for tensor in given]
        outputs = self.compute(*given)
        return outputs if isinstance(outputs, tuple) else (outputs,)

    def backward(self, top, propagate_down, bottom, tape):
        """Set the bottoms' gradients, where propagate_down (a list of bool) asks for them, and add to self.blobs'.

        tape: what the last forward returned; None: as in BVLC, it is of whatever the blobs hold.
        """
        if self.context.device.type != "cpu":
            for blob in (*bottom, *top, *self.blobs):
                blob.values.update()  # scripts may have written to what the tape has kept
        if tape is None:
            _, tape = self.record(bottom, top, propagate_down)
        for i in self.label_bottoms:
            if i < len(bottom) and propagate_down[i]:
                self.fail("cannot backpropagate to %s; give it propagate_down: false" % self.param.bottom[i])
        wanted = [tensor for tensor in [*tape.inputs, *tape.weights] if tensor.requires_grad]
        pairs = [(edge[0], blob.grad.to(edge[1])) for edge, blob in zip(tape.edges, top) if edge is not None]
        keep = self.context.keep or tape.captured
        with graphs.joined(self.context.device) if tape.captured else contextlib.nullcontext():
            found = iter(gradients(pairs, wanted, keep) if pairs and wanted else [None] * len(wanted))
        bottom_grads = [next(found) if tensor.requires_grad else None for tensor in tape.inputs]
        for blob, tensor in zip(self.blobs, tape.weights):  # first: in place, the bottoms' may overwrite their memory
            if tensor.requires_grad:
                grad = next(found)
                if grad is not None:
                    blob.add_grad(grad)
        for i, (tensor, grad) in enumerate(zip(tape.inputs, bottom_grads)):
            if tensor.requires_grad and propagate_down[i]:
                for blob in top:
                    if grad is not None and blob is not bottom[i]:
                        grad = blob.gradients.apart(grad)
                bottom[i].grad = torch.zeros_like(tensor) if grad is None else grad


class Source(Layer):
    """A layer without bottoms. Its tops have the shapes that setup gives them, and each forward."""

    bottoms = 0

    def reshape(self, bottom, top):
        pass

    def backward(self, top, propagate_down, bottom, tape):
        pass
