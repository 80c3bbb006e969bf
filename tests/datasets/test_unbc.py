"""What is known of UNBC: the counts, the folders, and every way a dataset can be wrong."""
import re
from pathlib import Path

import pytest

from pain.datasets import pspi, unbc
from pain.errors import Problem
from support.project import SHARED, needs_shared

SUBJECT, VIDEO = "042-ll042", "ll042t1aaaff"


def test_counts():
    assert len(unbc.FRAMES_PER_SUBJECT) == len(unbc.VIDEOS_PER_SUBJECT) == 25
    assert (sum(unbc.FRAMES_PER_SUBJECT), sum(unbc.VIDEOS_PER_SUBJECT)) == (48391, 200)


@needs_shared
def test_counts_are_the_authors():
    from scipy.io import loadmat
    lengths = loadmat(str(SHARED / "authors" / "video_index.mat"))["video_index"].ravel()
    assert unbc.FRAMES_PER_SUBJECT == tuple(of_subject.sum() for of_subject in lengths)
    assert unbc.VIDEOS_PER_SUBJECT == tuple(of_subject.size for of_subject in lengths)


@pytest.fixture
def root(tmp_path):
    """Two subjects, three videos, seven frames, made in no order, and files that are none of them."""
    for path in (*("047-jl047/jl047t1afaff/jl047t1afaff00%d.png" % i for i in (3, 1, 5, 2, 4)),
                 "042-ll042/ll042t2aaaff/ll042t2aaaff001.png", "042-ll042/ll042t1aaaff/ll042t1aaaff001.png",
                 "README.txt", "042-ll042/Thumbs.db", "042-ll042/ll042t1aaaff/notes.txt"):
        file = tmp_path / "Images" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


def test_videos_and_frames_are_listed_in_order(root):
    assert unbc.list_videos(root) == [("042-ll042", "ll042t1aaaff"), ("042-ll042", "ll042t2aaaff"),
                                      ("047-jl047", "jl047t1afaff")]
    assert unbc.list_frames(root, "047-jl047", "jl047t1afaff") == ["jl047t1afaff00%d" % i for i in range(1, 6)]
    assert unbc.list_frames(str(root), SUBJECT, VIDEO) == ["ll042t1aaaff001"]


def test_frames_are_listed_as_numbers_count_and_of_every_kind(tmp_path):
    folder = tmp_path / "Images" / SUBJECT / VIDEO
    folder.mkdir(parents=True)
    for name in ("frame8.png", "frame9.jpg", "frame10.PNG", "frame100.JPEG", "frame9a.tif", "._frame8.png", "Thumbs.db",
                 ".DS_Store", "frame8.jpg", "frame11.heic"):
        (folder / name).touch()
    (folder / "@eaDir").mkdir()
    assert unbc.list_frames(tmp_path, SUBJECT, VIDEO) == ["frame8", "frame9", "frame9a", "frame10", "frame100"]
    files, left_out = unbc.frame_files(tmp_path, SUBJECT, VIDEO)
    assert [path.name for path in files.values()] == [
        "frame8.png", "frame9.jpg", "frame9a.tif", "frame10.PNG", "frame100.JPEG"]
    assert left_out["frame8.jpg"] == "a second image of this frame, besides frame8.png"
    assert "no image of a kind that is read" in left_out["frame11.heic"] and len(left_out) == 2


def refused(path, words, function, *args):
    with pytest.raises(Problem, match="^%s: .*%s" % (re.escape(str(path)), re.escape(words))) as raised:
        function(*args)
    assert "\n" not in str(raised.value)


def test_incomplete_folders_are_refused(root):
    refused(root / "Images" / "Images", "no such folder", unbc.list_videos, root / "Images")
    (root / "Images" / "048-aa048").mkdir()
    refused(root / "Images" / "048-aa048", "without videos", unbc.list_videos, root)
    (root / "Images" / SUBJECT / VIDEO / "ll042t1aaaff001.png").unlink()
    refused(root / "Images" / SUBJECT / VIDEO, "without frames (.png, .jpg", unbc.list_frames, root, SUBJECT, VIDEO)
    (root / "empty" / "Images").mkdir(parents=True)
    refused(root / "empty" / "Images", "no subject folders", unbc.list_videos, root / "empty")


def test_a_label_is_where_the_archive_has_it():
    assert unbc.pspi_file("data", SUBJECT, VIDEO, "ll042t1aaaff001") == Path(
        "data/Frame_Labels/PSPI/042-ll042/ll042t1aaaff/ll042t1aaaff001_facs.txt")


@pytest.mark.parametrize("text, value", [("   0.0000000e+00\n", 0), ("   1.6000000e+01\n", 16), ("2.5", 2.5)])
def test_labels_are_read(tmp_path, text, value):
    (tmp_path / "label.txt").write_text(text)
    assert unbc.read_pspi(tmp_path / "label.txt") == value


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_labels_as_others_save_them_are_read(tmp_path, encoding):
    (tmp_path / "label.txt").write_bytes("  2,5000000e+00\r\n".encode(encoding))
    assert unbc.read_pspi(tmp_path / "label.txt") == 2.5
    (tmp_path / "label.txt").write_bytes(" 4,0 3,0\r\n43 0\r\n".encode(encoding))
    assert unbc.read_action_units(tmp_path / "label.txt") == {4: 3, 43: 1}
    with pytest.raises(Problem, match="'1,5' is not a PSPI"):  # in our own table
        pspi.parse_pspi("1,5", "frames.csv")


@pytest.mark.parametrize("text", ["", "pain", "nan", "inf", "-1", "-0.001", "16.001", "17", "1 2", "1,5,2", "1\n2\n"])
def test_what_is_no_pspi_is_refused(tmp_path, text):
    path = tmp_path / "label.txt"
    path.write_text(text)
    refused(path, "%r is not a PSPI between 0 and 16" % text.strip(), unbc.read_pspi, path)
    refused("frames.csv, line 7", repr(text.strip()), pspi.parse_pspi, text, "frames.csv, line 7")


def test_a_label_file_that_is_missing_or_no_text_is_refused(tmp_path):
    path = tmp_path / "label.txt"
    refused(path, "no such label file", unbc.read_pspi, path)
    path.write_bytes(b"\xff\xfe\x00")
    refused(path, "not a text file", unbc.read_pspi, path)
    path.write_text("pain " * 1000)
    with pytest.raises(Problem) as raised:
        unbc.read_pspi(path)
    assert len(str(raised.value)) < len(str(path)) + 100  # of a whole book, the first words


@pytest.mark.parametrize("text", ["1e999 3", "4 1e999", "x 1", "4", "nan 1", "4 6"])
def test_what_are_no_action_units_is_refused(tmp_path, text):
    (tmp_path / "f_facs.txt").write_text(text)
    with pytest.raises(Problem, match="f_facs.txt: "):
        unbc.read_action_units(tmp_path / "f_facs.txt")
