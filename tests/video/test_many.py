"""Many videos at a time: which are meant, what their curves are called, and that each is whole, once and as alone."""
import json
import os
import pickle
import sys
from unittest import mock

import numpy as np
import pytest
import skimage.io

import predict_video
from pain.errors import Problem, Unfinished
from pain.faces.alignment import TEMPLATE
from pain.faces.detector import Face
from pain.files import remove
from pain.pieces.where import Here
from pain.provenance import NOT_KNOWN
from pain.video import curve_folder, video_piece
from pain.video.curve_folder import about_curve, finish_curve, finished_with, record_curve
from pain.video.estimator import Estimator
from pain.video.many import ManyVideos, Options, Outcome, damage_of
from pain.video.named_videos import NamedVideo, find_videos, is_single
from pain.video.smoothing import Filter
from pain.video.source import open_video
from pain.video.video_piece import VideoCurve, pieces_of
from support.videos import write

FRAMES = 20
LOADING = dict(models=[], gpu=None, calibration=None)
CLIPS = "sub-01_task-arm.mkv", "sub-01_task-l\u00e9g 2.mkv", "deep/sub-02_task-arm.mkv", "other/arm.mkv"


# Which are meant, and what they are called.

def meant(*sources, **options):
    return {video.name: video.path for video in find_videos(sources, **options).videos}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A way to fill a folder, in which the test then is."""
    monkeypatch.chdir(tmp_path)

    def fill(*names):
        for name in names:
            os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
            with open(name, "w") as file:
                file.write(name)
    return fill


@pytest.mark.parametrize("files, sources, expected", [
    (["v/Zo\u00eb 3.MP4", "v/sub-01/a.mov", "v/notes.txt", "v/.hidden.mp4", "v/sub-01/poster.jpg"], ["v"],
     {"Zo\u00eb 3": "v/Zo\u00eb 3.MP4", "sub-01/a": "v/sub-01/a.mov"}),
    (["1/a.mp4", "2/a.mp4", "2/b.mp4"], ["1/a.mp4", "2/a.mp4", "2/b.mp4"],
     {"1/a": "1/a.mp4", "2/a": "2/a.mp4", "b": "2/b.mp4"}),
    (["a.mp4", "a.mov", "a/1.png"], ["a.mp4", "a.mov", "a"], {"a.mp4": "a.mp4", "a.mov": "a.mov", "a": "a"}),
    (["1/a.mp4", "1/a.mov", "2/a.mp4"], ["1/a.mp4", "1/a.mov", "2/a.mp4"],
     {"1/a.mp4": "1/a.mp4", "1/a.mov": "1/a.mov", "2/a": "2/a.mp4"}),
    (["x/1/a.mp4", "y/1/a.mp4"], ["x/1/a.mp4", "y/1/a.mp4"], {"x/1/a": "x/1/a.mp4", "y/1/a": "y/1/a.mp4"}),
    (["v2.mp4", "v10.mp4", "v.txt", "v[1].mp4"], ["v[0-9]*.mp4", "v[1].mp4"],
     {"v2": "v2.mp4", "v10": "v10.mp4", "v[1]": "v[1].mp4"}),
    (["s/1/01.png", "s/1/02.png", "s/2/01.png"], ["s"], {"1": "s/1", "2": "s/2"}),  # folders of images
    (["s/01.png", "s/02.png"], ["s", "s/"], {"s": "s"}),
    (["v/a.mp4", "v/out/a/curve.csv", "v/out/a/annotated.mp4", "v/out/a/curve.png"], ["v"], {"a": "v/a.mp4"}),
    (["a.mp4"], ["a.mp4", "./a.mp4", "*.mp4", "."], {"a": "a.mp4"}), ([".a.mp4"], [".a.mp4"], {"a": ".a.mp4"})])
def test_names(tree, files, sources, expected):
    tree(*files)
    assert meant(*sources) == expected


def test_names_that_some_systems_take_for_the_same(tree):
    tree("a.mp4", "other.mp4")
    os.rename("other.mp4", "A.mp4")
    if not os.path.exists("a.mp4") or len(os.listdir(".")) < 2:
        pytest.skip("this system does, too")
    assert len({name.casefold() for name in meant("a.mp4", "A.mp4")}) == 2


def test_lists_links_and_what_is_not_there(tree, tmp_path):
    tree("v/a.mp4", "v/b c.mp4", "empty/notes.txt")
    os.symlink("a.mp4", "v/again.mp4")
    os.symlink("gone.mp4", "v/lost.mp4")
    (tmp_path / "list.txt").write_bytes("\ufeff# of mine\r\nv/b c.mp4\r\n\r\nnone.mp4\r\nv\r\n".encode("utf-16-le"))
    for found in find_videos(["@list.txt"]), find_videos([], ["list.txt"]):
        assert {video.name: video.path for video in found.videos} == {
            "b c": "v/b c.mp4", "a": "v/a.mp4", "lost": "v/lost.mp4"}
        assert found.wrong == {"none.mp4": "none.mp4: no such file"}
    assert find_videos(["empty", "x*.mp4", "-", "0"]).wrong == {
        "empty": "empty: neither videos nor images in this folder", "x*.mp4": "x*.mp4: no such file",
        **{name: name + ": no file; what is no file is rated alone" for name in "-0"}}
    for name, text in ("no.txt", None), ("void.txt", "# nothing\n"):
        if text:
            (tmp_path / name).write_text(text)
        with pytest.raises(Problem, match=name):
            find_videos(["@" + name])


def test_what_is_rated_alone_as_ever(tree):
    tree("a.mp4", "[b].mp4", "@c.mp4", "images/1.png", "videos/a.mp4", "mixed/1.png", "mixed/a.mp4", "void/x.txt")
    alone = "a.mp4", "[b].mp4", "@c.mp4", "images", "void", "-", "0", "none.mp4", "rtsp://camera/1"
    assert all(map(is_single, alone))
    assert not any(map(is_single, ("videos", "mixed", "*.mp4", "@list.txt", ".")))


# The curves.

class Everywhere:
    """A detector that finds a face in every image."""

    min_face = 0.2

    def faces(self, images):
        return [[Face(np.array([8.25, 8, 80, 96]), 0.9, TEMPLATE)] for _ in images]


class Light:
    """Nets that say how light a face is, and a little of the others that they see with it."""

    models, origin, net_file = (), NOT_KNOWN, __file__

    def __call__(self, faces):
        light = faces.mean(axis=(1, 2, 3))[:, None] / 51
        return (light + 0.01 * light.mean()).clip(0, 5)


@pytest.fixture(scope="module", autouse=True)
def no_pictures():
    """Drawing is what takes longest."""
    with mock.patch.object(curve_folder, "save_figure", lambda figure, path, **_: path.write_bytes(b"drawn")), \
            mock.patch.object(curve_folder, "draw", lambda *_: None):
        yield


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Four clips of noise."""
    folder = tmp_path_factory.mktemp("clips")
    for seed, name in enumerate(CLIPS):
        noise = np.random.RandomState(seed)
        (folder / name).parent.mkdir(exist_ok=True)
        write(folder / name, [noise.randint(30 * (i % 5), 256, (112, 96, 3)).astype(np.uint8)
                              for i in range(FRAMES)], "ffv1", "bgr0")
    return folder


class StoppedAfter(Here):
    """Ctrl-C comes after so many frames."""

    def __init__(self, frames):
        super().__init__()
        self.frames = frames

    def work(self, pieces, update, failed):
        def counted(more):
            update(more)
            self.frames -= more
            if self.frames <= 0:
                raise KeyboardInterrupt
        super().work(pieces, counted, failed)


def many(out, *sources, where=None, **options):
    """Rate them. Returns the outcomes by name, of those that were whole already, too."""
    of, outcomes = ManyVideos(Estimator(Light(), Everywhere(), gap=0), out, Options((1, 2), **options)), {}
    videos = find_videos(sources).videos
    rate = of.outcome

    def noted(video, *arguments):
        outcomes[video.name] = rate(video, *arguments)
        return outcomes[video.name]
    of.outcome = noted
    with of.at_work():
        pieces, _ = pieces_of(of, videos, LOADING)
        failed = (where or Here()).try_all(pieces, "videos")
    assert {piece.name for piece in failed} == {name for name, outcome in outcomes.items() if outcome.wrong}
    for video in videos:
        outcomes.setdefault(video.name, Outcome(damage_of(out / video.name), as_it_was=True))
    return outcomes


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(clips, tmp_path_factory):
    """The curves of a run that nothing has disturbed."""
    out = tmp_path_factory.mktemp("made") / "curves"
    outcomes = many(out, str(clips))
    assert all("20 frames; faces: 20 found" in outcome.said[0] and not outcome.wrong for outcome in outcomes.values())
    return out


def test_each_is_as_alone(clips, made, tmp_path):
    of_all = contents(made)
    for name in CLIPS:
        alone = tmp_path / name
        estimator = Estimator(Light(), Everywhere(), gap=0)
        with open_video(clips / name) as video:
            about = about_curve(video, [], 0.2, 0, False, None, __file__)
            assert len(list(record_curve(estimator, video, alone, about))) == FRAMES
        finish_curve(alone, None, (1, 2), None, finished_with(None, ""))
        curve = name[:-len(".mkv")]
        assert {os.path.join(curve, path): content for path, content in contents(alone).items()} == {
            path: content for path, content in of_all.items() if path.startswith(curve + os.sep)}
    assert len(of_all) == 4 * len(CLIPS)


@pytest.mark.parametrize("frames", [1, 15, 30, 65])
def test_stopped_anywhere_it_goes_on_to_the_same_bytes(clips, made, tmp_path, frames):
    with pytest.raises(KeyboardInterrupt):
        many(tmp_path / "curves", str(clips), where=StoppedAfter(frames))
    whole = {path.parent for path in (tmp_path / "curves").rglob("curve.csv") if not path.parent.name.startswith(".")}
    assert all((folder / "curve.json").exists() for folder in whole) and len(whole) < len(CLIPS)
    again = many(tmp_path / "curves", str(clips))
    assert contents(tmp_path / "curves") == contents(made)
    assert sum(outcome.as_it_was for outcome in again.values()) == len(whole)
    assert sum(outcome.computed for outcome in again.values()) <= FRAMES * (len(CLIPS) - len(whole))


def test_a_bad_one_does_not_stop_the_rest(clips, made, tmp_path):
    (tmp_path / "broken.mkv").write_bytes((clips / CLIPS[0]).read_bytes()[:100])
    outcomes = many(tmp_path / "curves", str(tmp_path), str(clips), str(clips / CLIPS[0]))
    assert "broken.mkv: " in outcomes.pop("broken").wrong and len(outcomes) == len(CLIPS)
    assert contents(tmp_path / "curves") == contents(made)


def test_as_pieces_of_work_they_are_the_same(clips, made, tmp_path, monkeypatch):
    monkeypatch.setattr(video_piece, "load_estimator", lambda **_: Estimator(Light(), Everywhere(), gap=0))
    (tmp_path / "broken.mkv").write_bytes((clips / CLIPS[0]).read_bytes()[:100])
    of = ManyVideos(Estimator(Light(), Everywhere(), gap=0), tmp_path / "curves", Options((1, 2)))
    pieces, _ = pieces_of(of, find_videos([str(clips), str(tmp_path / "broken.mkv")]).videos, LOADING)
    assert sorted(piece.length for piece in pieces) == [1] + 4 * [FRAMES]
    said = []
    with pytest.raises(Unfinished, match="1 of 5 failed, see above; the others are done"):
        Here(say=said.append).see_through(pickle.loads(pickle.dumps(pieces)), "videos")
    assert contents(of.out) == contents(made) and sum("20 frames; faces: 20 found" in line for line in said) == 4


def test_how_far_a_curve_is_is_told_by_its_rows(clips, tmp_path):
    """As long as it goes on, it is not given up, however often its worker dies."""
    (video, *_), of = find_videos([str(clips)]).videos, ManyVideos(Estimator(Light(), Everywhere(), gap=0), tmp_path,
                                                                   Options((1, 2)))
    piece, done = VideoCurve(video, FRAMES, of, LOADING), []
    assert piece.done() == 0
    with pytest.raises(KeyboardInterrupt):
        StoppedAfter(12).work([piece], done.append, {})
    assert 10 <= piece.done() <= 12 == len(done)
    Here().work([piece], done.append, {})
    assert piece.done() == 0 and FRAMES <= sum(done) <= FRAMES + 2  # it is whole


def test_the_command_says_what_it_did(clips, made, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(predict_video, "load_estimator", lambda **_: Estimator(Light(), Everywhere(), gap=0))
    for already in 0, len(CLIPS):
        monkeypatch.setattr(sys, "argv", [
            "predict_video.py", str(clips), str(tmp_path / "none.mp4"), "--threshold", "2", "1", "--model",
            str(clips / CLIPS[0]), "--out", str(tmp_path / "curves")])
        with pytest.raises(SystemExit) as end:
            predict_video.main()
        said = capsys.readouterr()
        assert end.value.code == 1 and said.err.splitlines()[-2:] == [
            "%s: no such file" % (tmp_path / "none.mp4"), "predict_video.py: 1 of 5 videos could not be rated, or not "
            "whole"]
        assert "curves: %d videos rated" % (len(CLIPS) - already) in said.out
        assert "; %d left as they were" % already in said.out
        assert said.out.count("20 frames; faces: 20 found") == len(CLIPS) - already
    assert contents(tmp_path / "curves") == contents(made)


def test_only_what_has_changed_is_rated_again(clips, tmp_path):
    folder, out = tmp_path / "clips", tmp_path / "curves"
    folder.mkdir()
    for name in CLIPS[:2]:
        (folder / name).write_bytes((clips / name).read_bytes())
    one, two = (name[:-len(".mkv")] for name in CLIPS[:2])

    def computed(**options):
        outcomes = many(out, str(folder), **options)
        assert all(outcome.as_it_was != bool(outcome.said) for outcome in outcomes.values())
        return {name: outcome.computed for name, outcome in outcomes.items() if outcome.said}

    assert computed() == {one: FRAMES, two: FRAMES} and computed() == {}
    before = contents(out)
    (out / one / "notes.txt").write_text("mine")
    median = Filter("median", 0.2)
    again = {one: 2, two: 2}  # frames: what is rated stays, but for the end
    assert computed(smoothing=median) == again and computed(smoothing=median) == {}
    assert (out / one / "notes.txt").read_text() == "mine"
    assert json.loads((out / one / "curve.about.json").read_text())["smoothing"] == median._asdict()
    assert computed() == again and contents(out) == dict(before, **{os.path.join(one, "notes.txt"): b"mine"})
    content = bytearray((folder / CLIPS[0]).read_bytes())
    (folder / CLIPS[0]).write_bytes((clips / CLIPS[3]).read_bytes())
    assert computed() == {one: FRAMES}  # a video of that name
    (folder / CLIPS[0]).write_bytes(content)
    (out / one / "curve.json").unlink()
    assert computed() == {one: FRAMES} and computed(overwrite=True) == {one: FRAMES, two: FRAMES}
    remove(out / two)
    assert computed() == {two: FRAMES}
    assert contents(out) == dict(before, **{os.path.join(one, "notes.txt"): b"mine"})


def test_a_part_of_something_else_is_not_gone_on_with(clips, made, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        many(tmp_path / "curves", str(clips), where=StoppedAfter(30))
    partial = [path for path in (tmp_path / "curves").rglob("curve.csv") if path.parent.name.startswith(".")]
    assert partial
    for path in partial:
        path.write_bytes(path.read_bytes().replace(b"found", b"fxund"))
    many(tmp_path / "curves", str(clips))
    assert contents(tmp_path / "curves") == contents(made)


def test_what_is_wrong_with_a_video_is_said_every_time(tmp_path):
    folder = tmp_path / "visit"
    folder.mkdir()
    for i in range(3):
        skimage.io.imsave(str(folder / ("%d.png" % i)), np.full((112, 96, 3), 60 + 20 * i, np.uint8),
                          check_contrast=False)
    (folder / "1.png").write_bytes(b"no image")
    for as_it_was in False, True:
        outcome = many(tmp_path / "curves", str(folder))["visit"]
        assert outcome.as_it_was == as_it_was and "1 of 3 images could not be read (1.png); the curve" in outcome.wrong


def test_what_is_to_be_said_of_a_video_is_said(clips, tmp_path, monkeypatch):
    def noted(*arguments, **options):
        video = open_video(*arguments, **options)
        video.note = "it is HDR"
        return video

    monkeypatch.setattr("pain.video.many.open_video", noted)
    outcome, = many(tmp_path, str(clips / CLIPS[0])).values()
    assert outcome.said[0] == "it is HDR" and not outcome.wrong


def test_a_fault_of_ours_is_shown_and_does_not_stop_the_rest(clips, tmp_path, capsys):
    class Faulty(Light):
        def __call__(self, faces):
            raise ZeroDivisionError("of the test's")

    of = ManyVideos(Estimator(Faulty(), Everywhere(), gap=0), tmp_path, Options((1,)))
    wrong = [str(error) for error in Here().try_all(pieces_of(of, [
        NamedVideo(name, str(clips / name)) for name in CLIPS[:2]], LOADING)[0], "videos").values()]
    assert len(wrong) == 2 and all("a fault in this program" in text for text in wrong)
    assert "ZeroDivisionError: of the test's" in capsys.readouterr().err
