"""Trainings in the manner of public notebooks."""
import os

import numpy as np

import caffe
from caffe import layers as L
from caffe import params as P
from scripts.notebooks import _fill, _write


def _lenet(source):
    n = caffe.NetSpec()
    n.data, n.label = L.Python(module="user_layers", layer="Batches", param_str=source, ntop=2)
    n.conv1 = L.Convolution(n.data, kernel_size=3, num_output=5, weight_filler=dict(type="xavier"))
    n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.conv2 = L.Convolution(n.pool1, kernel_size=3, num_output=8, weight_filler=dict(type="xavier"))
    n.fc1 = L.InnerProduct(n.conv2, num_output=12, weight_filler=dict(type="xavier"))
    n.relu1 = L.ReLU(n.fc1, in_place=True)
    n.score = L.InnerProduct(n.relu1, num_output=6, weight_filler=dict(type="xavier"))
    n.loss = L.SoftmaxWithLoss(n.score, n.label)
    return n.to_proto()


def learning_lenet():
    """01-learning-lenet: a net by NetSpec, a solver stepped from Python, tests from inside the loop."""
    _write("train.prototxt", _lenet("16,6"))
    _write("test.prototxt", _lenet("20,6"))
    _write("solver.prototxt", """train_net: "train.prototxt" test_net: "test.prototxt" test_iter: 2 test_interval: 500
        base_lr: 0.05 momentum: 0.9 weight_decay: 0.0005 lr_policy: "inv" gamma: 0.0001 power: 0.75 display: 100
        max_iter: 100 snapshot: 5000 snapshot_prefix: "lenet" solver_mode: CPU""")
    solver = caffe.SGDSolver("solver.prototxt")
    _fill(solver.net)
    seen = {"shapes": [(k, str(v.data.shape)) for k, v in solver.net.blobs.items()]}
    solver.net.forward()
    seen["first loss"] = solver.test_nets[0].forward()["loss"].shape
    solver.step(1)
    seen["conv1 diff"] = solver.net.params["conv1"][0].diff[:, 0]
    niter, test_interval = 20, 10
    train_loss, test_acc, output = np.zeros(niter), np.zeros(2), np.zeros((niter, 8, 6))
    for it in range(niter):
        solver.step(1)
        train_loss[it] = solver.net.blobs["loss"].data
        solver.test_nets[0].forward(start="conv1")
        output[it] = solver.test_nets[0].blobs["score"].data[:8]
        if it % test_interval == 0:
            correct = 0
            for test_it in range(3):
                solver.test_nets[0].forward()
                correct += sum(solver.test_nets[0].blobs["score"].data.argmax(1)
                               == solver.test_nets[0].blobs["label"].data)
            test_acc[it // test_interval] = correct / 60.
    seen.update(train_loss=train_loss, test_acc=test_acc, output=output[-1], iter=solver.iter)
    return seen


def fine_tuning():
    """02-fine-tuning: a SolverParameter made in Python, weights copied by name, only the new layer learns."""
    from caffe.proto import caffe_pb2
    weight_param = dict(lr_mult=1, decay_mult=1)
    bias_param = dict(lr_mult=2, decay_mult=0)
    frozen_param = [dict(lr_mult=0)] * 2

    def net(train=True, learn_all=False, name="score_new"):
        param = [weight_param, bias_param] if learn_all else frozen_param
        n = caffe.NetSpec()
        n.data, n.label = L.Python(module="user_layers", layer="Batches", param_str="10,6", ntop=2)
        n.conv1 = L.Convolution(n.data, kernel_size=3, num_output=5, param=param, weight_filler=dict(
            type="gaussian", std=0.01), bias_filler=dict(type="constant", value=0.1))
        n.relu1 = L.ReLU(n.conv1, in_place=True)
        n.pool1 = L.Pooling(n.relu1, pool=P.Pooling.MAX, kernel_size=3, stride=2)
        n.__setattr__(name, L.InnerProduct(n.pool1, num_output=6, param=[weight_param, bias_param],
                                           weight_filler=dict(type="constant", value=0.01)))
        n.probs = L.Softmax(n[name])
        n.loss = L.SoftmaxWithLoss(n[name], n.label)
        n.acc = L.Accuracy(n[name], n.label)
        return _write("train.prototxt" if train else "test.prototxt", n.to_proto())

    def solver(train_net_path, base_lr=0.01):
        s = caffe_pb2.SolverParameter()
        s.train_net = train_net_path
        s.test_interval = 1000
        s.iter_size = 2
        s.max_iter = 100
        s.type = "SGD"
        s.base_lr = base_lr
        s.lr_policy = "step"
        s.gamma = 0.1
        s.stepsize = 4
        s.momentum = 0.9
        s.weight_decay = 5e-4
        s.display = 1000
        s.snapshot = 10000
        s.snapshot_prefix = "finetune"
        s.solver_mode = caffe_pb2.SolverParameter.CPU
        return _write("solver.prototxt", s)

    base = caffe.Net(net(learn_all=True, name="score_old"), caffe.TRAIN)
    _fill(base)
    base.save("base.caffemodel")
    trained = caffe.get_solver(solver(net()))
    trained.net.copy_from("base.caffemodel")
    losses = []
    for it in range(6):
        trained.step(1)
        losses.append((float(trained.net.blobs["loss"].data), float(trained.net.blobs["acc"].data)))
    trained.net.save("tuned.caffemodel")
    test_net = caffe.Net(net(train=False), "tuned.caffemodel", caffe.TEST)
    test_net.forward()
    return {"losses": losses, "conv1 stays": np.array_equal(trained.net.params["conv1"][0].data,
                                                            base.params["conv1"][0].data),
            "score_new": trained.net.params["score_new"][0].data, "probs": test_net.blobs["probs"].data.copy()}


def multilabel():
    """pascal-multilabel-with-datalayer: a Python data layer, several labels, sigmoid cross entropy."""
    random = np.random.RandomState(6)
    np.save("images.npy", random.uniform(-1, 1, size=(7, 3, 16, 14)).astype(np.float32))
    np.save("labels.npy", random.randint(0, 2, size=(7, 4)).astype(np.float32))
    n = caffe.NetSpec()
    n.data, n.label = L.Python(module="user_layers", layer="MultilabelData", ntop=2, param_str=str(dict(
        batch_size=4, im_shape=[12, 12], images="images.npy", labels="labels.npy")))
    n.conv1 = L.Convolution(n.data, kernel_size=3, stride=2, num_output=6)
    n.relu1 = L.ReLU(n.conv1, in_place=True)
    n.pool1 = L.Pooling(n.relu1, pool=P.Pooling.AVE, kernel_size=3, stride=2)
    n.score = L.InnerProduct(n.pool1, num_output=4)
    n.loss = L.SigmoidCrossEntropyLoss(n.score, n.label)
    _write("trainnet.prototxt", n.to_proto())
    _write("solver.prototxt", 'train_net: "trainnet.prototxt" base_lr: 0.05 momentum: 0.9 weight_decay: 0.0005 '
                              'lr_policy: "fixed" max_iter: 50 type: "Adam" momentum2: 0.99 solver_mode: CPU')
    solver = caffe.get_solver("solver.prototxt")
    _fill(solver.net)
    losses, hamming = [], []
    for itt in range(8):
        solver.step(1)
        losses.append(float(solver.net.blobs["loss"].data))
        gts, ests = solver.net.blobs["label"].data, solver.net.blobs["score"].data > 0
        hamming.append(np.mean([np.mean(gt == est) for gt, est in zip(gts, ests)]))
    return {"losses": losses, "hamming": hamming, "data": solver.net.blobs["data"].data[0, 0]}


def siamese():
    """mnist_siamese: two branches that share their weights by name, and a contrastive loss."""
    n = caffe.NetSpec()
    n.pair = L.Input(shape=dict(dim=[4, 2, 8, 8]))
    n.sim = L.Input(shape=dict(dim=[4]))
    n.data, n.data_p = L.Slice(n.pair, slice_param=dict(slice_dim=1, slice_point=[1]), ntop=2)
    for end in "", "_p":
        last = n["data" + end]
        for name, kind, own in (("conv1", L.Convolution, dict(num_output=3, kernel_size=3)),
                                ("ip1", L.InnerProduct, dict(num_output=6)),
                                ("feat", L.InnerProduct, dict(num_output=2))):
            param = [dict(name=name + "_w", lr_mult=1), dict(name=name + "_b", lr_mult=2)]
            last = n[name + end] = kind(last, param=param, weight_filler=dict(type="xavier"), **own)
    n.loss = L.ContrastiveLoss(n.feat, n.feat_p, n.sim, contrastive_loss_param=dict(margin=1))
    net = caffe.Net(_write("siamese.prototxt", n.to_proto()), caffe.TRAIN)
    _fill(net)
    random = np.random.RandomState(2)
    net.blobs["pair"].data[...] = random.normal(size=(4, 2, 8, 8))
    net.blobs["sim"].data[...] = [1, 0, 1, 0]
    net.clear_param_diffs()
    loss = net.forward()["loss"]
    net.backward()
    shared = net.params["conv1"][0].data
    shared[...] += 0.25
    return {"loss": loss.copy(), "feat": net.blobs["feat"].data.copy(), "feat_p": net.blobs["feat_p"].data.copy(),
            "conv1 diff": net.params["conv1"][0].diff, "conv1_p diff": net.params["conv1_p"][0].diff,
            "ip1 diff": net.params["ip1_p"][0].diff, "shared": np.array_equal(shared, net.params["conv1_p"][0].data),
            "after": net.forward()["loss"]}


def logistic_regression():
    """hdf5_classification: HDF5Data from a list of files, a test net, solve() with its snapshots."""
    import h5py
    random = np.random.RandomState(1)
    x = random.normal(size=(40, 4)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] > 0).astype(np.float32)
    with h5py.File("train.h5", "w") as f:
        f["data"] = x
        f["label"] = y
    _write("train.txt", "train.h5\n")

    def logreg(hdf5, batch_size):
        n = caffe.NetSpec()
        n.data, n.label = L.HDF5Data(batch_size=batch_size, source=hdf5, ntop=2)
        n.ip1 = L.InnerProduct(n.data, num_output=2, weight_filler=dict(type="constant", value=0.02))
        n.accuracy = L.Accuracy(n.ip1, n.label)
        n.loss = L.SoftmaxWithLoss(n.ip1, n.label)
        return n.to_proto()

    _write("train.prototxt", logreg("train.txt", 10))
    _write("test.prototxt", logreg("train.txt", 10))
    s = caffe.proto.caffe_pb2.SolverParameter()
    s.train_net = "train.prototxt"
    s.test_net.append("test.prototxt")
    s.test_interval = 100
    s.test_iter.append(4)
    s.max_iter = 30
    s.base_lr = 0.1
    s.lr_policy = "step"
    s.gamma = 0.1
    s.stepsize = 5000
    s.momentum = 0.9
    s.weight_decay = 5e-4
    s.snapshot = 20
    s.snapshot_prefix = "train"
    s.solver_mode = caffe.proto.caffe_pb2.SolverParameter.CPU
    _write("solver.prototxt", s)
    solver = caffe.get_solver("solver.prototxt")
    solver.solve()
    accuracy = 0
    for i in range(4):
        solver.test_nets[0].forward()
        accuracy += solver.test_nets[0].blobs["accuracy"].data
    return {"accuracy": accuracy / 4, "weights": solver.net.params["ip1"][0].data, "iter": solver.iter,
            "files": sorted(name for name in os.listdir(".") if "_iter_" in name)}
