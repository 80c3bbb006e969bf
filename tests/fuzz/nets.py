"""Caffe's files: nets and solvers, weights and states, LMDBs, and what a fold's training leaves."""
import csv
import os
import shutil

import caffe
import numpy as np
from caffe import command as caffe_command

import check_weights
import export_onnx
import predict
from fuzz.formats import Format
from fuzz.mutants import of_text
from pain.datasets import lmdbs
from pain.progress import progress

NET = """name: "tiny"
layer { name: "data" type: "Data" top: "pixels" top: "label"
  include { phase: TRAIN } data_param { source: "train_lmdb" backend: LMDB batch_size: 4 } }
layer { name: "data" type: "Data" top: "pixels" top: "label"
  include { phase: TEST not_stage: "deploy" } data_param { source: "val_lmdb" backend: LMDB batch_size: 4 } }
layer { name: "pixels" type: "Input" top: "pixels" include { phase: TEST stage: "deploy" }
  input_param { shape { dim: 1 dim: 3 dim: 112 dim: 96 } } }
layer { name: "pool" type: "Pooling" bottom: "pixels" top: "pool"
  pooling_param { pool: AVE kernel_size: 28 stride: 28 } }
layer { name: "conv" type: "Convolution" bottom: "pool" top: "conv"
  convolution_param { num_output: 2 kernel_size: 2 weight_filler { type: "xavier" } } }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  inner_product_param { num_output: 1 weight_filler { type: "gaussian" std: 0.01 } } }
layer { name: "sigmoid" type: "Sigmoid" bottom: "ip" top: "sigmoid" }
layer { name: "intensity" type: "Power" bottom: "sigmoid" top: "intensity" power_param { scale: 5 } }
layer { name: "loss" type: "EuclideanLoss" bottom: "intensity" bottom: "label" top: "loss" include { phase: TRAIN } }
"""
BALANCED = """layer { name: "data" type: "Python" top: "pixels" top: "label" param { lr_mult: 0 decay_mult: 0 }
  include { phase: TRAIN } python_param { module: "layers.balanced_data" layer: "BalancedDataLayer"
    param_str: "{'source': 'train_lmdb', 'batch_size': 4, 'classes': 2, 'mirror': True, 'seed': 1}" } }
"""
SOLVER = """net: "%s"
base_lr: 0.0001  lr_policy: "fixed"
momentum: 0.9  weight_decay: 0.0005
max_iter: %d  display: 1
snapshot: 2  snapshot_prefix: "pain"%s
random_seed: 1
solver_mode: CPU
"""
FOLD = "01-s"


def images(count):
    return np.random.RandomState(0).randint(0, 256, (count, 112, 96, 3)).astype(np.uint8)


def write_lmdb(path, count=10):
    """An LMDB of noise, of the classes 0 and 1, and its list."""
    records = [("s/v/f%d.png" % i, lmdbs.datum(image, i % 2)) for i, image in enumerate(images(count))]
    path.parent.mkdir(parents=True, exist_ok=True)
    with progress(total=count, disable=True) as bar:
        lmdbs.write_lmdb(path, records, count, bar)
    (path / "lock.mdb").unlink()
    lmdbs.write_list(path.with_name(path.name.replace("_lmdb", ".txt")), [name for name, _ in records],
                     [i % 2 for i in range(count)])


def training(folder, iterations=2, h5=False, balanced=False):
    """A solver, its net, a fold's data, and the folder of its training, with a snapshot of two iterations."""
    (folder / "net.prototxt").write_text(NET if not balanced else BALANCED + NET.split("\n", 3)[3])
    text = "\nsnapshot_format: HDF5" if h5 else ""
    (folder / "tiny.prototxt").write_text(SOLVER % ("../../../net.prototxt", iterations, text))
    for name in "train_lmdb", "val_lmdb":
        write_lmdb(folder / "folds" / FOLD / name)
    fold = folder / "models" / "tiny" / FOLD
    fold.mkdir(parents=True)
    for name in "train_lmdb", "val_lmdb":
        (fold / name).symlink_to("../../../folds/%s/%s" % (FOLD, name))
    here = os.getcwd()
    os.chdir(str(fold))
    os.environ["GLOG_minloglevel"] = "2"
    try:
        solver = caffe.get_solver("../../../tiny.prototxt")
        solver.step(2)
        solver.snapshot()
    finally:
        os.chdir(here)
        del os.environ["GLOG_minloglevel"]
    return fold


def weights(folder):
    """A caffemodel and its net, with nothing else."""
    fold = training(folder)
    shutil.move(str(fold / "pain_iter_2.caffemodel"), str(folder / "a.caffemodel"))
    return folder / "a.caffemodel"


def weights_h5(folder):
    fold = training(folder, h5=True)
    shutil.move(str(fold / "pain_iter_2.caffemodel.h5"), str(folder / "a.caffemodel.h5"))
    return folder / "a.caffemodel.h5"


def net(folder):
    weights(folder)
    return folder / "net.prototxt"


def solver_file(folder):
    training(folder)
    return folder / "tiny.prototxt"


def snapshot(folder):
    return training(folder) / "pain_iter_2.caffemodel"


def state(folder, h5=False):
    return training(folder, 3, h5) / ("pain_iter_2.solverstate" + ".h5" * h5)


def state_h5(folder):
    return state(folder, True)


def train_log(folder):
    """The log of a training, beside its snapshot."""
    fold = training(folder)
    (fold / "train.log").write_text("$ caffe train -solver ../../../tiny.prototxt -weights 'a b.caffemodel'\n"
                                    "I1126 18:00:00.000000     1 caffe.cpp:1] Iteration 0, loss = 1.5\n")
    return fold / "train.log"


def val_mdb(folder):
    training(folder)
    return folder / "folds" / FOLD / "val_lmdb" / "data.mdb"


def train_mdb(folder):
    training(folder, 3, balanced=True)
    return folder / "folds" / FOLD / "train_lmdb" / "data.mdb"


def val_list(folder):
    training(folder)
    return folder / "folds" / FOLD / "val.txt"


def predicted(folder, said):
    """Whether predictions.csv holds ten intensities, 0..5."""
    with open(str(folder / "models" / "tiny" / FOLD / "predictions.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    strange = [row["prediction"] for row in rows if not 0 <= float(row["prediction"]) <= 5]
    return "predictions %s" % strange[:3] if strange else "%d rows" % len(rows) if len(rows) != 10 else None


def exported(folder, said):
    """Whether there is an ONNX file."""
    return None if list(folder.rglob("pain_iter_2.onnx")) else "no ONNX file"


def resume():
    """What train.py does for a fold, in this process: caffe train, on from its snapshot."""
    os.chdir("models/tiny/" + FOLD)
    caffe_command.main()


PREDICT = "tiny.prototxt", "--folds", "folds", "--models", "models"
TRAIN = "train", "-solver", "../../../tiny.prototxt", "-snapshot", "pain_iter_2.solverstate"
EXPORT = "models/tiny/%s/pain_iter_2.caffemodel" % FOLD, "--net", "net.prototxt"
CAFFE = dict(refused=(1, 134), log=True)
FORMATS = [
    Format("prototxt", net, check_weights.main, ("a.caffemodel", "--net", "net.prototxt"), of_text, done=(0, 1)),
    Format("solver", solver_file, predict.main, PREDICT, of_text, predicted),
    Format("caffemodel", weights, check_weights.main, ("a.caffemodel", "--net", "net.prototxt"), done=(0, 1)),
    Format("caffemodel.h5", weights_h5, check_weights.main, ("a.caffemodel.h5", "--net", "net.prototxt"), done=(0, 1)),
    Format("snapshot", snapshot, predict.main, PREDICT, check=predicted),
    Format("solverstate", state, resume, TRAIN, **CAFFE),
    Format("solverstate.h5", state_h5, resume, (*TRAIN[:-1], TRAIN[-1] + ".h5"), **CAFFE),
    Format("train.log", train_log, export_onnx.main, EXPORT, of_text, exported),
    Format("val_lmdb", val_mdb, predict.main, PREDICT, check=predicted),
    Format("train_lmdb", train_mdb, resume, TRAIN, **CAFFE),
    Format("val.txt", val_list, predict.main, PREDICT, of_text, predicted),
]
