"""Passes through parts of a net, and by several threads."""
import threading

import numpy as np

import caffe

NET = """force_backward: true
layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 4 dim: 5 } } }
layer { name: "one" type: "InnerProduct" bottom: "x" top: "one"
        inner_product_param { num_output: 30 weight_filler { value: 0.1 } } }
layer { name: "drop" type: "Dropout" bottom: "one" top: "drop" }
layer { name: "two" type: "InnerProduct" bottom: "drop" top: "two"
        inner_product_param { num_output: 2 weight_filler { value: 0.2 } } }
layer { name: "loss" type: "Power" bottom: "two" top: "loss" loss_weight: 1 power_param { power: 2 } }
"""
SOLVER = 'net: "net.prototxt" base_lr: 0.001 lr_policy: "fixed" solver_mode: CPU max_iter: 99 display: 0'


def _write(net=NET):
    with open("net.prototxt", "w") as file:
        file.write(net)
    with open("solver.prototxt", "w") as file:
        file.write(SOLVER)


def _in_threads(function, count=4):
    threads = [threading.Thread(target=function) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def monte_carlo_dropout():
    """Each pass through a part draws anew, and what it draws is what its backward goes by."""
    _write()
    net = caffe.Net("net.prototxt", caffe.TRAIN)
    seen = {}
    net.blobs["x"].data[...] = 1
    net.forward()
    for name, part in (("one layer", dict(start="drop", end="drop")), ("the rest", dict(start="drop")),
                       ("the beginning", dict(end="drop")), ("all", {})):
        samples = []
        for _ in range(5):
            net.forward(**part)
            kept = net.blobs["drop"].data != 0
            net.blobs["drop"].diff[...] = 1
            net.backward(start="drop", end="drop")
            samples.append(kept.tobytes())
            seen[name + ": its backward"] = np.array_equal(kept, net.blobs["one"].diff != 0)
        seen[name] = len(set(samples))
    return seen


def threads_of_one_net():
    """They take turns."""
    _write(NET.replace("Dropout", "ReLU"))
    net, done = caffe.Net("net.prototxt", caffe.TRAIN), []

    def work():
        for _ in range(10):
            net.blobs["x"].data[...] = 2
            net.forward()
            net.backward()
            net.reshape()
            done.append(net.blobs["loss"].data.copy())
    _in_threads(work)
    return {"losses": done, "gradient": net.blobs["x"].diff, "gradients of weights": net.params["two"][0].diff}


def threads_of_one_solver():
    _write(NET.replace("Dropout", "ReLU"))
    solver = caffe.get_solver("solver.prototxt")
    solver.net.blobs["x"].data[...] = 1
    _in_threads(lambda: solver.step(5))
    return {"iterations": solver.iter, "weights": solver.net.params["two"][0].data}


def threads_of_nets_that_share():
    """Many nets with the weights of one."""
    _write(NET.replace("Dropout", "ReLU"))
    nets, done = [caffe.Net("net.prototxt", caffe.TEST) for _ in range(3)], []

    def work():
        for net in nets:
            net.share_with(nets[0])
            net.save("weights.caffemodel%d" % threading.get_ident())
            net.copy_from("weights.caffemodel%d" % threading.get_ident())
            done.append(net.forward(x=np.ones((4, 5)))["loss"].copy())
    _in_threads(work)
    return {"losses": done}
