"""models.py: which caffemodels a path means, and their prototxt. tests/video/ has what the nets give."""
import pytest
from caffe.proto import caffe_pb2

from pain.errors import Problem
from pain.models import find_models, find_net, last_snapshot
from support.project import PAIN


@pytest.fixture
def variant(tmp_path):
    """A variant's folder: two folds with snapshots, and a folder with a caffemodel that is none."""
    folder = tmp_path / "work" / "models" / "smooth_l1"
    for name in ("01-a/pain_iter_9", "01-a/pain_iter_10", "02-b/pain_iter_3", "02-b/pain_iter_4x", "03-c/other"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / (name + ".caffemodel")).touch()
    return folder


def test_the_last_snapshot_is_the_latest_iteration(variant):
    assert last_snapshot(variant / "01-a").name == "pain_iter_10.caffemodel"  # 10 is after 9
    assert last_snapshot(variant / "02-b").name == "pain_iter_3.caffemodel"
    assert last_snapshot(variant / "03-c") is None and last_snapshot(variant / "none") is None


def test_a_half_written_snapshot_is_passed_over(variant):
    weights, state = caffe_pb2.NetParameter(), caffe_pb2.SolverState(iter=9, learned_net="net")
    weights.layer.add(name="a").blobs.add(data=[1, 2]).shape.dim.append(2)
    for iteration in 8, 9, 10:
        files = variant / "01-a" / ("pain_iter_%d.caffemodel" % iteration), variant / "01-a" / (
            "pain_iter_%d.solverstate" % iteration)
        for file, message in zip(files, (weights, state)):
            file.write_bytes(message.SerializeToString())
    assert last_snapshot(variant / "01-a").name == "pain_iter_10.caffemodel"
    files[1].unlink()  # it is to train on with
    assert last_snapshot(variant / "01-a").name == "pain_iter_10.caffemodel"
    files[0].write_bytes(weights.SerializeToString()[:-3])
    assert last_snapshot(variant / "01-a").name == "pain_iter_9.caffemodel"
    weights.layer[0].blobs[0].data.pop()  # cut where protobuf sees nothing wrong
    (variant / "01-a/pain_iter_9.caffemodel").write_bytes(weights.SerializeToString())
    assert last_snapshot(variant / "01-a").name == "pain_iter_8.caffemodel"
    (variant / "01-a/pain_iter_8.solverstate").write_bytes(b"")
    assert last_snapshot(variant / "01-a").name == "pain_iter_10.caffemodel"  # whose loading says what is wrong


def test_a_path_means_a_file_or_the_last_snapshots_below_it(variant):
    folds = [variant / "01-a/pain_iter_10.caffemodel", variant / "02-b/pain_iter_3.caffemodel"]
    other = variant / "03-c/other.caffemodel"
    assert find_models([variant]) == folds
    assert find_models([str(variant / "02-b"), other]) == [folds[1], other]
    for nothing in variant / "03-c", variant / "none":
        with pytest.raises(Problem, match="%s: no caffemodel here; give one, or a folder" % nothing):
            find_models([variant, nothing])


def test_the_net_is_that_of_the_models_own_folder_else_the_projects(variant):
    model = variant / "01-a/pain_iter_9.caffemodel"
    assert find_net(model) == PAIN
    own = variant.parents[1] / "prototxt" / PAIN.name
    own.parent.mkdir()
    own.touch()
    assert find_net(model) == own
