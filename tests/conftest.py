"""What several test files share: where things are, and a Python layer to try out in a net of its own."""
import subprocess
import sys
import tempfile
from pathlib import Path

import caffe
import numpy as np
import pytest
import skimage.io

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
BVLC = ROOT / ".bvlc" / "bin"  # genuine Caffe
ENGINE = ROOT / ".venv" / "bin"  # ours
PAIN, FACE = (ROOT / "prototxt" / (name + ".prototxt") for name in ("pain_regression", "face_verification"))
# Whether this is a run under genuine Caffe's Python.
GENUINE = BVLC.parent.resolve() in Path(caffe.__file__).resolve().parents

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the authors' files are not here (../shared/data)")
needs_bvlc = pytest.mark.skipif(not (BVLC / "caffe").exists(), reason="no genuine Caffe here: `make bvlc` did not run")


def run_tool(tool, *args, python=sys.executable, **options):
    """Run tools/`tool` with these arguments; the finished process, its output as text."""
    return subprocess.run([str(python), str(ROOT / "tools" / tool), *map(str, args)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, **options)


def assert_one_line_error(process, *parts):
    """The tool failed as a tool should: exit status 2, one line of error with all of `parts`, no traceback.

    Progress bars do not count.
    """
    lines = [line for line in process.stderr.split("\n") if line.strip() and "%|" not in line]
    assert process.returncode == 2, process.stderr
    assert len(lines) == 1 and "Traceback" not in process.stderr, process.stderr
    for part in parts:
        assert str(part) in lines[0], lines[0]


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    """A folder in LFW's layout of 4 drawn people, 4 images each: NAME/NAME_0001.png, 240 x 240, the face in the middle."""
    import make_synthetic
    from PIL import Image
    root, face = tmp_path_factory.mktemp("people") / "people", make_synthetic.Face()
    at_rest = dict.fromkeys(make_synthetic.HIGHEST, 0)
    for k, name in enumerate(("Ann_Ah", "Bob_Be", "Cy_Ce", "Dee_De")):
        who = make_synthetic.subject(face, np.random.RandomState([7, k]))
        (root / name).mkdir(parents=True)
        for i, pose in enumerate([(0, 0, 0, 1), (8, 3, 0.1, 1), (-8, -4, -0.1, 0.95), (3, 4, 0.05, 1.05)], 1):
            frame = make_synthetic.render(face, who, at_rest, make_synthetic.Pose(*pose))[:, 40:280]
            Image.fromarray(np.round(255 * frame).astype(np.uint8)).save(str(root / name / ("%s_%04d.png" % (name, i))))
    return root


def write_slim_nets(folder):
    """Write the two nets with trunks 1/16 as wide to the folder, under their own names, and return it."""
    from caffe.proto import caffe_pb2
    from google.protobuf import text_format
    from make_slim import slim_net
    for path in PAIN, FACE:
        net = slim_net(text_format.Merge(path.read_text(), caffe_pb2.NetParameter()), 16, 6)
        (folder / path.name).write_text(text_format.MessageToString(net))
    return folder


def write_samples(path, images, labels):
    """Write an LMDB of Datums. images: (N, channels, height, width) uint8."""
    import lmdb
    from caffe.proto import caffe_pb2
    environment = lmdb.open(str(path), map_size=1 << 26)
    with environment.begin(write=True) as transaction:
        for i, (image, label) in enumerate(zip(images, labels)):
            channels, height, width = image.shape
            datum = caffe_pb2.Datum(channels=channels, height=height, width=width, data=image.tobytes(), label=label)
            transaction.put(b"%08d" % i, datum.SerializeToString())
    environment.close()


def make_folds_of_noise(root, python=sys.executable):
    """Make three folds in `root`/folds: 48 frames of noise a subject, of every class; brighter where it hurts more."""
    random, rows = np.random.RandomState(0), ["subject,video,frame,pspi,status"]
    for subject in "001-aa001", "002-bb002", "003-cc003":
        folder = root / "aligned" / subject / subject[4:]
        folder.mkdir(parents=True)
        for f in range(48):
            pspi = [0, 1, 2, 3, 4, 6][f // 4 % 6]
            image = random.randint(0, 120, (112, 96, 3)) + 20 * pspi
            skimage.io.imsave(str(folder / ("f%02d.png" % f)), image.astype(np.uint8), check_contrast=False)
            rows.append("%s,%s,f%02d,%d,detected" % (subject, subject[4:], f, pspi))
    (root / "aligned" / "frames.csv").write_text("\n".join(rows) + "\n")
    process = run_tool("make_folds.py", "--aligned", root / "aligned", "--out", root / "folds", python=python)
    assert process.returncode == 0, process.stderr
    return root / "folds"


class LayerInNet:
    """A Python layer in a net of its own, with these bottoms (arrays).

    It has forward() -> first value of the first top, backward(), and bottom(i), bottom_diff(i), top(i), blob(i),
    blob_diff(i): writable arrays.
    """

    def __init__(self, module, name, params, bottoms, loss_weight=1, tops=1):
        # A Scale by 1 in between: caffe only propagates to blobs that something learns from.
        text = "".join("""layer { name: "in%(i)d" type: "Input" top: "in%(i)d" input_param { shape { %(shape)s } } }
            layer { name: "x%(i)d" type: "Scale" bottom: "in%(i)d" top: "x%(i)d"
                    scale_param { axis: 0 num_axes: 0 } }\n"""
                       % {"i": i, "shape": " ".join("dim: %d" % dim for dim in array.shape)}
                       for i, array in enumerate(bottoms))
        text += """layer { name: "layer" type: "Python" %s %s %s %s
            python_param { module: "%s" layer: "%s" param_str: "%s" } }""" % (
            " ".join('bottom: "x%d"' % i for i in range(len(bottoms))),
            " ".join('top: "out%d"' % i for i in range(tops)),
            "propagate_down: true propagate_down: false" if len(bottoms) == 2 else "",
            "loss_weight: %g" % loss_weight if bottoms else "", module, name, params)
        with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
            file.write(text)
            file.flush()
            self.net = caffe.Net(file.name, caffe.TRAIN)
        for i, array in enumerate(bottoms):
            self.bottom(i)[...] = array

    def forward(self):
        self.net.forward()
        return float(self.top(0).ravel()[0])

    def backward(self):
        self.net.forward()
        self.net.backward()

    def bottom(self, i):
        return self.net.blobs["in%d" % i].data

    def bottom_diff(self, i):
        return self.net.blobs["x%d" % i].diff

    def top(self, i):
        return self.net.blobs["out%d" % i].data

    def blob(self, i):
        return self.net.params["layer"][i].data

    def blob_diff(self, i):
        return self.net.params["layer"][i].diff
