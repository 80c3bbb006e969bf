"""Prototxts of nets that many people run, untrained, for one image: what their papers say of them.

BatchNorm has seen nothing, and divides by the root of its eps alone, which Scale makes up for.
"""


class Prototxt:
    """A net's text, to which each method adds layers, and returns their top's name."""

    def __init__(self, size):
        self.layers = ['layer { name: "x" type: "Input" top: "x" input_param { shape { dim: [1, 3, %d, %d] } } }'
                       % (size, size)]

    def add(self, kind, bottoms, param="", top=None):
        name = "%s%d" % (kind.lower(), len(self.layers))
        bottoms = [bottoms] if isinstance(bottoms, str) else bottoms
        self.layers.append('layer { name: "%s" type: "%s" %s top: "%s" %s }' % (
            name, kind, " ".join('bottom: "%s"' % bottom for bottom in bottoms), top or name, param))
        return top or name

    def relu(self, top):
        return self.add("ReLU", top, top=top)

    def convolve(self, bottom, outputs, size, stride=1, pad=0, more=""):
        """size, pad: a number, or (height, width)."""
        sides = "".join("%s_h: %d %s_w: %d " % (name, both[0], name, both[1])
                        for name, both in (("kernel", pair(size)), ("pad", pair(pad))))
        return self.add("Convolution", bottom, "convolution_param { num_output: %d %s stride: %d %s "
                        'weight_filler { type: "msra" } }' % (outputs, sides, stride, more))

    def normalized(self, bottom, outputs, size, stride=1, pad=0, relu=True):
        """A convolution, BatchNorm, Scale, and ReLU."""
        top = self.convolve(bottom, outputs, size, stride, pad, "bias_term: false")
        self.add("BatchNorm", top, top=top)
        self.add("Scale", top, "scale_param { bias_term: true filler { value: 0.00316 } }", top=top)
        return self.relu(top) if relu else top

    def chain(self, bottom, *convolutions):
        for convolution in convolutions:
            bottom = self.normalized(bottom, *convolution)
        return bottom

    def pool(self, bottom, size=3, stride=2, pad=0, how="MAX"):
        return self.add("Pooling", bottom, "pooling_param { pool: %s kernel_size: %d stride: %d pad: %d }"
                        % (how, size, stride, pad))

    def mean(self, bottom):
        return self.add("Pooling", bottom, "pooling_param { pool: AVE global_pooling: true }")

    def dense(self, bottom, outputs):
        return self.add("InnerProduct", bottom, "inner_product_param { num_output: %d "
                        'weight_filler { type: "xavier" } }' % outputs)

    def classify(self, bottom):
        self.add("Softmax", self.dense(self.mean(bottom), 1000))
        return "\n".join(self.layers)


def pair(number):
    return number if isinstance(number, tuple) else (number, number)


def squeezenet():
    """SqueezeNet 1.1 (Iandola et al., 2016)."""
    net = Prototxt(227)

    def convolve(*given):
        return net.relu(net.convolve(*given))
    last = net.pool(convolve("x", 64, 3, 2))
    for i, width in enumerate([16, 16, 32, 32, 48, 48, 64, 64], start=2):
        squeezed = convolve(last, width, 1)
        last = net.add("Concat", [convolve(squeezed, 4 * width, 1), convolve(squeezed, 4 * width, 3, 1, 1)])
        if i in (3, 5):
            last = net.pool(last)
    net.add("Softmax", net.mean(convolve(last, 1000, 1)))
    return "\n".join(net.layers)


def resnet_50():
    """ResNet-50 (He et al., 2016)."""
    net = Prototxt(224)
    last = net.pool(net.normalized("x", 64, 7, 2, 3))
    for stage, blocks in enumerate([3, 4, 6, 3]):
        width = 64 << stage
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            way = net.chain(last, (width, 1, stride), (width, 3, 1, 1))
            way = net.normalized(way, 4 * width, 1, relu=False)
            if not block:
                last = net.normalized(last, 4 * width, 1, stride, relu=False)
            last = net.relu(net.add("Eltwise", [last, way]))
    return net.classify(last)


def se_bn_inception():
    """BN-Inception (Ioffe and Szegedy, 2015) with squeeze and excitation (Hu et al., 2018)."""
    net = Prototxt(224)
    last = net.pool(net.normalized("x", 64, 7, 2, 3))
    last = net.pool(net.chain(last, (64, 1), (192, 3, 1, 1)))
    # Of each module the outputs of: 1 x 1; 1 x 1 and 3 x 3; 1 x 1 and twice 3 x 3; after pooling. 0: stride 2 instead.
    for single, reduced, three, reduced_twice, twice, pooled in (
            (64, 64, 64, 64, 96, 32), (64, 64, 96, 64, 96, 64), (0, 128, 160, 64, 96, 0),
            (224, 64, 96, 96, 128, 128), (192, 96, 128, 96, 128, 128), (160, 128, 160, 128, 160, 128),
            (96, 128, 192, 160, 192, 128), (0, 128, 192, 192, 256, 0),
            (352, 192, 320, 160, 224, 128), (352, 192, 320, 192, 224, 128)):
        stride = 1 if single else 2
        parts = [net.normalized(last, single, 1)] if single else []
        parts.append(net.chain(last, (reduced, 1), (three, 3, stride, 1)))
        parts.append(net.chain(last, (reduced_twice, 1), (twice, 3, 1, 1), (twice, 3, stride, 1)))
        if pooled:
            parts.append(net.normalized(net.pool(last, 3, 1, 1, "AVE"), pooled, 1))
        else:
            parts.append(net.pool(last))
        last = net.add("Concat", parts)
        channels = single + three + twice + (pooled or channels)  # noqa: F821  the first pools into channels of its own
        excited = net.relu(net.dense(net.mean(last), channels // 16))
        excited = net.add("Sigmoid", net.dense(excited, channels))
        last = net.add("Scale", [last, excited], "scale_param { axis: 0 }")
    return net.classify(last)


def inception_v3():
    """Inception-v3 (Szegedy et al., 2016)."""
    net = Prototxt(299)
    last = net.pool(net.chain("x", (32, 3, 2), (32, 3), (64, 3, 1, 1)))
    last = net.pool(net.chain(last, (80, 1), (192, 3)))
    wide, high = ((1, 7), 1, (0, 3)), ((7, 1), 1, (3, 0))

    def module(bottom, *chains, pooled=0):
        """Chains of convolutions, and a last one of pooled values; without it they are pooled with stride 2 alone."""
        parts = [net.chain(bottom, *chain) for chain in chains]
        parts.append(net.normalized(net.pool(bottom, 3, 1, 1, "AVE"), pooled, 1) if pooled else net.pool(bottom))
        return net.add("Concat", parts)
    for pooled in 32, 64, 64:
        last = module(last, [(64, 1)], [(48, 1), (64, 5, 1, 2)], [(64, 1), (96, 3, 1, 1), (96, 3, 1, 1)], pooled=pooled)
    last = module(last, [(384, 3, 2)], [(64, 1), (96, 3, 1, 1), (96, 3, 2)])
    for width in 128, 160, 160, 192:
        last = module(last, [(192, 1)], [(width, 1), (width, *wide), (192, *high)],
                      [(width, 1), (width, *high), (width, *wide), (width, *high), (192, *wide)], pooled=192)
    last = module(last, [(192, 1), (320, 3, 2)], [(192, 1), (192, *wide), (192, *high), (192, 3, 2)])
    for _ in range(2):
        forks = [net.normalized(last, 384, 1), net.chain(last, (448, 1), (384, 3, 1, 1))]
        parts = [net.normalized(fork, 384, *way) for fork in forks
                 for way in (((1, 3), 1, (0, 1)), ((3, 1), 1, (1, 0)))]
        last = net.add("Concat", [net.normalized(last, 320, 1), *parts,
                                  net.normalized(net.pool(last, 3, 1, 1, "AVE"), 192, 1)])
    return net.classify(last)
