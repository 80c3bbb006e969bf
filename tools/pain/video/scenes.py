"""Whether two frames show the same scene, which a cut does not."""
import numpy as np

HEIGHT, WIDTH = 48, 64  # points of a frame that are compared
FLAT = 5.  # of 255: a frame whose points differ less, such as a black one, shows no scene at all
LIKE = 0.5  # correlation. Frames of one scene up to 11 apart had 0.73 and more, those of different videos 0.25 at most


def scene_of(image: np.ndarray) -> np.ndarray:
    """What another_scene() compares of a frame, (height, width, 3) uint8 RGB: (HEIGHT, WIDTH) float64 of grey."""
    rows, columns = ((np.arange(points) + 0.5) * size / points
                     for points, size in zip((HEIGHT, WIDTH), image.shape))
    return image[rows.astype(int)[:, None], columns.astype(int)].mean(axis=2)


def another_scene(scene: np.ndarray, other: np.ndarray) -> bool:
    """Whether there is a cut between two frames, as scene_of() has them; light may change, and people may move."""
    return shows_something(scene) and shows_something(other) and bool(
        np.corrcoef(scene.ravel(), other.ravel())[0, 1] < LIKE)


def shows_something(scene: np.ndarray) -> bool:
    """Whether there is a scene in a frame at all, as scene_of() has it: there is none in a black one."""
    return bool(scene.std() >= FLAT)
