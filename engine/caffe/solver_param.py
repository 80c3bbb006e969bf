"""Solver prototxts: reading them, and refusing what cannot be trained with before anything is built."""
import os
from pathlib import Path

from caffe import log
from caffe.build import read_solver
from caffe.errors import CaffeError
from caffe.proto import caffe_pb2
from caffe.updates import POLICIES
from caffe.upgrade import upgrade_solver

# What a learning-rate policy uses, besides base_lr. BVLC takes what is missing for 0.
FIELDS = {"step": ("gamma",), "exp": ("gamma",), "inv": ("gamma", "power"), "multistep": ("gamma", "stepvalue"),
          "poly": ("power",), "sigmoid": ("gamma",)}


def read_param(source):
    """The SolverParameter of a prototxt file, or a copy of one given. Raises CaffeError."""
    if isinstance(source, caffe_pb2.SolverParameter):
        param = caffe_pb2.SolverParameter()
        param.CopyFrom(source)
        return upgrade_solver(param, "the solver")
    source = os.fsdecode(source)
    param = read_solver(source)
    stem = Path(source).with_suffix("")
    if not param.HasField("snapshot_prefix"):
        param.snapshot_prefix = str(stem)
    elif os.path.isdir(param.snapshot_prefix):
        param.snapshot_prefix = os.path.join(param.snapshot_prefix, stem.name)
    return param


def check_param(param, solver_type):
    """Raise CaffeError for what a solver of this type refuses; warn of what BVLC takes, but is hardly meant."""
    policy = param.lr_policy
    for wrong, message in (
            (policy not in POLICIES, "Unknown learning rate policy: %r; known are %s" % (policy, ", ".join(POLICIES))),
            (policy in ("step", "sigmoid") and param.stepsize <= 0,
             "lr_policy: %r needs a stepsize greater than 0" % policy),
            (policy in ("step", "exp", "inv", "multistep", "sigmoid") and param.gamma < 0,
             "gamma must not be negative: %g" % param.gamma),
            (param.weight_decay and param.regularization_type not in ("L1", "L2"),
             "Unknown regularization type: %s; known are L1, L2" % param.regularization_type),
            (param.average_loss < 1, "average_loss must be 1 or more: %d" % param.average_loss),
            (param.iter_size < 1, "iter_size must be 1 or more: %d" % param.iter_size),
            (param.momentum and solver_type in ("AdaGrad", "RMSProp"),
             "Momentum cannot be used with %s." % solver_type),
            (solver_type == "RMSProp" and not 0 <= param.rms_decay < 1,
             "rms_decay should lie between 0 and 1: %g" % param.rms_decay)):
        if wrong:
            raise CaffeError("solver: " + message)
    for name in ("base_lr",) + FIELDS.get(policy, ()):
        if not (param.stepvalue if name == "stepvalue" else param.HasField(name)):
            log.warning("solver: %s is not given and counts as 0; lr_policy: %r uses it" % (name, policy))
    if param.snapshot:
        check_prefix(param)


def check_prefix(param):
    """Raise CaffeError unless snapshots can be written where snapshot_prefix says."""
    if not param.snapshot_prefix:
        raise CaffeError("solver: In solver params, snapshot is specified but snapshot_prefix is not")
    folder = Path(param.snapshot_prefix).parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise CaffeError("Cannot write to snapshot prefix '%s'.  Make sure that the directory exists and is writable."
                         % param.snapshot_prefix)
