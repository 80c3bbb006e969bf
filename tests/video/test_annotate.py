"""pain.video.annotate: the video decoded again: size, frames, times, and the boxes and curves where they should be."""
import numpy as np
import pytest
from PIL import ImageDraw

from pain.errors import Problem
from pain.notice import short_notice
from pain.plots import color_of
from pain.provenance import KINDS, Data, Origin
from pain.video import encoder
from pain.video.annotate import SECONDS, Annotator
from pain.video.curve import FOUND, INTERPOLATED, Row, no_face

try:
    import av
    from matplotlib import colors
except (ImportError, OSError) as error:
    pytest.skip("the libraries of videos or pictures are not here: %s" % error, allow_module_level=True)

BACKGROUND = 90, 140, 60
POINTS = np.array([(60., 60.), (100, 60), (80, 80), (65, 100), (95, 100)])
BOX = np.array([40., 30, 80, 100])


def row(time, intensity, person=1, box=BOX, doubt="", points=POINTS):
    return Row(0, time, time, person, FOUND if box is not None else INTERPOLATED, box, 0.9, points, doubt, intensity)


def image(height=240, width=320):
    return np.full((height, width, 3), BACKGROUND, np.uint8)


def decoded(path):
    """The video's frames, (N, height, width, 3) uint8, their times in seconds, and its stream's codec."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        return (np.array([frame.to_ndarray(format="rgb24") for frame in frames]),
                [float(frame.pts * frame.time_base) for frame in frames], stream.codec_context)


def is_color(pixels, color):
    """Whether pixels, (..., 3), are nearer to a color than to the others there are: the codec halves the chroma."""
    palette = [BACKGROUND, (255, 255, 255), (0, 0, 0), (102, 102, 102)] + [
        np.round(255 * np.array(colors.to_rgb(color_of(person)))) for person in (1, 2)]
    distance = [np.square(pixels.astype(int) - one).sum(axis=-1) for one in palette]
    return np.argmin(distance, axis=0) == 4 + [color_of(1), color_of(2)].index(color)


def is_background(pixels, most=40):
    return np.abs(pixels.astype(int) - BACKGROUND).max(axis=-1) <= most


def written(path, frames, width=320, height=240):
    """Write (image, time, rows) triples, and return what decoded() gives."""
    with Annotator(path, width, height, 25) as annotator:
        for frame in frames:
            annotator.add(*frame)
    return decoded(path)


def test_what_comes_back(tmp_path):
    times = np.cumsum([0, 0.04, 0.04, 0.2, 0.013, 1.5, 0.04, 0.04])  # the frame rate is what it is
    frames, back, codec = written(tmp_path / "new" / "a.mp4", [(image(), t, [row(t, 2.5)]) for t in times])
    assert back == pytest.approx(times.tolist(), abs=2e-5) and len(frames) == len(times)
    assert frames.shape[2] == 320 and 240 < frames.shape[1] < 330
    assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
    assert is_background(frames[:, 150:230, 200:310], 5).all()  # the colours are what they were
    text = (tmp_path / "new" / "a.mp4").read_bytes()
    assert text.index(b"moov") < text.index(b"mdat")  # it plays while it loads
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.mp4"]


def test_box_and_landmarks_are_where_they_should_be(tmp_path):
    frames, _, _ = written(tmp_path / "a.mp4", [(image(), i / 25, [row(i / 25, 2.5)]) for i in range(5)])
    for frame in frames:
        red = is_color(frame, color_of(1))
        assert red[30:131, 40].all() and red[30:131, 120].all() and red[130, 40:121].all()  # the box's edges
        assert all(red[int(y), int(x)] for x, y in POINTS)
        assert not red[:240, 125:].any() and not red[134:240].any() and not red[34:55, 45:115].any()
        tag = frame[8:26, 42:58]
        assert is_color(tag, color_of(1)).mean() > 0.2 and (tag > 200).all(axis=-1).any()  # white on it: the number
        assert is_background(frame[140:230, 130:]).all()
        assert is_background(frame[32:54, 46:114]).mean() > 0.9  # what the box is around


def test_the_number_is_of_the_frame(tmp_path):
    numbers = [1.1, 4.8, 1.1]
    frames, _, _ = written(tmp_path / "a.mp4", [(image(), i / 25, [row(i / 25, n)]) for i, n in enumerate(numbers)])
    tags = frames[:, 5:28, 38:80].astype(int)
    assert np.abs(tags[0] - tags[1]).max() > 100 > 60 > np.abs(tags[0] - tags[2]).max()


def test_the_running_curve(tmp_path):
    values = np.where(np.arange(60) < 30, 0.5, 4.5)
    values[40:45] = np.nan
    frames, _, _ = written(tmp_path / "a.mp4", [(image(), i / 5, [row(i / 5, v, doubt="dark" if np.isnan(v) else "")])
                                                for i, v in enumerate(values)])
    strip = frames[-1, 240:, :, 0] > frames[-1, 240:, :, 1] + 30.  # reddish
    heights = [np.flatnonzero(column).mean() if column.any() else np.nan for column in strip.T]
    right = np.flatnonzero(~np.isnan(heights)).max() - 3  # now, at 11.8 s, and the dot around it
    second = (np.flatnonzero(~np.isnan(heights)).max() - np.flatnonzero(~np.isnan(heights)).min()) / SECONDS
    past = {s: heights[int(right - s * second)] for s in (9, 7, 4.5, 3.4, 1)}
    assert past[9] == pytest.approx(past[7], abs=1) and past[4.5] == pytest.approx(past[1], abs=1)
    assert past[9] - past[1] > 0.3 * strip.shape[0]  # 4 of 5, upwards
    assert np.isnan(past[3.4])  # 40..44 are 8.0..8.8 s: 3.8..3.0 s ago
    assert (frames[0, 240:] > 200).mean() > 0.8  # dark on white


def test_the_strips_line_breaks_in_a_pause(tmp_path):
    with Annotator(tmp_path / "a.mp4", 320, 240, 25) as annotator:
        for time in [0.1 * i for i in range(10)] + [4 + 0.1 * i for i in range(10)]:
            annotator.add(image(), time, [row(time, 2.)])
        assert [len(run) for run in annotator.strip.runs(1, 5.)] == [10, 10]


def test_people_doubts_and_no_face(tmp_path):
    other, far = BOX + [150, 60, 0, 0], POINTS + [150, 60]
    frames, _, _ = written(tmp_path / "a.mp4", [
        (image(), 0., [row(0., 1.), row(0., 2., 2, other, points=far)]), (image(), 1., [no_face(1, 1., 0)]),
        (image(), 2., []), (image(), 3., [row(3., np.nan, doubt="turned")]), (image(), 4., [row(4., 2., box=None)]),
        (image(), 5., [no_face(5, 5., 1), row(5., 2., 2, other, points=far)])])
    two, nobody, empty, doubt, guessed, one = frames[:, :240]
    assert is_color(two[30:131, 40], color_of(1)).all() and is_color(two[90:191, 190], color_of(2)).all()
    assert not is_background(nobody[4:16, 4:40]).all() and is_background(nobody[40:]).all()  # it says so, in the corner
    assert np.abs(nobody.astype(int) - empty).max() < 40
    assert np.abs(doubt[5:28, 38:90].astype(int) - one[5:28, 38:90]).max() > 100
    assert not is_color(guessed[30:131, 40], color_of(1)).any()  # no box, but landmarks
    assert all(is_color(guessed[int(y), int(x)], color_of(1)) for x, y in POINTS)
    assert not is_color(one[:, :180], color_of(1)).any() and is_color(one[90:191, 190], color_of(2)).all()


@pytest.mark.parametrize("width, height", [(321, 241), (320, 241), (321, 240), (33, 17), (2, 2)])
def test_odd_sizes_are_padded(tmp_path, width, height):
    frames, _, codec = written(tmp_path / "a.mp4", [(image(height, width), 0., [])], width, height)
    assert codec.width == width + width % 2 and codec.height % 2 == 0 and codec.height > height
    assert is_background(frames[0, height - 1, width - 1]) or min(width, height) < 40


def test_frames_of_another_size_are_fitted_into_the_first(tmp_path):
    frames, _, _ = written(tmp_path / "a.mp4", [(image(), 0., []), (image(480, 320), 0.1, [
        row(0.1, 1., box=2 * BOX, points=2 * POINTS)]), (image(), 0.2, [row(0.2, 1.)])])
    fitted = frames[1, :240]  # 160 wide, in the middle
    assert (fitted[100:200, :78] < 30).all() and (fitted[100:200, 242:] < 30).all()
    assert is_background(fitted[150:235, 85:235]).all()
    assert is_color(fitted[40:125, 120], color_of(1)).all()  # 80 + 2 * 40 / 2
    assert is_color(frames[2, 40:125, 40], color_of(1)).all()


def test_times_that_do_not_rise_are_put_in_order(tmp_path):
    _, times, _ = written(tmp_path / "a.mp4", [(image(), t, []) for t in (0., 0.1, 0.1, 0.05, 0.2)])
    assert len(times) == 5 and (np.diff(times) > 0).all() and times == pytest.approx([0, .1, .1, .1, .2], abs=1e-3)


def test_a_pause_of_days_is_shortened(tmp_path):
    frames = [(image(32, 32), 5e8 + t, []) for t in (0, 0.04, *1e6 * np.arange(1, 31), 3e7 + 0.04)]
    _, times, _ = written(tmp_path / "a.mp4", frames, 32, 32)
    assert np.diff(times) == pytest.approx([0.04] + 30 * [2000] + [0.04], abs=1e-3) and times[0] == 5e8


def test_a_slow_time_lapse(tmp_path):
    with Annotator(tmp_path / "a.mp4", 32, 32, 1e-4) as annotator:
        annotator.add(image(32, 32), 0, [])
    assert len(decoded(tmp_path / "a.mp4")[0]) == 1


def test_large_frames_are_made_smaller(tmp_path):
    frames, _, codec = written(tmp_path / "a.mp4", [(image(3000, 6000), 0., [
        row(0., 1., box=20 * BOX, points=20 * POINTS)])], 6000, 3000)
    assert codec.width == 4072 and 2036 < codec.height < 2500
    scale = 4072 / 6000
    assert is_color(frames[0, int(620 * scale):int(2580 * scale), int(800 * scale) - 1], color_of(1)).all()


@pytest.mark.parametrize("codec", ["libopenh264", "mpeg4"])
def test_other_encoders(tmp_path, monkeypatch, codec):
    monkeypatch.setattr(encoder, "CODECS", {"no such codec": {}, codec: encoder.CODECS[codec]})
    try:
        assert encoder.encoder() == codec
    except Problem as problem:
        assert "encodes none of no such codec, %s here" % codec in str(problem) and codec != "mpeg4"
        pytest.skip("FFmpeg has no %s here" % codec)
    frames, times, _ = written(tmp_path / "a.mp4", [(image(), t, [row(t, 1.)]) for t in (0., 0.1, 0.5)])
    assert times == pytest.approx([0, 0.1, 0.5], abs=1e-3)
    assert is_color(frames[-1, 40:120, 40], color_of(1)).mean() > 0.9


def test_whole_or_not_there(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        with Annotator(tmp_path / "a.mp4", 320, 240, 25) as annotator:
            annotator.add(image(), 0., [])
            raise ZeroDivisionError
    annotator = Annotator(tmp_path / "a.mp4", 320, 240, 25)
    annotator.add(image(), 0., [])
    annotator.discard()
    with pytest.raises(Problem, match="a.mp4: a video of no frames"):
        Annotator(tmp_path / "a.mp4", 320, 240, 25).close()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.mp4", b"old")]
    annotator = Annotator(tmp_path / "a.mp4", 320, 240, 25)
    annotator.add(image(), 0., [])
    annotator.close()
    annotator.discard()
    assert len(decoded(tmp_path / "a.mp4")[0]) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_strip_says_what_the_nets_learned_from(tmp_path, monkeypatch, kind):
    texts, write = [], ImageDraw.ImageDraw.text
    monkeypatch.setattr(ImageDraw.ImageDraw, "text",
                        lambda pen, place, text, *more: texts.append(text) or write(pen, place, text, *more))
    Annotator(tmp_path / "a.mp4", 320, 240, 25, Origin(Data(kind))).discard()
    assert short_notice(Origin(Data(kind))) in texts
    Annotator(tmp_path / "a.mp4", 320, 240, 25).discard()
    assert texts[-1] == short_notice(Origin())  # unless told otherwise, unknown


def test_no_more_is_kept_than_is_shown(tmp_path):
    with Annotator(tmp_path / "a.mp4", 32, 32, 25) as annotator:
        for i in range(600):
            annotator.add(image(32, 32), i / 20, [])
        assert len(annotator.strip.history) <= 20 * SECONDS + 1
