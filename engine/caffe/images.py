"""Images as OpenCV reads and resizes them, bit by bit, for BVLC's nets are trained on those.

Arrays are K x H x W, uint8; the channels are in the order blue, green, red.
"""
import io
import os

import numpy as np

from caffe.errors import CaffeError

FORMATS = "BMP", "JPEG", "JPEG2000", "PNG", "PPM", "SUN", "TIFF", "WEBP"
# In grey: the weights of red, green and blue, what is added for rounding, and the bits shifted out, by format. OpenCV
# leaves PNG to libpng.
_GREY = {"PNG": ((9797, 19234, 3737), 0, 15), None: ((4899, 9617, 1868), 1 << 13, 14)}


def decode(data, colour=None):
    """The image in the bytes of an image file. colour: True for 3 channels, False for 1, None for what it has, even 4.

    Raises CaffeError if they are damaged, of no format in FORMATS, or of more than 8 bits a channel and colour is None.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise CaffeError("to decode images, install Pillow (pip install pillow)") from None
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return np.ascontiguousarray(_pixels(image, colour))
    except CaffeError:
        raise
    except UnidentifiedImageError:
        raise CaffeError("not an image of a format known here: " + ", ".join(FORMATS)) from None
    except Exception as error:  # on damaged images Pillow raises errors of any kind
        raise CaffeError("not an image that can be decoded (%s)"
                         % (str(error).split("\n")[0] or type(error).__name__)) from error


def read(path, colour):
    """The image in a file, as `decode` gives it. Raises CaffeError, which does not name the file."""
    try:
        with open(path, "rb") as file:
            return decode(file.read(), colour)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise CaffeError("Could not open or find file (%s); working directory: %s"
                         % (getattr(error, "strerror", error), os.getcwd())) from error


def _pixels(image, colour):
    from PIL import ImageOps
    file_format = image.format
    if colour is False:
        image.draft("L", image.size)  # a JPEG's own grey
    if colour is not None and file_format == "JPEG":
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        if colour is None:
            raise CaffeError("more than 8 bits a pixel; say force_color or force_gray: true")
        pixels = (np.asarray(image) >> 8).astype(np.uint8)[None]
    elif image.mode in ("I", "F"):
        raise CaffeError("more than 16 bits a pixel")
    elif image.mode == "CMYK":
        inverse = 255 - np.asarray(image).astype(np.int32)  # Pillow inverts what the file has
        black = inverse[:, :, 3]
        pixels = np.stack([black - ((255 - inverse[:, :, i]) * black >> 8) for i in (2, 1, 0)]).astype(np.uint8)
    elif image.mode in ("1", "L"):
        pixels = np.asarray(image.convert("L"))[None]
    else:
        has_alpha = image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info
        pixels = np.asarray(image.convert("RGBA" if has_alpha else "RGB"))
        pixels = pixels[:, :, [2, 1, 0, 3][:pixels.shape[2]]].transpose(2, 0, 1)
    if colour is None or len(pixels) == (3 if colour else 1):
        return pixels
    if colour:
        return pixels[:3] if len(pixels) == 4 else np.repeat(pixels, 3, axis=0)
    (red, green, blue), half, bits = _GREY.get(file_format, _GREY[None])
    wide = pixels[:3].astype(np.int32)
    return (blue * wide[0] + green * wide[1] + red * wide[2] + half >> bits).astype(np.uint8)[None]


def resize(image, height, width):
    """The image resized as OpenCV's bilinear interpolation does it, whose weights are whole numbers of 1/2048."""
    if image.shape[1:] == (2 * height, 2 * width):  # there it takes the mean
        quads = image.reshape(len(image), height, 2, width, 2).astype(np.int32)
        return (quads.sum((2, 4)) + 2 >> 2).astype(np.uint8)
    left, right, weight, other = _neighbours(image.shape[2], width)
    wide = image[:, :, left] * weight + image[:, :, right] * other >> 4
    above, below, weight, other = _neighbours(image.shape[1], height)
    tall = (wide[:, above] * weight[:, None] >> 16) + (wide[:, below] * other[:, None] >> 16)
    return (tall + 2 >> 2).astype(np.uint8)


def _neighbours(size, new_size):
    """For each of new_size places the indices of the two pixels it lies between, and their weights, of sum 2048."""
    place = ((np.arange(new_size) + .5) * (size / new_size) - .5).astype(np.float32)
    index = np.floor(place).astype(int)
    share = place - index.astype(np.float32)
    weights = np.rint(np.stack([1 - share, share]) * np.float32(2048)).astype(np.int32)
    return (*np.clip([index, index + 1], 0, size - 1), *weights)
