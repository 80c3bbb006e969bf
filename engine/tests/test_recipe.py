"""A recipe such as people's READMEs have, from a folder of images to classes, run as it stands by both Caffes."""
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from command_runs import ENGINE
from genuine import GENUINE, PATIENCE, needs_genuine, tool_command

RECIPE = """
set -e
TOOLS=build/tools
$TOOLS/convert_imageset --resize_height=8 --resize_width=8 --shuffle images/ train.txt train_lmdb
GLOG_logtostderr=1 $TOOLS/convert_imageset --resize_height=8 --resize_width=8 --backend=lmdb images/ val.txt val_lmdb
$TOOLS/compute_image_mean -backend=lmdb train_lmdb mean.binaryproto
$TOOLS/caffe train --solver=solver.prototxt 2>&1 | tee train.log
python parse_log.py train.log
grep 'solver.cpp:239\\] Iteration' train.log | sed 's/.*Iteration \\([0-9]*\\).*loss = \\(.*\\)/\\1 \\2/' > loss.dat
awk '/solver.cpp:414.*loss/ {print $11}' train.log > test.dat
python classify.py
"""
PARSE_LOG = r'''
import csv, datetime, re, sys
regex_iteration = re.compile(r"Iteration (\d+)")
regex_train = re.compile(r"Train net output #(\d+): (\S+) = ([\.\deE+-]+)")
regex_test = re.compile(r"Test net output #(\d+): (\S+) = ([\.\deE+-]+)")
regex_rate = re.compile(r"sgd_solver\.cpp:\d+\] Iteration (\d+), lr = ([-+]?[0-9]*\.?[0-9]+([eE]?[-+]?[0-9]+)?)")
iteration, start, rate, rows = -1, None, None, {"train": [], "test": []}
for line in open(sys.argv[1]):
    if "] Solving " in line:
        start = datetime.datetime.strptime("2016 " + " ".join(line.split()[:2])[1:], "%Y %m%d %H:%M:%S.%f")
    found = regex_iteration.search(line)
    if found:
        iteration = int(found.group(1))
    if iteration == -1:
        continue
    found = regex_rate.search(line)
    if found:
        rate = float(found.group(2))
    for name, regex in (("train", regex_train), ("test", regex_test)):
        found = regex.search(line)
        if found:
            now = datetime.datetime.strptime("2016 " + " ".join(line.split()[:2])[1:], "%Y %m%d %H:%M:%S.%f")
            rows[name].append([iteration, (now - start).total_seconds(), rate, found.group(2), float(found.group(3))])
for name in rows:
    csv.writer(open(sys.argv[1] + "." + name, "w")).writerows(rows[name])
'''
CLASSIFY = """
import sys
import numpy as np
import caffe
caffe.set_mode_cpu()
blob = caffe.proto.caffe_pb2.BlobProto()
blob.ParseFromString(open("mean.binaryproto", "rb").read())
mean = np.array(caffe.io.blobproto_to_array(blob))[0]
net = caffe.Net("deploy.prototxt", "snap_iter_8.caffemodel", caffe.TEST)
transformer = caffe.io.Transformer({"data": net.blobs["data"].data.shape})
transformer.set_transpose("data", (2, 0, 1))
transformer.set_mean("data", mean.mean(1).mean(1))
transformer.set_raw_scale("data", 255)
transformer.set_channel_swap("data", (2, 1, 0))
with open("classes.txt", "w") as file:
    for line in open("val.txt"):
        net.blobs["data"].data[...] = transformer.preprocess("data", caffe.io.load_image("images/" + line.split()[0]))
        file.write("%d\\n" % net.forward()["prob"].argmax())
"""
LAYERS = """layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 2
  weight_filler { type: "gaussian" std: 0.001 } } }
"""
DATA = """layer { name: "data" type: "Data" top: "data" top: "label" include { phase: %s }
  transform_param { mean_file: "mean.binaryproto" } data_param { source: "%s_lmdb" batch_size: 4 backend: LMDB } }
"""
FILES = {
    "net.prototxt": 'name: "wild"\n' + DATA % ("TRAIN", "train") + DATA % ("TEST", "val") + LAYERS + """
layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }""",
    "deploy.prototxt": 'input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8\n' + LAYERS + """
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }""",
    "solver.prototxt": """net: "net.prototxt" test_iter: 2 test_interval: 4 base_lr: 0.00001 momentum: 0.9
lr_policy: "step" gamma: 0.1 stepsize: 4 display: 2 max_iter: 8 snapshot: 4 snapshot_prefix: "snap" solver_mode: CPU""",
    "parse_log.py": PARSE_LOG, "classify.py": CLASSIFY}


@pytest.fixture
def wild(tmp_path):
    """A folder with dark and bright images, their lists, nets and scripts."""
    random = np.random.RandomState(0)
    (tmp_path / "images").mkdir()
    for name, count in ("train", 12), ("val", 8):
        lines = ["%s%d.jpg %d" % (name, i, i % 2) for i in range(count)]
        (tmp_path / (name + ".txt")).write_text("\n".join(lines) + "\n")
        for line in lines:
            pixels = random.randint(0, 80, (10, 12, 3)) + 170 * int(line[-1])
            Image.fromarray(pixels.astype("u1")).save(tmp_path / "images" / line.split()[0])
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def command_line(provider, name):
    """What the shell runs for a command of BVLC's, or `python`."""
    if name == "python":
        return [sys.executable if provider == "engine" else str(GENUINE)]
    if provider == "genuine":
        return tool_command(name)
    function = "main" if name == "caffe" else name
    return [sys.executable, "-c", "import caffe_command; caffe_command.%s()" % function]


@pytest.mark.parametrize("provider", ["engine", pytest.param("genuine", marks=[needs_genuine, pytest.mark.full])])
def test_a_recipe_runs_as_it_stands(provider, wild):
    (wild / "build/tools").mkdir(parents=True)
    for name in "caffe", "convert_imageset", "compute_image_mean", "python":
        file = wild / "build/tools" / name
        file.write_text("#!%s\nimport os, sys\nline = %r\nos.execvp(line[0], line + sys.argv[1:])\n"
                        % (sys.executable, command_line(provider, name)))
        file.chmod(0o755)
    environment = dict(os.environ, PATH="%s:%s" % (wild / "build/tools", os.environ["PATH"]), GLOG_minloglevel="0",
                       PYTHONPATH=str(ENGINE) if provider == "engine" else "")
    recipe = RECIPE if provider == "engine" else RECIPE.replace("python classify.py", "")  # Debian's load_image fails
    done = subprocess.run(["bash", "-c", recipe], cwd=wild, env=environment, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr

    def rows(name):
        return [line.split(",") for line in (wild / ("train.log." + name)).read_text().splitlines()]
    assert [row[0] for row in rows("train")] == ["0", "2", "4", "6"]
    assert [(row[0], row[3]) for row in rows("test")] == [(n, what) for n in "048" for what in ("accuracy", "loss")]
    assert [row[2] for row in rows("train")][1:] == ["1e-05", "1e-05", "1e-06"]
    assert all(float(row[1]) >= 0 for row in rows("train") + rows("test"))
    assert [line.split()[0] for line in (wild / "loss.dat").read_text().splitlines()] == ["0", "2", "4", "6"]
    assert len((wild / "test.dat").read_text().split()) == 3
    if provider == "engine":
        assert (wild / "classes.txt").read_text().split() == ["0", "1"] * 4
