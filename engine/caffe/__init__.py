"""A drop-in replacement for BVLC Caffe's Python module, on PyTorch.

    import caffe
    net = caffe.Net("deploy.prototxt", caffe.TEST, weights="net.caffemodel")
    solver = caffe.get_solver("solver.prototxt")

What is in here is loaded when it is first asked for: PyTorch takes seconds to load, and who reads prototxts,
caffemodels or datums (`from caffe.proto import caffe_pb2`) does not need it.
"""
import importlib

from caffe import proto

_MODULES = ["_caffe", "classifier", "detector", "io", "log", "net_spec", "pycaffe"]  # caffe.log("text") works, too
_NAMES = {  # module -> what of it is in here
    "_caffe": ["AdaDeltaSolver", "AdaGradSolver", "AdamSolver", "Layer", "NCCL", "NesterovSolver", "Net",
               "RMSPropSolver", "SGDSolver", "Timer", "get_solver", "has_nccl", "init_log", "layer_type_list",
               "set_device", "set_mode_cpu", "set_mode_gpu", "set_multiprocess", "set_random_seed", "set_solver_count",
               "set_solver_rank", "solver_count", "solver_rank"],
    "classifier": ["Classifier"],
    "detector": ["Detector"],
    "errors": ["CaffeError"],
    "net_spec": ["NetSpec", "layers", "params", "to_proto"],
    "proto.caffe_pb2": ["TEST", "TRAIN"],
}
_COMPUTING = "_caffe", "classifier", "detector", "pycaffe"
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}

__version__ = "1.0.0"
__all__ = ["__version__", "proto", *_MODULES[1:], *_MODULE_OF]


def __getattr__(name):
    if _MODULE_OF.get(name, name) in _COMPUTING:
        importlib.import_module("caffe.threads").load_torch()
    if name in _MODULES:
        return importlib.import_module("caffe." + name)
    if name not in _MODULE_OF:
        raise AttributeError("module 'caffe' has no attribute %r" % name)
    return globals().setdefault(name, getattr(importlib.import_module("caffe." + _MODULE_OF[name]), name))


def __dir__():
    return sorted({*globals(), *__all__, *_MODULES})
