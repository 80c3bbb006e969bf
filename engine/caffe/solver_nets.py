"""The nets of a solver: the one that it trains, and those that it tests with its weights."""
from caffe import log, net, pycaffe, snapshot
from caffe.build import read_net
from caffe.context import derived, set_random_seed
from caffe.errors import CaffeError
from caffe.proto import caffe_pb2

_SAYS_TRAIN_NET = {"train_net_param": "solver.cpp:88", "train_net": "solver.cpp:92", "net_param": "solver.cpp:97",
                   "net": "solver.cpp:102"}


def make_train_net(param):
    """The pycaffe.Net that the SolverParameter has trained, with the weights that it names. Raises CaffeError."""
    fields = sorted(_SAYS_TRAIN_NET)
    given = [name for name in fields if param.HasField(name)]
    if len(given) != 1:
        raise CaffeError("SolverParameter must specify a train net using %s of these fields: %s"
                         % ("one" if not given else "no more than one", ", ".join(fields)))
    name, = given
    source = getattr(param, name)
    log.info("Creating training net " + ("specified in %s." % name if name.endswith("param") else
                                         "from %s file: %s" % (name, source)), at=_SAYS_TRAIN_NET[name])
    if param.random_seed >= 0:
        set_random_seed(param.random_seed)
    return _make_net(param, source, caffe_pb2.TRAIN, param.train_state, None)


def make_test_nets(param, seed):
    """The nets of test_net_param and test_net, and then as many of the train net's as test_iter has more, a list.

    seed: the train net's; theirs follow from it.
    """
    nets = [("test_net_param", net_param) for net_param in param.test_net_param]
    nets += [("test_net file: %s" % path, path) for path in param.test_net]
    if param.HasField("net_param") or param.HasField("net"):
        if len(param.test_iter) < len(nets):
            raise CaffeError("test_iter must be specified for each test network.")
        same = (("net_param", param.net_param) if param.HasField("net_param") else
                ("net file: %s" % param.net, param.net))
        nets += [same] * (len(param.test_iter) - len(nets))
    elif len(param.test_iter) != len(nets):
        raise CaffeError("test_iter must be specified for each test network.")
    if param.test_state and len(param.test_state) != len(nets):
        raise CaffeError("test_state must be unspecified or specified once per test net.")
    if nets and param.test_interval <= 0:
        raise CaffeError("test_interval must be greater than 0 where there are test nets: %d" % param.test_interval)
    made = []
    for i, (where, source) in enumerate(nets):
        log.info("Creating test net (#%d) specified by %s" % (i, where), at="solver.cpp:190")
        made.append(_make_net(param, source, caffe_pb2.TEST, param.test_state[i] if param.test_state else None,
                              derived(seed, i)))
        made[-1].debug_info = param.debug_info
    return made


def _make_net(param, source, phase, state, seed):
    """The net of a file or a NetParameter, whose own NetState counts less than the solver's."""
    net_param = caffe_pb2.NetParameter()
    net_param.CopyFrom(read_net(source) if isinstance(source, str) else source)
    merged = caffe_pb2.NetState(phase=phase)
    merged.MergeFrom(net_param.state)
    if state is not None:
        merged.MergeFrom(state)
    net_param.state.CopyFrom(merged)
    made = pycaffe.Net.__new__(pycaffe.Net)  # whose own constructor is for files
    net.Net.__init__(made, net_param, seed)
    for path in (path.strip() for paths in param.weights for path in paths.split(",")):
        log.info("Finetuning from " + path, at="solver.cpp:72")
        snapshot.load_weights(made, path)
    return made
