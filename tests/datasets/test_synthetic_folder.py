"""synthetic/folder.py: a dataset is made once, whole, and only where nothing of others is."""
import pytest

from pain.datasets.synthetic.folder import check_ranges, make_once, said
from pain.errors import Problem


def draw(folder, images):
    for i in range(images):
        (folder / ("%d.txt" % i)).write_text("drawn")


def test_it_is_made_once(tmp_path):
    out = tmp_path / "new" / "faces"
    assert make_once(out, draw, images=2)
    assert sorted(path.name for path in out.iterdir()) == ["0.txt", "1.txt", "synthetic.json"]
    assert [path.name for path in out.parent.iterdir()] == ["faces"]
    assert not make_once(out, lambda *_: pytest.fail("drawn again"), images=2)
    assert said(out, True) == "%s: made" % out and said(out, False).endswith("nothing to do")


def test_other_arguments_are_refused(tmp_path):
    make_once(tmp_path / "faces", draw, images=2)
    with pytest.raises(Problem, match="faces: holds the synthetic dataset of --images 2; remove it or name another"):
        make_once(tmp_path / "faces", draw, images=3)


@pytest.mark.parametrize("name", ["faces", "faces.partial"])
def test_a_folder_of_others_is_refused_and_kept(tmp_path, name):
    other = tmp_path / name / "holiday.txt"
    other.parent.mkdir()
    other.write_text("mine")
    with pytest.raises(Problem, match="no synthetic dataset"):
        make_once(tmp_path / "faces", draw, images=2)
    assert other.read_text() == "mine" and list(other.parent.iterdir()) == [other]


def test_what_an_interrupted_run_left_is_begun_anew(tmp_path):
    def stops(folder, images):
        draw(folder, images + 5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_once(tmp_path / "faces", stops, images=2)
    assert not (tmp_path / "faces").exists()
    assert make_once(tmp_path / "faces", draw, images=2)
    assert sorted(path.name for path in (tmp_path / "faces").iterdir()) == ["0.txt", "1.txt", "synthetic.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


def test_ranges():
    for people in 1, 9:
        check_ranges(dict(people=people, seed=-1), people=(1, 9))
    for people in 0, 10:
        with pytest.raises(Problem, match="--people %d: must be 1 to 9" % people):
            check_ranges(dict(people=people, seed=-1), people=(1, 9))
