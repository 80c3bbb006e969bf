"""What `debug_info: true` logs of a net, and where in a net numbers stopped being finite."""
from collections import Counter

import torch

from caffe import log


def _mean(tensor):
    return float(tensor.float().abs().mean())


def forward(node):
    """Log the mean magnitude of the layer's tops and weights (BVLC net.cpp, ForwardDebugInfo)."""
    for name, blob in zip(node.top_names, node.tops):
        log.info("    [Forward] Layer %s, top blob %s data: %g" % (node.name, name, _mean(blob.tensor)),
                 at="net.cpp:593")
    for i, (blob, spec) in enumerate(zip(node.layer.blobs, node.layer.specs)):
        log.info("    [Forward] Layer %s, param blob %s data: %g" % (node.name, spec.name or i, _mean(blob.tensor)),
                 at="net.cpp:605")


def backward(node):
    """Log the mean magnitude of the gradients that the layer computed (BVLC net.cpp, BackwardDebugInfo)."""
    for name, blob, needed in zip(node.bottom_names, node.bottoms, node.needs):
        if needed:
            log.info("    [Backward] Layer %s, bottom blob %s diff: %g" % (node.name, name, _mean(blob.grad)),
                     at="net.cpp:621")
    for i, (blob, needed) in enumerate(zip(node.layer.blobs, node.layer.param_propagate_down)):
        if needed:
            log.info("    [Backward] Layer %s, param blob %d diff: %g" % (node.name, i, _mean(blob.grad)),
                     at="net.cpp:632")


def params(net):
    """Log the norms of all weights and of all their gradients."""
    def norm(tensors, order):
        return float(torch.stack([tensor.norm(order) for tensor in tensors]).norm(order)) if tensors else 0.

    values, grads = [blob.tensor for blob, _ in net.learnable], [blob.grad for blob, _ in net.learnable]
    log.error("    [Backward] All net params (data, diff): L1 norm = (%g, %g); L2 norm = (%g, %g)"
              % (norm(values, 1), norm(grads, 1), norm(values, 2), norm(grads, 2)),
              at="net.cpp:721")


def first_not_finite(net):
    """Run the net's last forward again, layer by layer. Returns which layer's weights or top are not finite first.

    A Python layer may have a state of its own, so it is not run again: what it gave stands, unless another layer has
    overwritten it and it can be run on the same bottoms. None: all are finite.
    """
    passes, times_written = net.context.passes, Counter(blob for node in net.nodes for blob in node.tops)
    net.reset_passes(max(passes - 1, 0))
    try:
        for node in net.nodes:
            name = "layer %s (%s)" % (node.name, node.layer.type)
            for i, blob in enumerate(node.layer.blobs):
                if not torch.isfinite(blob.tensor).all():
                    return "%s: its learnable blob %d" % (name, i)
            if node.layer.type != "Python" or node.bottoms and any(times_written[blob] > 1 for blob in node.tops):
                node.forward(backward_follows=False)
            for top_name, blob in zip(node.top_names, node.tops):
                if not torch.isfinite(blob.tensor).all():
                    return "%s: its top %s" % (name, top_name)
        return None
    finally:
        net.reset_passes(passes)


def learned_not_finite(net):
    """Which layer's learned weights are not finite, in words; None if all are finite."""
    learned = {id(blob.values) for blob, spec in net.learnable if spec.lr_mult}
    for node in net.nodes:
        for i, blob in enumerate(node.layer.blobs):
            if id(blob.values) in learned and not torch.isfinite(blob.tensor).all():
                return "layer %s (%s): its learnable blob %d" % (node.name, node.layer.type, i)
    return None
