"""The names that BVLC's compiled module has, for scripts that import from `caffe._caffe`."""
from caffe import log  # noqa: F401
from caffe.blob import Blob, BlobVec  # noqa: F401
from caffe.context import set_device, set_mode_cpu, set_mode_gpu, set_random_seed  # noqa: F401
from caffe.layer_types.python import PythonLayer as Layer  # noqa: F401
from caffe.proto.caffe_pb2 import LayerParameter, SolverParameter  # noqa: F401
from caffe.pycaffe import Net  # noqa: F401
from caffe.ranks import (  # noqa: F401
    NCCL,
    has_nccl,
    set_multiprocess,
    set_solver_count,
    set_solver_rank,
    solver_count,
    solver_rank,
)
from caffe.runtime import Timer, init_log, layer_type_list  # noqa: F401
from caffe.solvers import (  # noqa: F401
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
    Solver,
    get_solver,
)
