"""A drop-in replacement for BVLC Caffe's Python module, on PyTorch.

    import caffe
    net = caffe.Net("deploy.prototxt", caffe.TEST, weights="net.caffemodel")
    solver = caffe.get_solver("solver.prototxt")
"""
from caffe.context import set_device, set_mode_cpu, set_mode_gpu, set_random_seed
from caffe.errors import CaffeError
from caffe.layer_types.python import PythonLayer as Layer
from caffe.proto.caffe_pb2 import TEST, TRAIN
from caffe.pycaffe import Net
from caffe.runtime import (NCCL, Timer, has_nccl, init_log, layer_type_list, set_multiprocess, set_solver_count,
                           set_solver_rank, solver_count, solver_rank)
from caffe.solvers import (AdaDeltaSolver, AdaGradSolver, AdamSolver, NesterovSolver, RMSPropSolver, SGDSolver,
                           get_solver)
from caffe.net_spec import NetSpec, layers, params, to_proto
from caffe import _caffe, io, log, proto  # caffe.log("text") works, too
from caffe.classifier import Classifier  # these two need what is above
from caffe.detector import Detector

__version__ = "1.0.0"
