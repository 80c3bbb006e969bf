"""images.py: images of every kind as arrays, the way up that they say."""
import numpy as np
import pytest
from PIL import Image

from pain.errors import Problem
from pain.images import read_image, read_rgb
from support.faces import saved


def test_images_of_every_kind_are_read_as_rgb(tmp_path):
    colour = np.random.RandomState(0).randint(0, 256, (6, 5, 4)).astype(np.uint8)
    grey = colour[:, :, 0]
    for pixels, expected in ((colour, colour[:, :, :3]), (colour[:, :, :3], colour[:, :, :3]),
                             (grey, np.dstack([grey] * 3)), (colour[:, :, :2], np.dstack([grey] * 3))):
        image = read_rgb(saved(tmp_path / "a.png", pixels))
        assert image.dtype == np.uint8 and image.shape == (6, 5, 3) and (image == expected).all()
    eight = colour[:, :, :3] // 128 * 255  # colours, for which a palette has room
    Image.fromarray(eight).convert("P").save(str(tmp_path / "a.png"))
    assert (read_rgb(tmp_path / "a.png") == eight).all()


def test_an_image_keeps_its_channels_unless_it_has_a_palette(tmp_path):
    pixels = np.random.RandomState(0).randint(0, 256, (6, 5, 4)).astype(np.uint8)
    for part in pixels[:, :, 0], pixels[:, :, :2], pixels[:, :, :3], pixels:
        assert (read_image(saved(tmp_path / "a.png", part)) == part).all()
    Image.fromarray(pixels[:, :, :3]).convert("CMYK").save(str(tmp_path / "a.tiff"))
    assert read_image(tmp_path / "a.tiff").shape == (6, 5, 3)


def test_an_image_is_turned_as_its_exif_says(tmp_path):
    pixels, exif = np.arange(12, dtype=np.uint8).reshape(3, 4), Image.Exif()
    exif[0x0112] = 6  # the camera was turned: a quarter turn clockwise shows it upright
    Image.fromarray(pixels).save(str(tmp_path / "a.png"), exif=exif)
    assert (read_image(tmp_path / "a.png") == np.rot90(pixels, -1)).all()


def test_an_image_too_large_is_unreadable(tmp_path):
    """A header may claim any size, and Pillow then refuses it in a way of its own."""
    (tmp_path / "a.png").write_bytes(b"GIF89a" + b"\xff" * 4 + bytes(3) + b"," + bytes(4) + b"\xff" * 4 + bytes(3))
    with pytest.raises(Problem, match="a.png: unreadable: truncated, or no image"):
        read_image(tmp_path / "a.png")
