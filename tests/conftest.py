"""Fixtures of several test files."""
import numpy as np
import pytest

from pain.datasets.synthetic import faces


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    """A folder in LFW's layout: 4 drawn people, 4 images each, NAME/NAME_0001.png, 240 x 240, faces in the middle."""
    from PIL import Image
    root, face = tmp_path_factory.mktemp("people") / "people", faces.Face()
    at_rest = dict.fromkeys(faces.HIGHEST, 0)
    for k, name in enumerate(("Ann_Ah", "Bob_Be", "Cy_Ce", "Dee_De")):
        who = faces.subject(face, np.random.RandomState([7, k]))
        (root / name).mkdir(parents=True)
        for i, pose in enumerate([(0, 0, 0, 1), (8, 3, 0.1, 1), (-8, -4, -0.1, 0.95), (3, 4, 0.05, 1.05)], 1):
            frame = faces.render(face, who, at_rest, faces.Pose(*pose))[:, 40:280]
            Image.fromarray(np.round(255 * frame).astype(np.uint8)).save(str(root / name / ("%s_%04d.png" % (name, i))))
    return root
