"""Reading images: an 8-bit array, or one line that says what is wrong with the file."""
import struct
import warnings
import zlib

import numpy as np
from PIL import Image, ImageOps

from pain.errors import Problem

SUFFIXES = ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"  # of what is read in a folder of people's
KEPT = "L", "LA", "RGB", "RGBA"  # Pillow's modes of 8 bits a channel that stay as they are
MOST_PIXELS, MOST_SIDE = 64e6, 1 << 14  # of a frame: more is none, but an attempt to fill the memory
# What Pillow raises for mangled files.
MANGLED = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError, struct.error,
           zlib.error, Image.DecompressionBombError)


def is_image(path):
    """Whether a Path is that of an image, by its ending, in capitals or not."""
    return path.suffix.lower() in SUFFIXES


def too_large(width, height):
    """Whether no frame has so many pixels."""
    return width * height > MOST_PIXELS or max(width, height) > MOST_SIDE


def read_image(path):
    """An image file as a uint8 array, (height, width) or (height, width, channels), RGB, the way up its EXIF says.

    Palettes, CMYK and the like become RGB. Raises Problem when it is missing, truncated, no image, too large, or has
    other than 8 bits a channel.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a problem is raised, and not warned of
            with Image.open(str(path)) as image:
                if image.mode[0] in "IF":
                    raise Problem("%s: unreadable: not 8 bits a channel" % path)
                if too_large(*image.size):
                    raise Problem("%s: unreadable: %d x %d pixels; make it smaller" % (path, *image.size))
                image.load()
                image = ImageOps.exif_transpose(image)
                return np.array(image if image.mode in KEPT else image.convert("RGB"))
    except FileNotFoundError:
        raise Problem("%s: no such image" % path) from None
    except MANGLED:
        raise Problem("%s: unreadable: truncated, or no image" % path) from None


def read_rgb(path):
    """An image file as (height, width, 3) uint8 RGB, grey thrice, no alpha. Raises Problem as read_image() does."""
    image = read_image(path)
    if image.ndim == 2 or image.shape[2] < 3:
        image = image.reshape(*image.shape[:2], -1)[:, :, :1].repeat(3, axis=2)
    return np.ascontiguousarray(image[:, :, :3])
