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

import torch

from caffe import graphs
from caffe.blob import Blob, BlobVec
from caffe.errors import CaffeError

TABLE = {}  # type -> class


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
    """A layer of a net.

    param: its LayerParameter; context: the net's Context. `bottom` and `top`, lists of Blob, are given to each method.
    """

    bottoms = 1  # how many it takes: a number, or (at least, at most), None for no limit
    tops = 1
    is_loss = False  # its first top has loss weight 1 unless the prototxt says otherwise
    makes_tops = False  # tops that the prototxt leaves out are made anonymously
    label_bottoms = ()  # bottoms that have no gradient
    computes_in_half = False  # whether it computes in bfloat16 when the net is asked to
    capturable = True  # what it computes of its bottoms needs nothing of the host, nor a state but its blobs

    def __init__(self, param, context):
        self.param, self.context = param, context
        self.blobs = BlobVec(device=context.device)
        self.param_propagate_down = []  # for each of self.blobs, whether its gradient is wanted
        self.need_backward = False
        self._graph = None  # autograd's, of the last forward: (the tops' edges, the bottoms and the weights)
        self.captured = False  # a CUDA graph repeats the last forward: _graph stays

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
        if not wrong.numel():
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
        from caffe.fillers import fill
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

    def compute(self, *bottoms):
        """The tops, a tensor or a tuple of them, of bottoms given as tensors. self.blobs' are in `self.weights()`."""
        raise NotImplementedError

    def allow_force_backward(self, index):
        """Whether `force_backward: true` also asks for the gradient of this bottom."""
        return index not in self.label_bottoms

    # What the net calls.

    def reshape(self, bottom, top):
        self.top_count = len(top)
        for blob, shape in zip(top, self.top_shapes(*(blob._shape for blob in bottom))):
            try:
                blob.reshape(*shape)
            except CaffeError as error:
                self.fail(error)

    @contextlib.contextmanager
    def naming_errors(self):
        """A context in which what torch cannot do, or has no memory for, is a CaffeError that names this layer."""
        try:
            yield
        except CaffeError:
            raise
        except (MemoryError, RuntimeError, IndexError) as error:
            if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "allocate memory" in str(error):
                self.fail("there is not enough memory; use smaller batches or images")
            self.fail("cannot be computed: %s" % error)

    def weights(self):
        """The tensors of self.blobs, as autograd is to see them in this forward."""
        return self._weights

    def forward(self, bottom, top):
        """Compute the tops' values from the bottoms'."""
        for blob, output in zip(top, self._compute(bottom, top)):
            for other in bottom:
                if other is not blob:
                    output = other.values.apart(output)
            blob.tensor = output

    def _compute(self, bottom, top):
        """The tops, a tuple of tensors, of what the bottoms hold; recorded, where a backward may follow."""
        record, self.captured = self.need_backward and not self.context.forward_only, False
        inputs = [blob.tensor.data for blob in bottom]  # not detach(): what is written to them later counts
        self._weights = [blob.tensor.data for blob in self.blobs]
        if record:
            for i, blob in enumerate(bottom):
                if blob in top and blob.values.is_exposed:  # in place: keep what is about to be overwritten
                    inputs[i] = inputs[i].clone()
            for tensor, wanted in [*zip(inputs, self.propagate_down), *zip(self._weights, self.param_propagate_down)]:
                tensor.requires_grad_(wanted)
        leaves = inputs, self._weights
        with torch.set_grad_enabled(record):
            if self.computes_in_half and self.context.autocast:
                inputs = [tensor.to(self.context.autocast) for tensor in inputs]
                self._weights = [tensor.to(self.context.autocast) for tensor in self._weights]
            outputs = self.compute(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        if record:
            edges = [(torch.autograd.graph.get_gradient_edge(out), out.dtype) if out.requires_grad else None
                     for out in outputs]
            self._graph = (edges, *leaves)
        del self._weights
        return outputs

    def backward(self, top, propagate_down, bottom):
        """Set the bottoms' gradients, where propagate_down (a list of bool) asks for them, and add to self.blobs'."""
        for blob in (*bottom, *top, *self.blobs):
            blob.values.update()  # scripts may have written to what the graph has kept
        if self._graph is None:  # no forward before it: as in BVLC, of whatever the blobs hold
            self._compute(bottom, top)
        for i, (name, wanted) in enumerate(zip(self.param.bottom, propagate_down)):
            self.check(not wanted or i not in self.label_bottoms,
                       "cannot backpropagate to %s; give it propagate_down: false" % name)
        edges, inputs, weights = self._graph
        wanted = [tensor for tensor in [*inputs, *weights] if tensor.requires_grad]
        pairs = [(edge[0], blob.grad.to(edge[1])) for edge, blob in zip(edges, top) if edge is not None]
        keep = self.context.keep or self.captured
        with graphs.joined(self.captured, self.context.device):
            found = iter(gradients(pairs, wanted, keep) if pairs and wanted else [None] * len(wanted))
        if not keep:
            self._graph = None
        bottom_grads = [next(found) if tensor.requires_grad else None for tensor in inputs]
        for blob, tensor in zip(self.blobs, weights):  # first: in place, the bottoms' may overwrite the memory of these
            if tensor.requires_grad:
                grad = next(found)
                if grad is not None:
                    blob.add_grad(grad)
        for i, (tensor, grad) in enumerate(zip(inputs, bottom_grads)):
            if tensor.requires_grad and propagate_down[i]:
                for blob in top:
                    if grad is not None and blob is not bottom[i]:
                        grad = blob.gradients.apart(grad)
                bottom[i].grad = torch.zeros_like(tensor) if grad is None else grad
