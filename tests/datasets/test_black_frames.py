"""black_frames.py: frames as they are read, and the reasons why some cannot be used."""
import numpy as np
import pytest
from PIL import Image

from pain.datasets.black_frames import read_frame
from support.faces import ASTRONAUT, saved


def test_frames_of_every_kind_are_read_as_rgb(tmp_path):
    colour = np.random.RandomState(0).randint(0, 256, (6, 5, 4)).astype(np.uint8)
    grey = colour[:, :, 0]
    for pixels, expected in ((colour, colour[:, :, :3]), (colour[:, :, :3], colour[:, :, :3]),
                             (grey, np.dstack([grey] * 3)), (colour[:, :, :2], np.dstack([grey] * 3))):
        image = read_frame(saved(tmp_path / "frame.png", pixels))
        assert image.dtype == np.uint8 and image.shape == (6, 5, 3) and (image == expected).all()
    eight = colour[:, :, :3] // 128 * 255  # colours, for which a palette has room
    Image.fromarray(eight).convert("P").save(str(tmp_path / "frame.png"))
    assert (read_frame(tmp_path / "frame.png") == eight).all()


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


def test_an_image_too_large_to_be_a_frame_is_unreadable(tmp_path):
    """A header may claim any size, and Pillow then refuses it in a way of its own."""
    (tmp_path / "frame.png").write_bytes(b"GIF89a" + b"\xff" * 4 + bytes(3) + b"," + bytes(4) + b"\xff" * 4 + bytes(3))
    assert read_frame(tmp_path / "frame.png") == "unreadable: truncated, or no image"


def test_reasons_are_the_same_in_any_folder(tmp_path):
    (tmp_path / "study: pain").mkdir()
    assert read_frame(tmp_path / "study: pain" / "frame.png") == "no such image"
