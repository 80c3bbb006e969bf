"""Why a face that was found is not like those the nets have learned from: pose, blur, the image's edge."""
import numpy as np
import skimage.color
import skimage.measure
import skimage.transform

from pain.faces.alignment import TEMPLATE
from pain.video.curve import BLUR, OUTSIDE, POSE

# What a face is doubted for. A rigid face turned by 45 degrees, or nodding by 40, fits the template this badly, as the
# root mean square of its landmarks' distances in pixels of the aligned image; the archive's patients look ahead.
MOST_POSE = 6.
# skimage's blur_effect of the aligned face, 0..1: sharp ones have 0.40 to 0.50, a Gaussian of 2 pixels makes it 0.67.
MOST_BLUR = 0.7


def doubt(image: np.ndarray, landmarks: np.ndarray, face: np.ndarray) -> str:
    """One of DOUBTS, why an aligned face, (112, 96, 3) uint8, is not like those the nets have learned from; or "".

    image: the frame it is from; landmarks: (5, 2) in it.
    """
    if (landmarks < 0).any() or (landmarks > np.array(image.shape[1::-1]) - 1).any():
        return OUTSIDE
    to_template = skimage.transform.estimate_transform("similarity", landmarks, TEMPLATE)
    if not np.sqrt(((to_template(landmarks) - TEMPLATE) ** 2).sum(1).mean()) <= MOST_POSE:
        return POSE
    if not skimage.measure.blur_effect(skimage.color.rgb2gray(face)) <= MOST_BLUR:  # NaN, where all is of one colour
        return BLUR
    return ""
