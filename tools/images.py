"""Reading images: an 8-bit array, or one line that says what is wrong with the file."""
import numpy as np
import skimage.io
from PIL import Image

from cli import Problem


def read_image(path):
    """An image file as a uint8 array, (height, width) or (height, width, channels), RGB.

    Raises Problem when it is missing, truncated, no image, or has other than 8 bits a channel.
    """
    try:
        image = skimage.io.imread(str(path))
    except FileNotFoundError:
        raise Problem("%s: no such image" % path)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # Pillow's and imageio's of mangled files
        raise Problem("%s: unreadable: truncated, or no image" % path)
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise Problem("%s: unreadable: not 8 bits a channel" % path)
    return image
