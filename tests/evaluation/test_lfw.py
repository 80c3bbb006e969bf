"""lfw.py and tools/verify_faces.py: LFW's protocol on drawn people, computed a second time by hand."""
import csv
import json
import shutil

import caffe
import numpy as np
import pytest
import skimage.data
import skimage.io
import sklearn.decomposition
from caffe.proto import caffe_pb2
from google.protobuf import text_format
from PIL import Image

import verify_faces
from pain.evaluation.face_features import centre_crop
from pain.evaluation.lfw import score_pairs
from pain.evaluation.lfw_pairs import read_pairs
from pain.prototxts import slim_net
from support.faces import workers_here
from support.pairs import PAIRS
from support.project import BVLC, FACE, PAIN, assert_one_line_error, needs_bvlc, run_here, run_tool


@pytest.fixture(scope="module")
def lfw(people, tmp_path_factory):
    """People in LFW's layout with pairs.txt. Dee_De_0003 shows no face."""
    root = tmp_path_factory.mktemp("verification") / "lfw"
    shutil.copytree(str(people), str(root))
    Image.fromarray(np.random.RandomState(0).randint(90, 160, (240, 240, 3)).astype(np.uint8)).save(
        str(root / "Dee_De" / "Dee_De_0003.png"))
    (root / "pairs.txt").write_text(PAIRS)
    return root


def deploy(net_file, seed=3):
    caffe.set_random_seed(seed)
    return caffe.Net(str(net_file), caffe.TEST, stages=["deploy"])


@pytest.fixture(scope="module")
def slim(tmp_path_factory):
    """A sixteenth of the net, and its random weights: two paths."""
    folder = tmp_path_factory.mktemp("slim")
    net = slim_net(text_format.Merge(FACE.read_text(), caffe_pb2.NetParameter()), 16, 1)
    for layer in net.layer:  # features of some 10, not a millionth of that
        if layer.convolution_param.weight_filler.type == "gaussian":
            layer.convolution_param.weight_filler.std = 0.1
    (folder / "face.prototxt").write_text(text_format.MessageToString(net))
    deploy(folder / "face.prototxt").save(str(folder / "face.caffemodel"))
    return folder / "face.prototxt", folder / "face.caffemodel"


@pytest.fixture(scope="module")
def verified(lfw, slim):
    """The finished process, and the folder of all it made."""
    out = lfw.parent
    process = within(lfw, "--net", slim[0], "--model", slim[1], "--aligned", out / "aligned", "--out", out / "out",
                     "--json", out / "figures.json", "--jobs", 1)
    assert process.returncode == 0, process.stderr
    return process, out


def arguments(lfw, slim, out, *options, model=None):
    """Those of a second run, on the faces that are aligned."""
    weights = () if "--untrained" in options else ("--model", model or slim[1])
    return [lfw, "--net", slim[0], *weights, "--aligned", lfw.parent / "aligned", "--out", out,
            "--json", out / "figures.json", *options]


def within(*options):
    with workers_here():
        return run_here(verify_faces.main, *options)


def again(*things, **model):
    return within(*arguments(*things, **model))


def features_of(lfw, net, name, number):
    """An image's features, one image at a time."""
    aligned = lfw.parent / "aligned" / name / ("%s_%04d.png" % (name, number))
    if (name, number) == ("Dee_De", 3):
        assert not aligned.exists()
        face = centre_crop(skimage.io.imread(str(lfw / name / ("%s_%04d.png" % (name, number)))))
    else:
        face = skimage.io.imread(str(aligned))
    halves = []
    for pixels in face, face[:, ::-1]:
        net.blobs["pixels"].data[0] = pixels[:, :, ::-1].transpose(2, 0, 1)
        halves.append(net.forward()["fc5"][0].astype(float))  # astype copies
    return np.concatenate(halves)


def test_figures_are_those_computed_by_hand(lfw, slim, verified):
    process, out = verified
    pairs, _ = read_pairs(lfw / "pairs.txt")
    same = np.array([pair.same for pair in pairs])
    scores, net = [], deploy(slim[0], seed=9)
    net.copy_from(str(slim[1]))
    for pair in pairs:
        a, b = features_of(lfw, net, *pair.first), features_of(lfw, net, *pair.second)
        assert len(a) == 1024
        scores.append(a @ b / np.sqrt((a @ a) * (b @ b)))
    scores = np.array(scores)
    right = []
    for left_out in range(3):
        test = np.array([pair.set == left_out for pair in pairs])
        found = json.loads((out / "figures.json").read_text())["thresholds"][left_out]
        candidates = [-2, 2, *(scores + 1e-9), *(scores - 1e-9)]
        best = max(((scores >= candidate) == same)[~test].sum() for candidate in candidates)
        assert ((scores >= found) == same)[~test].sum() == best
        right.append(((scores >= found) == same)[test].mean())
    figures = json.loads((out / "figures.json").read_text())
    assert figures["accuracies"] == pytest.approx(right) and figures["accuracy"] == pytest.approx(np.mean(right))
    assert figures["standard_error"] == pytest.approx(np.std(right, ddof=1) / 3 ** 0.5)
    assert figures["auc"] == pytest.approx(np.mean(scores[same][:, None] > scores[~same]))
    assert (figures["pairs"], figures["sets"], figures["cropped"]) == (12, 3, 1)
    assert figures["tar_at_far"] == {"0.1": None, "0.01": None, "0.001": None}
    with open(str(out / "out" / "roc.csv")) as file:
        rows = list(csv.DictReader(file))
    assert [float(row["threshold"]) for row in rows] == pytest.approx([np.inf, *sorted(scores, reverse=True)], abs=1e-5)
    assert float(rows[-1]["far"]) == float(rows[-1]["tar"]) == 1
    assert skimage.io.imread(str(out / "out" / "roc.png")).shape[2] >= 3
    lines = process.stdout.split("\n")
    assert lines[0].startswith("%s: %s, 12 pairs of 16 images; 1 without a found face" % (lfw, slim[1]))
    assert "mean of 3 sets" in lines[1] and "undefined" in lines[4] and str(out / "out" / "roc.csv") in lines[-2]


def test_random_weights_of_a_seed_are_the_same_again(lfw, slim, verified, tmp_path):
    before = (verified[1] / "out" / "roc.csv").read_text()
    process = again(lfw, slim, tmp_path, "--untrained", 3)
    assert process.returncode == 0, process.stderr
    assert "random weights of seed 3" in process.stdout and (tmp_path / "roc.csv").read_text() == before
    assert again(lfw, slim, tmp_path, "--untrained", 4).returncode == 0
    assert (tmp_path / "roc.csv").read_text() != before


def test_one_set_of_pairs_has_no_mean_of_sets(lfw, slim, verified, tmp_path):
    view_1 = tmp_path / "view1.txt"
    view_1.write_text("2\n" + "".join(PAIRS.splitlines(True)[1:5]))
    process = again(lfw, slim, tmp_path, "--pairs", view_1)
    assert process.returncode == 0, process.stderr
    assert "an upper bound" in process.stdout and "+-" not in process.stdout
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert (figures["sets"], figures["standard_error"], figures["pairs"]) == (1, None, 4)
    assert_one_line_error(again(lfw, slim, tmp_path, "--pairs", view_1, "--pca", 2), "--pca 2", "one set")


def test_pca_is_fitted_to_the_other_sets_alone():
    random = np.random.RandomState(0)
    features, left, right = random.randn(20, 30), np.arange(0, 20, 2), np.arange(1, 20, 2)
    of_set = np.repeat([0, 1, 2, 3, 4], 2)
    scores = score_pairs(features, left, right, of_set, 5, pca=3)
    for i in range(5):
        others = np.delete(features, np.arange(4 * i, 4 * i + 4), axis=0)
        projected = sklearn.decomposition.PCA(3, svd_solver="full").fit(others).transform(features)
        a, b = projected[left], projected[right]
        expected = (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))
        assert scores[i] == pytest.approx(expected)
    changed = features.copy()
    changed[:4] += 9  # set 0's own images move no axes of its own split
    assert score_pairs(changed, left, right, of_set, 5, pca=3)[0, 2:] == pytest.approx(scores[0, 2:])


def test_pca_of_the_tool(lfw, slim, verified, tmp_path):
    assert again(lfw, slim, tmp_path, "--pca", 5).returncode == 0
    assert (tmp_path / "roc.csv").read_text() != (verified[1] / "out" / "roc.csv").read_text()
    for pca in 0, 10, -3:  # without set 3 there are the pairs of 10 images
        assert_one_line_error(again(lfw, slim, tmp_path, "--pca", pca), "--pca %d" % pca, "1 to 9")


@needs_bvlc
def test_genuine_caffe_gives_the_same(lfw, slim, verified, tmp_path):
    """On faces that are aligned already: its Python has no MTCNN."""
    process = run_tool("verify_faces.py", *arguments(lfw, slim, tmp_path), python=BVLC / "python")
    assert process.returncode == 0, process.stderr
    ours, genuine = (np.loadtxt(str(folder / "roc.csv"), delimiter=",", skiprows=2)
                     for folder in (verified[1] / "out", tmp_path))
    assert genuine == pytest.approx(ours, abs=1e-4)


def test_wrong_files_are_one_line(lfw, slim, verified, tmp_path):
    pairs, model = tmp_path / "pairs.txt", tmp_path / "other.caffemodel"
    for old, new, words in (("Cy_Ce\t1\t2", "Nobody\t1\t2", ["line 10", "no folder Nobody"]),
                            ("Cy_Ce\t1\t2", "Cy_Ce\t1\t9", ["line 10", "no image Cy_Ce_0009"]),
                            ("Cy_Ce\t1\t2", "Cy_Ce\t1", ["line 10", "not NAME I J"])):
        pairs.write_text(PAIRS.replace(old, new))
        assert_one_line_error(again(lfw, slim, tmp_path, "--pairs", pairs), pairs, *words)
    pairs.write_bytes(b"\xff\xfe\x00")
    assert_one_line_error(again(lfw, slim, tmp_path, "--pairs", pairs), pairs, "not a text file")
    assert_one_line_error(again(lfw, slim, tmp_path, "--pairs", tmp_path / "none"), tmp_path / "none", "no such file")
    assert_one_line_error(again(lfw, slim, tmp_path, model=tmp_path / "none"), tmp_path / "none", "no such caffemodel")
    model.write_bytes(b"no model")
    assert_one_line_error(again(lfw, slim, tmp_path, model=model), model, "not a caffemodel")
    other = caffe_pb2.NetParameter()
    other.layer.add(name="conv1a").blobs.add(data=[1]).shape.dim.append(1)
    model.write_bytes(other.SerializeToString())
    assert_one_line_error(again(lfw, slim, tmp_path, model=model), model, "of another net", "conv1a")
    zero = caffe_pb2.NetParameter.FromString(slim[1].read_bytes())
    for blob in zero.layer[-1].blobs:
        blob.data[:] = [0] * len(blob.data)
    model.write_bytes(zero.SerializeToString())
    assert_one_line_error(again(lfw, slim, tmp_path, model=model), model, "features", "0 or no numbers")
    assert not (tmp_path / "roc.csv").exists() and not (tmp_path / "figures.json").exists()


def test_wrong_nets_are_one_line(lfw, slim, verified, tmp_path):
    def run(net):
        return again(lfw, (net, slim[1]), tmp_path, "--untrained", 1)

    net = tmp_path / "net.prototxt"
    assert_one_line_error(run(net), net, "no such net")
    net.write_text("what: is this")
    assert_one_line_error(run(net), net, "not a NetParameter prototxt")
    net.write_text('layer { name: "a" type: "NoSuchLayer" top: "pixels" }')
    assert_one_line_error(run(net), net, "NoSuchLayer")
    assert_one_line_error(run(PAIN), "fc5", "pixels")


def test_wrong_arguments_are_one_line(lfw, slim):
    model = "--model", slim[1]
    for options, word in (([], "--untrained"), ([*model, "--untrained", 1], "--model"), (["--untrained", -1], "--un"),
                          ([*model, "--jobs", 0], "--jobs"), ([*model, "--pca", "x"], "--pca")):
        assert_one_line_error(within(lfw, "--net", slim[0], *options), word)
    assert_one_line_error(run_tool("verify_faces.py", lfw.parent / "none", *model), "none/pairs.txt", "no such file")


def test_an_image_that_cannot_be_read_is_named(lfw, slim, verified, tmp_path):
    root = tmp_path / "lfw"
    shutil.copytree(str(lfw), str(root))
    shutil.copytree(str(lfw.parent / "aligned"), str(tmp_path / "aligned"))
    damaged = tmp_path / "aligned" / "Ann_Ah" / "Ann_Ah_0001.png"
    damaged.write_bytes(b"no image")
    assert_one_line_error(again(root, slim, tmp_path), damaged, "unreadable", "remove it")
    damaged.unlink()  # and is made again
    original = root / "Dee_De" / "Dee_De_0003.png"
    original.write_bytes(b"no image")
    assert_one_line_error(again(root, slim, tmp_path), original, "unreadable", "its pairs out")
    assert damaged.exists()
