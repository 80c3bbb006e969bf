"""Fixtures of several test files."""
import signal

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

import make_identities
from pain.datasets.synthetic import faces
from support.faces import picture, workers_here
from support.project import run_here

NO_FACE, UNREADABLE = "no face found", "unreadable: truncated, or no image"


# What takes longest begins first, or one worker of `make test` is left with it at the end.
LONGEST = ("test_readme.py", "test_caffe_train.py", "test_predict_video.py", "test_under_bvlc.py", "test_starts.py",
           "test_fuzz.py", "test_full_nets.py", "test_pretraining.py", "test_solvers.py", "test_graphs.py")


def pytest_configure(config):
    config.option.loadscopereorder = False  # of pytest-xdist, which would begin with the files of most tests
    # Of hypothesis: the same examples every time, and none fails for being slow on a busy machine.
    settings.register_profile("steady", derandomize=True, database=None, deadline=None,
                              suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("steady")


def pytest_collection_modifyitems(items):
    place = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.fspath.basename, len(place)))


@pytest.fixture
def usual_signals():
    """What a process starts with does not ignore Ctrl-C or the end of the terminal, as what nohup and cron start does.
    """
    usual = {number: signal.SIG_DFL for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM)}
    usual[signal.SIGINT] = signal.default_int_handler
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    """A folder in LFW's layout: 4 drawn people, 4 images each, NAME/NAME_0001.png, 240 x 240, faces in the middle."""
    root, face = tmp_path_factory.mktemp("people") / "people", faces.Face()
    at_rest = dict.fromkeys(faces.HIGHEST, 0)
    for k, name in enumerate(("Ann_Ah", "Bob_Be", "Cy_Ce", "Dee_De")):
        who = faces.subject(face, np.random.RandomState([7, k]))
        (root / name).mkdir(parents=True)
        for i, pose in enumerate([(0, 0, 0, 1), (8, 3, 0.1, 1), (-8, -4, -0.1, 0.95), (3, 4, 0.05, 1.05)], 1):
            frame = faces.render(face, who, at_rest, faces.Pose(*pose))[:, 40:280]
            Image.fromarray(np.round(255 * frame).astype(np.uint8)).save(str(root / name / ("%s_%04d.png" % (name, i))))
    return root


@pytest.fixture(scope="session")
def collection(people, tmp_path_factory):
    """A folder of people with files of every kind, and what shall become of each: {person: {image: reason}}."""
    root = tmp_path_factory.mktemp("collection") / "faces"
    for name in "ann", "bob", "cé", "dee", "eve", ".hidden":
        (root / name).mkdir(parents=True)
    ann = [picture(people, "Ann_Ah", i) for i in range(1, 5)]
    ann[0].save(str(root / "ann" / "001.JPG"), quality=95)
    ann[1].resize((200, 200)).save(str(root / "ann" / "002.jpeg"), quality=95)
    ann[2].convert("L").save(str(root / "ann" / "003.png"))
    ann[3].convert("RGBA").save(str(root / "ann" / "004.PNG"))
    ann[0].save(str(root / "ann" / "004.bmp"))
    bob = [picture(people, "Bob_Be", i) for i in range(1, 5)]
    bob[0].convert("LA").save(str(root / "bob" / "a.png"))
    bob[1].convert("P", palette=Image.ADAPTIVE, colors=256).save(str(root / "bob" / "b.png"))
    bob[2].convert("CMYK").save(str(root / "bob" / "c.jpg"), quality=95)
    bob[3].save(str(root / "bob" / "d.png"))
    (root / "bob" / "d.png").write_bytes((root / "bob" / "d.png").read_bytes()[:-20000])
    Image.new("RGB", (240, 240), (120, 130, 140)).save(str(root / "bob" / "e.png"))
    (root / "bob" / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" * 9)
    (root / "bob" / "@eaDir").mkdir()
    (root / "bob" / "Notes.doc").write_bytes(b"\xd0\xcf\x11\xe0" * 99)
    (root / "bob" / ".DS_Store").write_bytes(b"Bud1")
    for i in 1, 2:
        picture(people, "Cy_Ce", i).save(str(root / "cé" / ("%d.png" % i)))
    picture(people, "Dee_De", 1).save(str(root / "dee" / "1.png"))
    (root / "pairs.txt").write_text("1\n")
    return root, {
        "ann": {"001.JPG": "", "002.jpeg": "", "003.png": "", "004.PNG": "", "004.bmp": "a second image of this name"},
        "bob": {"Notes.doc": UNREADABLE, "a.png": "", "b.png": "", "c.jpg": "", "d.png": UNREADABLE, "e.png": NO_FACE},
        "cé": {"1.png": "", "2.png": ""}, "dee": {"1.png": ""}}


@pytest.fixture(scope="session")
def made_identities(collection, tmp_path_factory):
    """The collection's training data, made by the tool: their folder and the finished process."""
    out = tmp_path_factory.mktemp("identities") / "out"
    with workers_here():
        process = run_here(make_identities.main, collection[0], "--out", out, "--jobs", 1)
    assert process.returncode == 0, process.stderr
    return out, process
