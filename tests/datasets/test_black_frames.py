"""black_frames.py: frames as they are read, and the reasons why some cannot be used."""
import numpy as np
import pytest

from pain.datasets.black_frames import read_frame
from support.faces import ASTRONAUT, saved


@pytest.mark.filterwarnings("ignore:The legacy:DeprecationWarning")  # imageio's, of readers of its own that it tries
def test_frames_that_cannot_be_used_say_why(tmp_path):
    path = tmp_path / "frame.png"
    assert read_frame(path) == "no such image"
    whole = saved(path, ASTRONAUT).read_bytes()
    for content in whole[:-5000], whole[:20], whole[:12] + b"?" + whole[13:], b"", b"a text\n":
        path.write_bytes(content)
        assert read_frame(path) == "unreadable: truncated, or no image"
    assert read_frame(saved(path, ASTRONAUT[:, :, 0].astype(np.uint16) * 256)) == "unreadable: not 8 bits a channel"
    assert read_frame(saved(path, np.minimum(ASTRONAUT, 15))) == "black"
    assert not isinstance(read_frame(saved(path, np.minimum(ASTRONAUT, 17))), str)


def test_reasons_are_the_same_in_any_folder(tmp_path):
    (tmp_path / "study: pain").mkdir()
    assert read_frame(tmp_path / "study: pain" / "frame.png") == "no such image"
