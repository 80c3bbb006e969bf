"""What `debug_info: true` logs of a net, and where in a net numbers stopped being finite."""
from collections import Counter

import torch

from caffe import log


def _mean(tensor):
    return float(tensor.float().abs().mean())


def forward(net, index):
    """Log the mean magnitude of the layer's tops and weights (BVLC net.cpp, ForwardDebugInfo)."""
    layer = net._layers[index]
    for name, blob in zip(net._top_names[index], net._tops[index]):
        log.info("    [Forward] Layer %s, top blob %s data: %g" % (layer.param.name, name, _mean(blob.tensor)))
    names = [spec.name for spec in layer.param.param]
    for i, blob in enumerate(layer.blobs):
        log.info("    [Forward] Layer %s, param blob %s data: %g"
                 % (layer.param.name, i < len(names) and names[i] or i, _mean(blob.tensor)))


def backward(net, index):
    """Log the mean magnitude of the gradients that the layer computed (BVLC net.cpp, BackwardDebugInfo)."""
    layer = net._layers[index]
    for name, blob, needed in zip(net._bottom_names[index], net._bottoms[index], net._bottom_needs[index]):
        if needed:
            log.info("    [Backward] Layer %s, bottom blob %s diff: %g" % (layer.param.name, name, _mean(blob.grad)))
    for i, (blob, needed) in enumerate(zip(layer.blobs, layer.param_propagate_down)):
        if needed:
            log.info("    [Backward] Layer %s, param blob %d diff: %g" % (layer.param.name, i, _mean(blob.grad)))


def params(net):
    """Log the norms of all weights and of all their gradients."""
    def norm(tensors, order):
        return float(torch.stack([tensor.norm(order) for tensor in tensors]).norm(order)) if tensors else 0.

    values, grads = [blob.tensor for blob, _ in net.learnable], [blob.grad for blob, _ in net.learnable]
    log.error("    [Backward] All net params (data, diff): L1 norm = (%g, %g); L2 norm = (%g, %g)"
              % (norm(values, 1), norm(grads, 1), norm(values, 2), norm(grads, 2)))


def first_not_finite(net):
    """Run the net's last forward again, layer by layer. Returns which layer's weights or top are not finite first.

    A Python layer may have a state of its own, so it is not run again: what it gave stands, unless another layer has
    overwritten it and it can be run on the same bottoms. None: all are finite.
    """
    passes, times_written = net.context.passes, Counter(blob for top in net._tops for blob in top)
    net.reset_passes(max(passes - 1, 0))
    try:
        for layer, bottom, top in zip(net._layers, net._bottoms, net._tops):
            name = "layer %s (%s)" % (layer.param.name, layer.type)
            for i, blob in enumerate(layer.blobs):
                if not torch.isfinite(blob.tensor).all():
                    return "%s: its learnable blob %d" % (name, i)
            if layer.type != "Python" or bottom and any(times_written[blob] > 1 for blob in top):
                layer.reshape(bottom, top)
                layer.forward(bottom, top)
            for i, blob in enumerate(top):
                if not torch.isfinite(blob.tensor).all():
                    return "%s: its top %s" % (name, layer.param.top[i] if i < len(layer.param.top) else i)
        return None
    finally:
        net.reset_passes(passes)


def learned_not_finite(net):
    """Which layer's learned weights are not finite, in words; None if all are finite."""
    learned = {id(blob.values) for blob, spec in net.learnable if spec.lr_mult}
    for layer in net._layers:
        for i, blob in enumerate(layer.blobs):
            if id(blob.values) in learned and not torch.isfinite(blob.tensor).all():
                return "layer %s (%s): its learnable blob %d" % (layer.param.name, layer.type, i)
    return None
