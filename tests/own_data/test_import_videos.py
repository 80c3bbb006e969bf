"""import_videos.py: pixels and labels of every frame by hand, what is made again, and what is refused in a line."""
import contextlib
import io
import shutil
import sys
from unittest import mock

import numpy as np
import pandas
import pytest
from PIL import Image

import import_videos
from pain import command
from pain.datasets import audit, kinds
from pain.datasets.inventory import read_dataset
from pain.datasets.pspi import quantise
from pain.errors import Problem
from pain.labels.matching import owner
from pain.notice import description
from pain.own_data import importing
from pain.provenance import Data, Origin, as_dict, from_dict, merged
from support.videos import picture, read, write

ARM, LEG = "sub-01_task-arm", "Zo\u00eb 2 (b)"


def run(*arguments):
    """The command in this process: status, stdout, the lines of stderr without a bar's."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as error:
        with mock.patch.object(sys, "argv", ["import_videos.py", *map(str, arguments), "--jobs", "1"]):
            try:
                command.run(import_videos.main)
                status = 0
            except SystemExit as end:
                status = end.code
    lines = error.getvalue().splitlines()
    return status, out.getvalue(), [line for line in lines if not line.startswith(("import: ", "labels: "))]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A video, one that is turned by a flag, one without labels; labels of two forms; what the command says."""
    root = tmp_path_factory.mktemp("study")
    for name in "videos", "labels":
        (root / name).mkdir()
    write(root / "videos" / (ARM + ".mp4"), [picture(48, 64, level) for level in range(40, 200, 16)])
    write(root / "videos" / (LEG + ".mov"), [picture(48, 64, level) for level in range(45, 200, 16)], rotation=-90)
    shutil.copy(str(root / "videos" / (ARM + ".mp4")), str(root / "videos" / "another take.mp4"))
    # A row a frame, by two raters, one left out and one too many; intervals with a gap between them.
    rows = ["%s.mp4,%d,%s,%s" % (ARM, i, a, b) for i, a, b in zip(
        [0, 1, 2, 3, 4, 6, 7, 8, 9, 12], [0, 1, 1, 2, 3, 4, 4.5, 5, 5, 5], [0, 1, 2, 2, 2.5, 5, 4.5, 5, 5, 5])]
    (root / "labels" / "table.csv").write_text("video,frame,label_a,label_b\n" + "\n".join(rows) + "\n")
    (root / "labels" / (LEG + "_elan.txt")).write_bytes(
        "Begin Time - msec\tEnd Time - msec\tpain\r\n0\t160\t0\r\n240\t400\t3\r\n".encode("utf-16"))
    done = run(root / "labels", "--videos", root / "videos", "--out", root / "mine", "--pattern", "{sub} *")
    return root, done


def test_a_subject_that_nothing_names_is_asked_for(study):
    root, (status, _, lines) = study
    assert status == 2 and not (root / "mine").exists()
    assert lines == ["import_videos.py: %s: whose face is it? name a column subject, call videos as sub-01_task-arm, "
                     "or say how names are to be read by --pattern {sub}_{task}" % ARM]


@pytest.fixture(scope="module")
def dataset(study):
    root = study[0]
    for old, new in ((ARM, "01 arm"), (LEG, LEG)):
        for path in (root / "videos").glob(old + ".*"):
            path.rename(path.with_name(new + path.suffix))
    table = root / "labels" / "table.csv"
    table.write_text(table.read_text().replace(ARM, "01 arm"))
    done = run(root / "labels", "--videos", root / "videos", "--out", root / "mine", "--pattern", "{sub} *")
    assert done[0] == 0, done
    return root, done


def test_every_frame_is_as_a_player_shows_it_with_its_label(dataset):
    root, (_, out, lines) = dataset
    assert "2 subjects, 2 videos, 17 frames" in out and lines == []
    assert "left out: 1 videos without labels: another take" in out
    assert "01 arm.mp4: 2 of its 20 labels are of none of its 10 frames, which last 0.36 s" in out
    table = pandas.read_csv(root / "mine/frames.csv", dtype={"subject": str, "frame": str})
    for (subject, video), source, frames, labels in (
            (("01", "01 arm"), "01 arm.mp4", [0, 1, 2, 3, 4, 6, 7, 8, 9], [0, 1, 1.5, 2, 2.75, 4.5, 4.5, 5, 5]),
            (("Zo\u00eb", LEG), LEG + ".mov", [0, 1, 2, 3, 6, 7, 8, 9], [0] * 4 + [3] * 4)):
        shown = read(root / "videos" / source)
        rows = table[table["video"] == video]
        assert set(rows["subject"]) == {subject} and list(rows["label"]) == labels
        assert list(rows["frame"]) == ["%06d" % i for i in frames]
        assert list(rows["media_time_s"]) == pytest.approx([shown[i].media_time for i in frames])
        folder = root / "mine/Images" / subject / video
        assert sorted(path.name for path in folder.iterdir()) == ["%06d.png" % i for i in frames]
        for i, label in zip(frames, labels):
            assert (np.array(Image.open(str(folder / ("%06d.png" % i)))) == shown[i].image).all()
            text = (root / "mine/Frame_Labels/PSPI" / subject / video / ("%06d_facs.txt" % i)).read_text()
            nearest = {0: 0, 1: 1, 1.5: 2, 2: 2, 2.75: 3, 3: 3, 4.5: 5, 5: 5}[label]
            assert quantise(float(text)) == nearest and float(text) == [0, 1, 2, 3, 4, 6][nearest]
    assert shown[0].image.shape == (64, 48, 3)  # the one that is turned


def test_the_audit_and_the_record_know_whose_it_is(dataset, monkeypatch):
    mine = dataset[0] / "mine"
    findings = audit.audit(read_dataset(mine, 1))
    assert not any(map(audit.may_change_figures, findings))
    wrong = [found for found in findings if found.matters]
    assert [found.check for found in wrong] == ["numbering"] and "README.md says" in wrong[0].matters
    readme = (mine / "README.md").read_text(encoding="utf-8")
    for text in ("learned from own data mine", "1.5 is 2", "25 frames a second", "halves up", "| Zo\u00eb | %s |" % LEG,
                 "**Frames without a label**: 3, left out. 2 labels are of no frame", "0 to 5: 5, 1, 2, 5, 0, 4"):
        assert text in readme, text
    monkeypatch.setattr(kinds, "is_archive", lambda frames: True)  # whatever it may look like
    data = kinds.data_of_videos(mine, {"01": 9, "Zo\u00eb": 8})
    assert data == Data("own", name="mine")
    origin = Origin(data, "smooth_l1")
    assert "learned from own data mine" in description(origin) and from_dict(as_dict(origin)) == origin
    assert "name" not in as_dict(Origin())["data"] and merged([origin, Origin(Data("own"))]).data.name == ""


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.suffix in (".png", ".json", ".txt")}


def test_only_what_changed_is_made_again(dataset, tmp_path, monkeypatch):
    for name in "videos", "labels", "mine":
        shutil.copytree(str(dataset[0] / name), str(tmp_path / name))  # with their times
    arguments = tmp_path / "labels", "--videos", tmp_path / "videos", "--out", tmp_path / "mine", "--pattern", "{sub} *"
    before = stamps(tmp_path / "mine")
    assert "made already" in run(*arguments)[1] and stamps(tmp_path / "mine") == before
    table = tmp_path / "labels/table.csv"
    table.write_text(table.read_text().replace("mp4,0,0,0", "mp4,0,2,2"))
    (tmp_path / "labels" / (LEG + "_elan.txt")).unlink()

    def full(*_):
        raise OSError(28, "No space left on device", "a.png")

    with monkeypatch.context() as patch:
        patch.setattr(importing, "write_frames", full)
        status, _, lines = run(*arguments)
    assert status == 2 and "free some space" in lines[0] and not (tmp_path / "mine").exists()
    status, out, _ = run(*arguments)
    assert status == 0 and "1 subjects, 1 videos, 9 frames" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels", "mine", "videos"]
    assert [path.name for path in (tmp_path / "mine/Images").iterdir()] == ["01"]
    assert pandas.read_csv(tmp_path / "mine/frames.csv")["label"][0] == 2


@pytest.fixture
def small(tmp_path):
    """Two people's videos of four frames, one of them as a folder of JPEGs, and a table of their labels."""
    (tmp_path / "videos").mkdir()
    write(tmp_path / "videos/sub-1_a.mp4", [picture(48, 64, level) for level in (40, 80, 120, 160)])
    write(tmp_path / "videos/sub-2_a.mp4", [picture(48, 64, level) for level in (50, 90, 130, 170)])
    rows = ["sub-%d_a,%d,%d" % (s, i, i) for s in (1, 2) for i in range(4)]
    (tmp_path / "labels.csv").write_text("video,frame,label\n" + "\n".join(rows) + "\n")
    return tmp_path


def imported(folder, *more):
    return run(folder / "labels.csv", "--videos", folder / "videos", "--out", folder / "out", *more)


def replaced(old, new):
    return lambda folder: (folder / "labels.csv").write_text((folder / "labels.csv").read_text().replace(old, new))


def rows(text):
    return lambda folder: (folder / "labels.csv").write_text(text)


REFUSED = {
    "labels of no video": (replaced("sub-2_a", "sub-9_a"), "labels of sub-9_a, but there is no such video"),
    "labels of nothing": (rows("frame,label\n0,1\n"), "labels.csv: no video is called so; call the file as its"),
    "a subject in two spellings": (rows("subject,video,frame,label\nsub-1,sub-1_a,0,1\n"
                                        "sub-01,sub-2_a,0,1\n"), "subject sub-01 by"),
    "two spellings in a column": (rows("subject,video,frame,label\nAnn,a1,0,1\nann,a2,0,1\n"),
                                  "subject Ann of a1 and ann of a2: one person or two?"),
    "a subject that is no name": (rows("subject,video,frame,label\n..,a1,0,1\n"), "the subject ..: no name"),
    "a label that is none": (replaced("sub-2_a,3,3", "sub-2_a,3,17"), "line 9: the label is not a number 0..5"),
    "something else there": (lambda folder: (folder / "out").mkdir() or (folder / "out/x").write_text("x"),
                             "holds something that is no imported dataset"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_wrong_is_said_in_a_line(small, fault):
    plant, expected = REFUSED[fault]
    plant(small)
    if "a1" in (small / "labels.csv").read_text():
        for i in "12":
            (small / ("videos/sub-%s_a.mp4" % i)).rename(small / ("videos/a%s.mp4" % i))
    status, out, lines = imported(small)
    assert status == 2 and out == "" and len(lines) == 1 and expected in lines[0], lines
    assert not (small / "out/Images").exists() and not (small / "out.partial").exists()


def test_where_no_video_can_be_used_nothing_is_left(small):
    for video in (small / "videos").iterdir():
        video.write_bytes(video.read_bytes()[:300])
    status, _, lines = imported(small)
    assert status == 2 and len(lines) == 1 and lines[0].count("not a video") == 2
    assert not (small / "out").exists() and not (small / "out.partial").exists()


def test_videos_that_cannot_be_used_are_left_out_and_named(small):
    video = small / "videos/sub-2_a.mp4"
    (small / "videos/sub-3_a.mp4").write_bytes(video.read_bytes()[:300])
    shutil.copy(str(small / "videos/sub-1_a.mp4"), str(small / "videos/sub-4_a.mp4"))
    table = (small / "labels.csv").read_text()
    (small / "labels.csv").write_text(table.replace("sub-2_a,", "sub-2_a,9") + "sub-3_a,0,1\nsub-4_a,0,1\n")
    status, out, lines = imported(small, "--format", "jpg", "--name", "Our study")
    assert status == 1 and "1 subjects, 1 videos, 4 frames" in out and "sub-4_a.mp4: the same file as" in out
    assert len(lines) == 3 and "none of its 4 labels is of one of its 4 frames, which end at 0.12 s" in lines[0]
    assert "not a video" in lines[1] and lines[2].startswith("import_videos.py: 2 of 3 videos left out")
    assert [path.name for path in sorted((small / "out/Images/sub-1/sub-1_a").iterdir())] == [
        "%06d.jpg" % i for i in range(4)]
    readme = (small / "out/README.md").read_text(encoding="utf-8")
    assert readme.startswith("# Our study") and "not a video" in readme and "as JPG" in readme
    (small / "labels.csv").write_text("video,frame,label\nsub-3_a,0,1\n")
    assert imported(small)[0] == 2  # nothing is left


def test_pspi_of_several_raters_is_averaged_and_then_quantised(small):
    (small / "labels.csv").write_text("video,frame,label_a,label_b\nsub-1_a,0,3,4\nsub-1_a,1,5,6\nsub-1_a,2,16,16\n")
    assert imported(small, "--pspi")[0] == 0
    table = pandas.read_csv(small / "out/frames.csv")
    assert list(table["label"]) == [3.5, 5.5, 16] and list(table["pspi"]) == [4, 6, 16]


def test_folders_of_frames_are_videos(small):
    shutil.rmtree(str(small / "videos"))
    for subject in "12":
        folder = small / "videos" / ("sub-" + subject) / "a"
        folder.mkdir(parents=True)
        for i in range(4):
            Image.fromarray(picture(48, 64, 40 * i + 20 + int(subject))).save(str(folder / ("f%d.png" % i)))
    (small / "labels.csv").write_text("video,time_s,label\nsub-1/a,0.1,2\nsub-2/a,0.3,3\nsub-2/a,0.2,4\n")
    assert imported(small, "--rate", 10)[0] == 0
    table = pandas.read_csv(small / "out/frames.csv", dtype=str)
    assert table[["subject", "video", "frame", "label"]].values.tolist() == [
        ["sub-1", "a", "000001", "2.0"], ["sub-2", "a", "000002", "4.0"], ["sub-2", "a", "000003", "3.0"]]
    for subject in "12":
        (small / "videos" / ("sub-" + subject)).rename(small / "videos" / ("P" + subject))
    replaced("sub-", "P")(small)
    assert imported(small, "--rate", 10, "--pattern", "{sub}/*")[0] == 0
    assert sorted(path.name for path in (small / "out/Images").iterdir()) == ["P1", "P2"]


@pytest.mark.parametrize("file, expected", [
    ("labels/s1/arm.csv", "s1/arm"), ("labels/s2/arm_ben.eaf", "s2/arm"), ("ARM 2.mp4.txt", "arm 2"),
    ("arm 2.csv", "arm 2")])
def test_whose_a_label_file_is(file, expected):
    videos = {name: "/data/%s.mp4" % name for name in ("s1/arm", "s2/arm", "arm 2")}
    assert owner(videos, file, "") == owner(videos, file, "as it was called on the camera.mov") == expected
    assert owner(videos, "labels.csv", "C:\\films\\Arm 2.MOV", True) == "arm 2"
    for named, of_several, said in ("arm", True, "which is s1/arm or s2/arm"), ("other.mov", True, "no such video"):
        with pytest.raises(Problem, match=said):
            owner(videos, file, named, of_several)
