"""Features against their definitions, the projection against scikit-learn, the cache, and where landmarks lie."""
import numpy as np
import pytest
import scipy.ndimage
import skimage.feature
import skimage.filters
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler

from pain.baselines import features
from pain.baselines.projection import Projection
from pain.errors import Problem
from pain.faces.alignment import LANDMARKS, TEMPLATE

GREY = scipy.ndimage.gaussian_filter(np.random.RandomState(0).uniform(size=(112, 96)), 1)
GREY = (GREY - GREY.min()) / np.ptp(GREY)
ROWS = np.array_split(np.arange(112), 5)
COLUMNS = np.array_split(np.arange(96), 5)


def changes(code):
    """How often the bits of a pattern of 8 change, going round."""
    bits = [code >> i & 1 for i in range(8)]
    return sum(a != b for a, b in zip(bits, bits[1:] + bits[:1]))


def test_lbp_counts_uniform_patterns_a_patch():
    codes = skimage.feature.local_binary_pattern(np.round(255 * GREY).astype(np.uint8), 8, 1).astype(int)
    counted = features.lbp(GREY).reshape(5, 5, 59)
    uniform = [code for code in range(256) if changes(code) <= 2]
    assert len(uniform) == 58
    for i, rows in enumerate(ROWS):
        for j, columns in enumerate(COLUMNS):
            shares = np.bincount(codes[np.ix_(rows, columns)].ravel(), minlength=256) / (len(rows) * len(columns))
            assert counted[i, j, -1] == pytest.approx(1 - shares[uniform].sum(), abs=1e-6)
            np.testing.assert_allclose(np.sort(counted[i, j, :-1]), np.sort(shares[uniform]), atol=1e-6)


def test_gabor_is_the_filters_mean_magnitude_a_patch():
    responses = features.gabor(GREY).reshape(40, 5, 5)
    for scale, turn in ((0, 0), (2, 3), (4, 7)):
        kernel = skimage.filters.gabor_kernel(1 / (4 * 2 ** (scale / 2)), np.pi * turn / 8)
        kernel = kernel - kernel.mean()
        filtered = np.hypot(*(scipy.ndimage.convolve(GREY, part, mode="constant")
                              for part in (kernel.real, kernel.imag)))
        expected = [[filtered[np.ix_(rows, columns)].mean() for columns in COLUMNS] for rows in ROWS]
        np.testing.assert_allclose(responses[8 * scale + turn], expected, atol=1e-5)


def test_gabor_finds_stripes_by_direction_and_width():
    stripes = 0.5 + 0.5 * np.cos(2 * np.pi * np.arange(96) / 8) * np.ones((112, 1))
    for image, turn in ((stripes, 0), (np.rot90(np.pad(stripes, ((0, 0), (8, 8)), "wrap"))[:, 8:-8], 4)):
        middle = features.gabor(image).reshape(5, 8, 5, 5)[:, :, 2, 2]
        assert np.unravel_index(middle.argmax(), middle.shape) == (2, turn)


def test_all_kinds_have_their_sizes():
    face = np.repeat((255 * GREY).astype(np.uint8)[:, :, None], 3, axis=2)
    made = features.features(face, TEMPLATE)
    assert {kind: len(values) for kind, values in made.items()} == {"landmarks": 10, "lbp": 1475, "gabor": 1000}
    assert all(values.dtype == np.float32 and np.isfinite(values).all() for values in made.values())


def row(points, frame="f1"):
    """A row of frames.csv."""
    return dict({"subject": "s", "video": "v", "frame": frame},
                **{name + axis: "%.6f" % value for name, point in zip(LANDMARKS, points)
                   for axis, value in zip(("_x", "_y"), point)})


def test_landmarks_go_where_the_face_was_aligned_to():
    turn = 1.7 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    in_frame = TEMPLATE @ turn.T + [40, -7]
    np.testing.assert_allclose(features.aligned_points(row(in_frame)), TEMPLATE, atol=1e-4)
    others = np.array([[10.0, 20.0], [48.0, 56.0]])
    np.testing.assert_allclose(features.aligned_points(row(in_frame), others @ turn.T + [40, -7]), others, atol=1e-4)


def test_the_archives_landmarks_are_read_or_refused_in_one_line(tmp_path):
    path = tmp_path / "AAM_landmarks" / "s" / "v" / "f1_aam.txt"
    with pytest.raises(Problem, match="f1_aam.txt: no such label file"):
        features.read_aam(tmp_path, "s", "v", "f1")
    path.parent.mkdir(parents=True)
    points = np.random.RandomState(0).uniform(0, 300, (66, 2))
    np.savetxt(str(path), points, fmt="   %.7e")
    np.testing.assert_allclose(features.read_aam(tmp_path, "s", "v", "f1"), points, rtol=1e-6)
    for text in "1 2\n", "1 x\n" * 66, "1 2 3\n" * 66, "nan 2\n" * 66, "1 2\n1\n" * 33:
        path.write_text(text)
        with pytest.raises(Problem, match="f1_aam.txt: not 66 landmarks, x and y in a row each"):
            features.read_aam(tmp_path, "s", "v", "f1")


@pytest.fixture
def video(tmp_path):
    """The rows of a video of three aligned frames below tmp_path/aligned."""
    folder = tmp_path / "aligned" / "s" / "v"
    folder.mkdir(parents=True)
    for i in range(3):
        Image.fromarray(np.random.RandomState(i).randint(0, 256, (112, 96, 3)).astype(np.uint8)).save(
            str(folder / ("f%d.png" % i)))
    return [row(TEMPLATE + i, "f%d" % i) for i in range(3)]


def test_the_same_frames_are_made_once(tmp_path, video, monkeypatch):
    first = features.video_features(tmp_path / "aligned", video, tmp_path / "cache")
    assert {kind: values.shape for kind, values in first.items()} == {
        "landmarks": (3, 10), "lbp": (3, 1475), "gabor": (3, 1000)}
    face = features.read_face(tmp_path / "aligned" / "s" / "v" / "f2.png")
    for kind, values in features.features(face, TEMPLATE).items():
        np.testing.assert_allclose(first[kind][2], values, atol=1e-3)
    monkeypatch.setattr(features, "features", None)
    again = features.video_features(tmp_path / "aligned", video, tmp_path / "cache")
    assert all(np.array_equal(again[kind], first[kind]) for kind in first)


@pytest.mark.parametrize("change", ["face", "landmarks", "frames", "version"])
def test_other_content_is_made_anew(tmp_path, video, monkeypatch, change):
    features.video_features(tmp_path / "aligned", video, tmp_path / "cache")
    if change == "face":
        Image.fromarray(np.zeros((112, 96, 3), np.uint8)).save(str(tmp_path / "aligned" / "s" / "v" / "f1.png"))
    elif change == "landmarks":
        video[1]["nose_x"] = "50.5"
    elif change == "frames":
        video = video[:2]
    else:
        monkeypatch.setattr(features, "VERSION", features.VERSION + 1)
    made = []
    original = features.features
    monkeypatch.setattr(features, "features", lambda *given: made.append(1) or original(*given))
    features.video_features(tmp_path / "aligned", video, tmp_path / "cache")
    assert len(made) == len(video) and len(list((tmp_path / "cache").rglob("*.npz"))) == 2


def test_a_damaged_face_gets_one_line_and_caches_nothing(tmp_path, video):
    path = tmp_path / "aligned" / "s" / "v" / "f1.png"
    Image.new("RGB", (10, 10)).save(str(path))
    with pytest.raises(Problem, match="f1.png: not a colour image of 112 x 96; remove it and run `make align`"):
        features.video_features(tmp_path / "aligned", video, tmp_path / "cache")
    path.write_bytes(b"")
    with pytest.raises(Problem, match="f1.png: unreadable"):
        features.video_features(tmp_path / "aligned", video, tmp_path / "cache")
    assert not list(tmp_path.glob("cache/**/*.npz"))


def mixed(frames, n, seed):
    """(frames, n) float32 of which a few directions have most of the variance."""
    random = np.random.RandomState(seed)
    return (random.normal(size=(frames, n)) * 0.7 ** np.arange(n) @ random.normal(size=(n, n)) + 3).astype(np.float32)


def test_the_projection_is_pca_a_kind_and_then_0_to_1():
    train = {"a": mixed(60, 12, 0), "b": mixed(60, 20, 1), "constant": np.full((60, 4), 0.1, np.float32)}
    test = {"a": mixed(9, 12, 2), "b": mixed(9, 20, 3), "constant": np.full((9, 4), 0.1, np.float32)}
    projection = Projection().fit([{kind: values[some] for kind, values in train.items()}
                                   for some in (slice(0, 13), slice(13, 14), slice(14, 60))])
    ours, ours_test = projection.transform(train), projection.transform(test)
    theirs, theirs_test = [], []
    for kind in "a", "b":
        pca = PCA(0.95, svd_solver="full").fit(train[kind].astype(float))
        assert projection.components_[kind].shape[1] == pca.n_components_ < train[kind].shape[1]
        sign = np.sign(np.sum(pca.components_.T * projection.components_[kind], axis=0))
        theirs.append(pca.transform(train[kind]) * sign)
        theirs_test.append(pca.transform(test[kind]) * sign)
    scaler = MinMaxScaler().fit(np.hstack(theirs))
    np.testing.assert_allclose(ours, scaler.transform(np.hstack(theirs)), atol=1e-5)
    np.testing.assert_allclose(ours_test, scaler.transform(np.hstack(theirs_test)), atol=1e-5)
    assert ours.min() == 0 and ours.max() == 1 and (ours_test.min() < 0 or ours_test.max() > 1)


def test_frames_that_are_all_the_same_get_one_line():
    with pytest.raises(Problem, match="^features: all training frames are the same"):
        Projection().fit([{"a": np.full((5, 3), 0.1, np.float32), "b": np.zeros((5, 2))}])
