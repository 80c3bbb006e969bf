"""Losses: numbers that training makes small (BVLC *_loss_layer.cpp)."""
import math

import torch
import torch.nn.functional as F

from caffe.build import read_binary
from caffe.errors import CaffeError
from caffe.layer import Layer, layer
from caffe.layer_types.classification import around, class_labels
from caffe.proto import caffe_pb2
from caffe.proto.caffe_pb2 import HingeLossParameter, LossParameter
from caffe.serialize import blobproto_values

LEAST = 1e-20  # the smallest probability whose logarithm BVLC takes, but for SoftmaxWithLoss's


class AtLeast(torch.autograd.Function):
    """x, but `least` where it is below; its gradient stays that of x, as BVLC has it."""

    @staticmethod
    def forward(ctx, x, least):
        return x.clamp(min=least)

    @staticmethod
    def backward(ctx, grad):
        return grad, None


class Loss(Layer):
    """What losses have in common: bottoms of one batch size, labels that have no gradient, a top that is a number."""

    bottoms = 2
    is_loss = makes_tops = True
    label_bottoms = (1,)

    def setup(self, bottom, top):
        for i, wanted in enumerate(self.param.propagate_down):
            self.check(not wanted or i not in self.label_bottoms,
                       "cannot backpropagate to %s; give it propagate_down: false" % self.param.bottom[i])

    def top_shapes(self, shape, other):
        self.check(shape and shape[:1] == other[:1], "the first dimensions must be alike, the shapes are %s and %s"
                   % (tuple(shape), tuple(other)))
        return [()]

    def check_labels(self, label, count):
        """Raise CaffeError unless the shape of the labels holds so many."""
        self.check(math.prod(label) == count, "%d labels for %d predictions" % (math.prod(label), count))


class NormalizedLoss(Loss):
    """A loss divided by the number of values, of those not ignored, of what lies before the axis, or by 1.

    At least by 1, for batches in which everything is ignored.
    """

    default_normalization = LossParameter.VALID

    def setup(self, bottom, top):
        super().setup(bottom, top)
        p = self.param.loss_param
        self.ignored = p.ignore_label if p.HasField("ignore_label") else None
        if p.HasField("normalization"):
            self.normalization = p.normalization
        elif p.HasField("normalize"):
            self.normalization = LossParameter.VALID if p.normalize else LossParameter.BATCH_SIZE
        else:
            self.normalization = self.default_normalization

    def normalized(self, losses, counted):
        """The sum of the losses, of which axis 0 is the batch, where they count (bool), over the normaliser."""
        return torch.where(counted, losses, 0).sum() / self.normaliser(counted)

    def normaliser(self, counted):
        if self.normalization == LossParameter.VALID:
            return counted.sum().clamp(min=1)
        return max(1, {LossParameter.FULL: counted.numel(), LossParameter.BATCH_SIZE: len(counted),
                       LossParameter.NONE: 1}[self.normalization])


class CrossEntropy(torch.autograd.Function):
    """-log p of the labels, indices (outer, inner), where they count (bool), over the normaliser; and all log p.

    x: (outer, classes, inner).
    """

    @staticmethod
    def forward(ctx, x, label, counted, normaliser):
        logs, label = F.log_softmax(x, 1), label.unsqueeze(1)
        ctx.save_for_backward(logs, label, counted)
        ctx.normaliser = normaliser
        ctx.mark_non_differentiable(logs)
        own = logs.gather(1, label).squeeze(1).clamp(min=math.log(torch.finfo(torch.float32).tiny))
        return torch.where(counted, -own, 0).sum() / normaliser, logs

    @staticmethod
    def backward(ctx, grad, _):
        logs, label, counted = ctx.saved_tensors
        x_grad = logs.exp()
        x_grad.scatter_(1, label, x_grad.gather(1, label) - 1)
        return x_grad.mul_((counted * (grad / ctx.normaliser)).unsqueeze(1)), None, None, None


class SoftmaxLoss(NormalizedLoss):
    """A loss of the softmax along an axis and labels in the shape without it. A second top: the probabilities."""

    tops = (1, 2)

    def top_shapes(self, shape, label):
        loss, = super().top_shapes(shape, label)
        outer, _, inner = around(self, self.softmax_axis(), shape)
        self.check_labels(label, outer * inner)
        return [loss, shape][:self.top_count]

    def classes_apart(self, x):
        """x as (outer, classes, inner)."""
        return x.float().reshape(around(self, self.softmax_axis(), x.shape))

    def labels(self, label, logs):
        """Labels as indices and where they count, both (outer, inner), for values (outer, classes, inner)."""
        outer, classes, inner = logs.shape
        return class_labels(self, label, (outer, inner), classes, self.ignored)

    def with_probabilities(self, loss, logs, x):
        """The tops."""
        return loss if self.top_count == 1 else (loss, logs.detach().exp().reshape(x.shape))


@layer("SoftmaxWithLoss")
class SoftmaxWithLoss(SoftmaxLoss):
    """-log p of the label's class. BVLC's fails with a second top, as it hands two loss weights to a layer within."""

    def softmax_axis(self):
        return self.param.softmax_param.axis

    def compute(self, x, label):
        values = self.classes_apart(x)
        label, counted = self.labels(label, values)
        loss, logs = CrossEntropy.apply(values, label, counted, self.normaliser(counted))
        return self.with_probabilities(loss, logs, x)


@layer("InfogainLoss")
class InfogainLoss(SoftmaxLoss):
    """-sum over classes k of H[label, k] log p_k, with H in the third bottom or in the file `source`, a BlobProto."""

    bottoms = (2, 3)
    label_bottoms = (1, 2)

    def setup(self, bottom, top):
        super().setup(bottom, top)
        self.check(not self.param.loss_param.HasField("normalize"), "does not take normalize; give normalization")
        if len(bottom) == 2:
            source = self.param.infogain_loss_param.source
            self.check(source, "give H as a third bottom, or infogain_loss_param { source: a file }")
            try:
                gain = blobproto_values(read_binary(source, caffe_pb2.BlobProto()))
            except CaffeError as error:
                self.fail(error)
            self.gain = torch.from_numpy(gain).to(self.context.device)

    def softmax_axis(self):
        return self.param.infogain_loss_param.axis

    def top_shapes(self, shape, label, *gain):
        tops = super().top_shapes(shape, label)
        _, classes, _ = around(self, self.softmax_axis(), shape)
        count = math.prod(gain[0]) if gain else len(self.gain)
        self.check(count == classes ** 2, "H has %d values for %d x %d classes" % (count, classes, classes))
        return tops

    def compute(self, x, label, gain=None):
        logs = F.log_softmax(self.classes_apart(x), 1)
        classes = logs.shape[1]
        label, counted = self.labels(label, logs)
        gain = (self.gain if gain is None else gain.float()).reshape(classes, classes)
        losses = -(gain[label].movedim(-1, 1) * AtLeast.apply(logs, math.log(LEAST))).sum(1)
        return self.with_probabilities(self.normalized(losses, counted), logs, x)


@layer("SigmoidCrossEntropyLoss")
class SigmoidCrossEntropyLoss(NormalizedLoss):
    """-(t log s + (1 - t) log(1 - s)), s the sigmoid of x, t the target, which is ignored by its integral part."""

    default_normalization = LossParameter.BATCH_SIZE

    def top_shapes(self, shape, target):
        tops = super().top_shapes(shape, target)
        self.check_labels(target, math.prod(shape))
        return tops

    def compute(self, x, target):
        x, target = x.float(), target.float().reshape(x.shape)
        counted = torch.ones_like(x, dtype=torch.bool) if self.ignored is None else target.trunc() != self.ignored
        return self.normalized(F.binary_cross_entropy_with_logits(x, target, reduction="none"), counted)


class LabelledLoss(Loss):
    """A loss of a datum's values, one a class whatever their axes, and of its label."""

    def top_shapes(self, shape, label):
        tops = super().top_shapes(shape, label)
        self.check_labels(label, shape[0])
        return tops

    def flat(self, x, label):
        """The values (batch, classes) and the indices of the labels' classes (batch, 1)."""
        x = x.float().reshape(len(x), math.prod(x.shape[1:]))
        return x, class_labels(self, label, (len(x), 1), x.shape[1])[0]


@layer("MultinomialLogisticLoss")
class MultinomialLogisticLoss(LabelledLoss):
    """-log of the label's probability, the bottom being probabilities, over the batch."""

    def compute(self, x, label):
        x, label = self.flat(x, label)
        return -AtLeast.apply(x.gather(1, label), LEAST).log().sum() / len(x)


@layer("HingeLoss")
class HingeLoss(LabelledLoss):
    """The sum of max(0, 1 + x), x counting negative for the label's class, or of its squares (L2), over the batch."""

    def compute(self, x, label):
        x, label = self.flat(x, label)
        excess = F.relu(1 + x * torch.ones_like(x).scatter_(1, label, -1))
        if self.param.hinge_loss_param.norm == HingeLossParameter.L2:
            excess = excess.square()
        return excess.sum() / len(x)


@layer("EuclideanLoss")
class EuclideanLoss(Loss):
    """Half the sum of the squared differences of the two bottoms, over the batch. Both have a gradient."""

    label_bottoms = ()

    def top_shapes(self, shape, other):
        tops = super().top_shapes(shape, other)
        self.check(math.prod(shape[1:]) == math.prod(other[1:]), "bottoms of %d and %d values a datum"
                   % (math.prod(shape[1:]), math.prod(other[1:])))
        return tops

    def compute(self, x, other):
        return (x.float() - other.float().reshape(x.shape)).square().sum() / (2 * len(x))


@layer("ContrastiveLoss")
class ContrastiveLoss(Loss):
    """Half the mean of d^2 for pairs that are similar (third bottom), else of max(0, margin - d)^2; d: distance.

    legacy_version: max(0, margin - d^2) for pairs that are not.
    """

    bottoms = 3
    label_bottoms = (2,)

    def top_shapes(self, shape, other, similar):
        tops = super().top_shapes(shape, other)
        self.check(shape[1:2] == other[1:2] and all(size == 1 for size in (*shape[2:], *other[2:])),
                   "needs two bottoms of shape (pairs, values), not %s and %s" % (tuple(shape), tuple(other)))
        self.check_labels(similar, shape[0])
        return tops

    def compute(self, x, other, similar):
        p = self.param.contrastive_loss_param
        squared = (x.float() - other.float().reshape(x.shape)).square().reshape(len(x), math.prod(x.shape[1:])).sum(1)
        similar = similar.reshape(-1).trunc() != 0
        if p.legacy_version:
            apart = F.relu(p.margin - squared)
        else:
            distance = squared.detach().sqrt()
            nothing = (squared - squared.detach()) / (2 * (distance + 1e-4))  # 0, with the gradient of BVLC's distance
            apart = F.relu(p.margin - (distance + nothing)).square()
        return torch.where(similar, squared, apart).sum() / (2 * len(x))
