"""tools/plot_curve.py: the picture holds both curves, the right video is found, and what a user can get wrong."""
import numpy as np
import pytest

import plot_curve
from pain import plots
from pain.evaluation import frames, paper_figure, results
from pain.evaluation.origins import origin_lines, origin_warning
from pain.provenance import SYNTHETIC, Data, Origin, write_origin
from support.predictions import AUTHORS, refuses, write, write_mat
from support.project import assert_one_line_error, needs_shared, run_tool

try:
    from matplotlib import image
except (ImportError, OSError) as error:  # OSError: Debian's, unpacked elsewhere, does not find its own data
    pytest.skip("matplotlib does not start: %s" % error, allow_module_level=True)

# Video w varies most. Its frames stand in the file in another order, and end in numbers.
ROWS = ([("b-b", "v", "v%03d" % i, int(i > 20), 0.5) for i in range(30)]
        + [("a_$a$^", "w", "w%d" % i, i % 6, 5 - i % 6) for i in reversed(range(95, 105))]
        + [("a_$a$^", "v", "first", 3, 2.5), ("a_$a$^", "v", "last", 3, 3)])


def tool(*arguments):
    return run_tool("plot_curve.py", *arguments)


@pytest.fixture
def result(tmp_path):
    return write(tmp_path / "smooth_l1" / "predictions.csv", ROWS)


def coloured(picture, color):
    """The share of a picture's pixels, (rows, columns, 3 or 4) of 0..1, that are about of this #rrggbb."""
    rgb = [int(color[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    return (np.abs(picture[..., :3] - rgb).max(axis=-1) < 0.1).mean()


def test_picture(result, tmp_path):
    out = tmp_path / "new" / "curve.png"
    done = tool(result, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert "a_$a$^/w, 10 frames, the video whose labels vary most" in done.stdout
    picture = image.imread(str(out))
    assert picture.shape[1] > 1000 and picture.shape[0] > 400 and coloured(picture, "#ffffff") < 0.99
    assert coloured(picture, plots.BLUE) > 0.002 and coloured(picture, plots.STYLES[0][0]) > 0.002
    assert [path.name for path in out.parent.iterdir()] == ["curve.png"]


def test_what_synthetic_nets_predict_is_said_to_be(result, tmp_path):
    bare = results.read_result(result)
    assert origin_warning([bare]) == "" and origin_lines([bare]) == []
    write_origin(result, Origin(Data(SYNTHETIC), "mse", 400))
    axes, = paper_figure.draw_paper_figure(["mse"], [paper_figure.find_video(bare)], note=origin_warning([bare])).axes
    assert [text.get_text() for text in axes.texts] == ["synthetic net: means nothing for real faces"]
    done = tool(result, "--out", tmp_path / "curve.png")
    assert "nets of smooth l1: mse, 400 iterations; learned from synthetic faces, drawn by a program\n" in done.stdout


def test_what_is_drawn(result):
    video = paper_figure.find_video(results.read_result(result))
    assert video.frames.tolist() == list(range(95, 105)) and video.label.tolist() == [i % 6 for i in range(95, 105)]
    other = video._replace(prediction=video.label + 0.5)
    axes, = paper_figure.draw_paper_figure(["smooth l1", "b"], [video, other]).axes
    truth, first, second = axes.get_lines()
    assert truth.get_color() == plots.BLUE and truth.get_marker() == "o" and first.get_marker() == "None"
    assert truth.get_ydata().tolist() == video.label.tolist() and first.get_xdata().tolist() == video.frames.tolist()
    assert first.get_ydata().tolist() == video.prediction.tolist() and first.get_color() != second.get_color()
    assert [text.get_text() for text in axes.get_legend().get_texts()][::2] == [
        "ground truth", "b (MAE 0.500, PCC 1.000)"]
    axes, = paper_figure.draw_paper_figure(["smooth l1"], [video]).axes
    assert axes.get_title() == r"subject a_\$a\$^, video w: MAE 3.200, PCC -1.000"
    assert axes.get_ylim()[0] < 0 and axes.get_ylim()[1] > 5
    axes, = paper_figure.draw_paper_figure(["smooth l1"], [video._replace(prediction=0 * video.prediction)]).axes
    assert "PCC undefined" in axes.get_title()


@pytest.mark.parametrize("subject, video, found", [
    ("b-b", None, "b-b/v"), ("1", None, "b-b/v"), ("2", "1", "a_$a$^/w"), ("a_$a$^", None, "a_$a$^/w"),
    ("b-b", "v", "b-b/v"), (None, "w", "a_$a$^/w"), (None, "2/v", "a_$a$^/v"), (None, "a_$a$^/w", "a_$a$^/w")])
def test_find_video(result, subject, video, found):
    assert frames.full_name(paper_figure.find_video(results.read_result(result), subject, video)) == found


def test_frames_without_numbers_go_by_position(result):
    assert paper_figure.find_video(results.read_result(result), "2", "v").frames.tolist() == [1, 2]


def test_mat_and_csv_together(result, tmp_path):
    of_video = [[row for row in ROWS if row[:2] == name] for name in (("b-b", "v"), ("a_$a$^", "w"), ("a_$a$^", "v"))]
    labels, predictions = ([np.array([row[column] for row in rows], float) for rows in of_video] for column in (3, 4))
    labels[1], predictions[1] = labels[1][::-1], predictions[1][::-1]  # in order
    mat = write_mat(tmp_path / "x.mat", [labels[0], np.concatenate(labels[1:])],
                    [predictions[0], np.concatenate(predictions[1:])], [np.array([30]), np.array([10, 2])])
    done = tool(result, mat, "--video", "2/1", "--out", tmp_path / "both.png")
    assert (done.returncode, done.stderr) == (0, "") and (tmp_path / "both.png").exists()
    (tmp_path / "video_index.mat").unlink()
    assert "no such file" in refuses(mat, "--video", "2/1", "--out", "x.png", main=plot_curve.main)


@needs_shared
def test_authors_video_that_varies_most(tmp_path):
    done = tool(AUTHORS, "--out", tmp_path / "curve.png")
    assert done.returncode == 0 and done.stderr == "" and "19/3, 285 frames" in done.stdout


@pytest.mark.parametrize("arguments, words", [
    (["--video", "nobody/v"], "no video nobody/v; give --video b-b/v or a_$a$^/w or a_$a$^/v"),
    (["--video", "v"], "more than one video v; give --video b-b/v or a_$a$^/v"),
    (["--subject", "3"], "no video 3;"), (["other.csv"], "other.csv: other labels"), (["none.csv"], "no such file"),
    (["--out", "curve.gif"], "end --out in .png")])
def test_refusals(result, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "other.csv", [(*row[:3], 0, 1.5) for row in ROWS])
    assert words in refuses("--out", "curve.png", result, *arguments, main=plot_curve.main)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.csv", "smooth_l1"]


def test_refusal_of_the_program(result):
    assert_one_line_error(tool(result, "--video", "nobody", "--out", "x.png"), "plot_curve.py: ", "no video nobody")
