"""Curves of videos from Python: the figures of predict_video.py, as rows, arrays, tables, pictures and files."""
import io
import itertools
import json
import os

import numpy as np
import pytest
import skimage.io
from PIL import Image

import pain
import predict_video
from pain.notice import notice, short_notice
from pain.provenance import SYNTHETIC, Data, Origin, read_origin, write_origin
from pain.video import sample
from pain.video.curve import COLUMNS, FOUND, fields
from support.bare_python import SKIMAGE, run_bare
from support.project import run_here
from support.videos import write

ORIGIN = Origin(Data(SYNTHETIC, 2, 60, (10,) * 6, ("01-a",)), "mse", 400)
FRAMES = 12


@pytest.fixture(scope="module")
def nets(models):
    """The folder of two slim nets, recorded as synthetic ones."""
    for snapshot in models.glob("*/pain_iter_10.caffemodel"):
        write_origin(snapshot, ORIGIN)
    yield models
    for record in models.glob("*/*.origin.json"):
        os.remove(str(record))


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    """A video of a drawn face that is covered for a while, and its labels beside it."""
    folder = tmp_path_factory.mktemp("visit")
    drawn = list(sample.draw(frames=FRAMES))
    images = [image * (i not in (5, 6)) for i, (image, _) in enumerate(drawn)]
    (folder / "visit.csv").write_text("frame,label\n" + "".join("%d,%d\n" % (i, x) for i, (_, x) in enumerate(drawn)))
    return write(folder / "visit.mkv", images, "ffv1", "bgr0")


@pytest.fixture(scope="module")
def curve(visit, nets):
    return pain.rate_video(visit, nets, gap=1)


def test_the_figures_are_those_of_the_command(visit, nets, curve, tmp_path):
    done = run_here(predict_video.main, visit, "--model", nets, "--out", tmp_path / "command", "--gap", 1,
                    "--smooth", "gaussian:0.1", "--labels", visit.with_suffix(".csv"))
    assert done.returncode == 0, done.stderr
    summary = curve.smoothed("gaussian", 0.1).save(tmp_path / "python", truth=visit.with_suffix(".csv"))
    for name in "curve.csv", "curve.json":
        assert (tmp_path / "python" / name).read_text() == (tmp_path / "command" / name).read_text()
    assert (skimage.io.imread(str(tmp_path / "python/curve.png"))
            == skimage.io.imread(str(tmp_path / "command/curve.png"))).all()
    again = pain.read_curve(tmp_path / "command")
    assert again.filter == ("gaussian", 0.1) and again.about == curve.about
    assert summary == json.loads((tmp_path / "command/curve.json").read_text())["summary"]
    agreement = again.summary(truth=visit.with_suffix(".csv"))["agreement"]
    assert agreement == pytest.approx(summary["agreement"], abs=1e-3)  # of what a file has of a curve that hardly moves
    assert pain.read_curve(tmp_path / "command/curve.csv").rows[0].frame == 0
    assert curve.filter is None and np.isnan(curve.rows[0].smoothed)  # which stays as it was


def test_a_stream_is_the_same_rows_a_frame_at_a_time(visit, nets, curve):
    loaded = pain.load_nets(nets)
    frames = list(pain.stream_video(visit, loaded, gap=1))
    assert [fields(row) for rows in frames for row in rows] == [fields(row) for row in curve]
    assert len(frames) == FRAMES and [row.frame for row in curve] == list(range(FRAMES)) and len(curve) == FRAMES
    with_some = pain.stream_video(visit, loaded, gap=1)
    first, = next(with_some)
    assert fields(first) == fields(curve.rows[0])
    with_some.close()  # ends its threads, and closes the video


def test_arrays(curve):
    person, = curve.people
    np.testing.assert_allclose(curve.times, np.arange(FRAMES) / 25, atol=1e-6)
    seen = np.isin(np.arange(FRAMES), (5, 6), invert=True)
    assert (person.found == seen).all() and (np.isnan(person.intensity) == ~seen).all()
    assert (person.spread[seen] > 0).all()


def test_a_table(curve):
    pandas = pytest.importorskip("pandas")
    table = curve.to_pandas()
    assert list(table.columns) == list(COLUMNS) and len(table) == FRAMES
    assert table.attrs == {"about": curve.about, "notice": notice(ORIGIN)}
    for name in "box_width", "nose_x", "intensity", "spread":
        assert table[name].dtype == float and table[name].notna().sum() == (table["face"] == FOUND).sum()
    row = curve.rows[3]
    assert tuple(table.loc[3, ["box_x", "box_y", "box_width", "box_height"]]) == tuple(row.box)
    assert table.loc[3, "mouth_right_y"] == row.landmarks[4, 1] and table.loc[3, "intensity"] == row.intensity
    assert isinstance(table.groupby("face")["intensity"].mean(), pandas.Series)


def test_a_curve_says_what_its_nets_have_learned_from(curve, nets):
    assert curve.origin.kind == SYNTHETIC == pain.load_nets(nets).origin.kind
    assert curve.notice == notice(ORIGIN) and short_notice(ORIGIN) in repr(curve)
    assert read_origin(next(nets.glob("*/pain_iter_10.caffemodel"))) == ORIGIN


def test_a_notebook_shows_a_picture(curve):
    picture = np.asarray(Image.open(io.BytesIO(curve._repr_png_())))
    assert picture.shape[1] > 600 and picture[..., :3].std() > 10


def test_what_cannot_be_rated(visit, nets, tmp_path):
    with pytest.raises(pain.Problem, match="no such file"):
        pain.rate_video(tmp_path / "none.mp4", nets)
    with pytest.raises(pain.Problem, match="no caffemodel here"):
        pain.rate_video(visit, tmp_path)
    with pytest.raises(pain.Problem, match="min_face 0, gap 10: out of range, which is 0.02..1 and 0..1000"):
        pain.rate_video(visit, nets, min_face=0)
    with pytest.raises(pain.Problem, match="no such curve"):
        pain.read_curve(tmp_path)
    with pytest.raises(pain.Problem, match="take gaussian or median"):
        pain.Curve({}, []).smoothed("mean", 1)


def test_a_damaged_video_gives_what_could_be_read(visit, nets, tmp_path):
    images = [image for image, _ in itertools.islice(sample.draw(frames=100), 100)]
    whole = write(tmp_path / "whole.mp4", images, movflags="faststart")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:whole.stat().st_size // 3])
    with pytest.warns(UserWarning, match="damaged: .*; the curve is of what could be read"):
        rated = pain.rate_video(cut, nets)
    assert 0 < len(rated) < 100


def test_a_curve_can_be_read_without_what_makes_it(curve, tmp_path):
    """Without av, matplotlib and Caffe."""
    pytest.importorskip("matplotlib")
    curve.save(tmp_path)
    script = "import pain\ncurve = pain.read_curve(%r)\nprint(len(curve), curve.summary()['frames'])\n" % str(tmp_path)
    script += "try:\n    curve.plot()\nexcept ImportError as error:\n    print(error)"
    done = run_bare(script, SKIMAGE)
    assert done.stdout.splitlines() == [
        "%d %d" % (FRAMES, FRAMES),
        "plot: needs the package matplotlib, which is not here; install it with `pip install matplotlib`"], done.stderr
