"""Recurrent layers. BVLC unrolls a net of small layers; here a step is a few lines of torch, with the same blobs.

    layer { name: "lstm" type: "LSTM" bottom: "x" bottom: "cont" top: "h" recurrent_param { num_output: 256 } }

x: T x N x ..., T steps of N streams. cont: T x N, 0 where a stream begins anew, else 1. A third bottom, N x ..., is the
same at all steps. The hidden state goes on from one forward to the next, unless `expose_hidden` has it come as the last
bottoms and leave as the last tops, each 1 x N x num_output. A solverstate keeps it; BVLC's begins with zeros again.
"""
import math

import torch

from caffe.layer import Layer, layer


class Recurrent(Layer):
    """What RNN and LSTM have in common (BVLC recurrent_layer.cpp)."""

    bottoms, tops = (2, None), (1, None)
    states = 1  # how many blobs the hidden state is
    capturable = False
    gates = 1  # how many times num_output the inputs are projected to

    def setup(self, bottom, top):
        p = self.param.recurrent_param
        self.check(p.num_output > 0, "num_output must be positive")
        hidden = self.states if p.expose_hidden else 0
        self.check(len(bottom) in (2 + hidden, 3 + hidden),
                   "takes x, cont, perhaps a static input%s: %d or %d bottoms, not %d"
                   % (", and the hidden state" if hidden else "", 2 + hidden, 3 + hidden, len(bottom)))
        self.check(len(top) == 1 + hidden, "makes %d tops, not %d" % (1 + hidden, len(top)))
        self.has_static = len(bottom) == 3 + hidden
        self.check_shapes(*(blob._shape for blob in bottom))
        self.add_blob((self.gates * p.num_output, math.prod(bottom[0].shape[2:])), p.weight_filler)
        self.add_blob((self.gates * p.num_output,), p.bias_filler)
        if self.has_static:
            self.add_blob((self.gates * p.num_output, math.prod(bottom[2].shape[1:])), p.weight_filler)
        self.add_blob((self.gates * p.num_output, p.num_output), p.weight_filler)
        self.carried = []  # the hidden state after the last forward, each N x num_output

    def check_shapes(self, x, cont, *others):
        self.check(len(x) >= 3, "x must have 3 axes or more, time steps x streams x ...; it has shape %s" % (tuple(x),))
        self.check(cont == x[:2], "cont must be of shape %s, time steps x streams; it is %s"
                   % (tuple(x[:2]), tuple(cont)))
        if self.has_static:
            self.check(others[0][:1] == x[1:2], "the static input must be of %d streams; it has shape %s"
                       % (x[1], tuple(others[0])))
        for shape in others[self.has_static:]:
            wanted = 1, x[1], self.param.recurrent_param.num_output
            self.check(shape == wanted, "a hidden state must be of shape %s; it is %s" % (wanted, tuple(shape)))

    def allow_force_backward(self, index):
        return index != 1

    def top_shapes(self, x, *others):
        self.check_shapes(x, *others)
        outputs = self.param.recurrent_param.num_output
        return [(*x[:2], outputs)] + [(1, x[1], outputs)] * (self.top_count - 1)

    def work(self, bottoms, tops):
        return math.prod(bottoms[0][:2]) * sum(blob.count for blob in self.blobs)

    def wanted_weights(self):
        return [True] * len(self.blobs)  # as in BVLC's, whatever their lr_mult

    def compute(self, x, cont, *others_and_weights):
        """The outputs of all steps, and the hidden state after the last.

        As in BVLC's, a given state gets no gradient, and that of the last state is not asked for.
        """
        others = others_and_weights[:-len(self.blobs)]
        weight, bias, *weights = others_and_weights[len(others):]
        inputs = x.float().flatten(2) @ weight.t() + bias
        if self.has_static:
            inputs = inputs + others[0].float().flatten(1) @ weights.pop(0).t()
        given = [state.detach().float()[0] for state in others[self.has_static:]]
        hidden = given or self.carried_over(x.shape[1], x.device)
        outputs = []
        for step, gate in zip(inputs, cont.float()[..., None]):
            output, hidden = self.step(step, gate, hidden, *weights)
            outputs.append(output)
        hidden = self.carried = [state.detach() for state in hidden]
        return (torch.stack(outputs), *(state[None] for state in hidden))[:self.top_count]

    def carried_over(self, streams, device):
        """The state of the last forward, of as many of its streams; zeros for all if there are more now."""
        if not self.carried or len(self.carried[0]) < streams:
            shape = streams, self.param.recurrent_param.num_output
            return [torch.zeros(shape, device=device) for _ in range(self.states)]
        return [state[:streams].to(device) for state in self.carried]

    def check_carried(self, shapes):
        outputs = self.param.recurrent_param.num_output
        self.check(not shapes or len(shapes) == self.states and all(len(shape) == 2 for shape in shapes)
                   and {shape[1] for shape in shapes} == {outputs} and len({shape[0] for shape in shapes}) == 1,
                   "its hidden state is %d times streams x %d; in the solverstate there is %s"
                   % (self.states, outputs, shapes))

    def step(self, inputs, cont, hidden, *weights):
        """One step's output and hidden state, of the projected inputs (N x gates * num_output) and cont (N x 1)."""
        raise NotImplementedError


@layer("RNN")
class RNN(Recurrent):
    """h' = tanh(W_hh cont h + W_xh x + b_h), y = tanh(W_hy h' + b_y) (BVLC rnn_layer.cpp)."""

    def setup(self, bottom, top):
        super().setup(bottom, top)
        p = self.param.recurrent_param
        self.add_blob((p.num_output, p.num_output), p.weight_filler)
        self.add_blob((p.num_output,), p.bias_filler)

    def step(self, inputs, cont, hidden, weight, weight_out, bias_out):
        state = torch.tanh(inputs + (cont * hidden[0]) @ weight.t())
        return torch.tanh(state @ weight_out.t() + bias_out), [state]


@layer("LSTM")
class LSTM(Recurrent):
    """The hidden state is h, which is the output, and the cell c (BVLC lstm_layer.cpp)."""

    states, gates = 2, 4

    def step(self, inputs, cont, hidden, weight):
        state, cell = hidden
        cell, state = lstm_unit(cell, inputs + (cont * state) @ weight.t(), cont)
        return state, [state, cell]


def lstm_unit(cell, gates, cont):
    """The cell and the hidden state after a step. gates: ... x 4 D, input, forget, output, new value; cont: ... x 1."""
    admit, keep, emit, new = gates.chunk(4, -1)
    cell = cont * torch.sigmoid(keep) * cell + torch.sigmoid(admit) * torch.tanh(new)
    return cell, torch.sigmoid(emit) * torch.tanh(cell)


@layer("LSTMUnit")
class LSTMUnit(Layer):
    """One step of an LSTM: of the cell (1 x N x D), the gates' inputs (1 x N x 4 D) and cont (1 x N), the new cell and
    the hidden state (BVLC lstm_unit_layer.cpp)."""

    bottoms, tops = 3, 2
    label_bottoms = (2,)

    def top_shapes(self, cell, gates, cont):
        self.check(len(cell) == 3 and cell[0] == 1, "the cell must be of shape 1 x N x D; it is %s" % (tuple(cell),))
        _, streams, size = cell
        self.check(tuple(gates) == (1, streams, 4 * size), "the gates must be of shape %s; they are %s"
                   % ((1, streams, 4 * size), tuple(gates)))
        self.check(tuple(cont) == (1, streams), "cont must be of shape %s; it is %s" % ((1, streams), tuple(cont)))
        return [cell, cell]

    def compute(self, cell, gates, cont):
        return lstm_unit(cell.float(), gates.float(), cont.float()[..., None])
