"""Fixtures of the room: servers, and a browser that opens their pages."""
import pytest

from pain.video.estimator import load_estimator
from pain.video.sample import draw, write_video
from support.page_in_browser import CAMERA, FRAMES, PageBrowser
from support.pages import grey, served, serving  # noqa: F401
from support.videos import models  # noqa: F401


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """A drawn video of 40 frames, and its labels beside it."""
    path = tmp_path_factory.mktemp("sample") / "drawn.mp4"
    images, labels = zip(*draw(frames=FRAMES))
    write_video(path, images)
    path.with_suffix(".csv").write_text("frame,label\n" + "".join("%d,%d\n" % pair for pair in enumerate(labels)))
    return path


@pytest.fixture(scope="module")  # while it serves, all temporary files stand in its folder, others' too
def real(models, sample, tmp_path_factory):  # noqa: F811
    """A server with nets of random weights."""
    folder = tmp_path_factory.mktemp("real") / "server"
    with serving(folder, load_estimator([models], min_face=0.3), sample=sample, most=10 ** 6) as client:
        yield client


@pytest.fixture(scope="module")
def job(real, sample):
    """The id of a job that is done."""
    return real.until(real.upload(sample.read_bytes(), "drawn.mp4"), "done")["id"]


@pytest.fixture(scope="session")
def running_chromium(tmp_path_factory):
    with PageBrowser(tmp_path_factory.mktemp("downloads"), *CAMERA) as browser:
        yield browser


@pytest.fixture
def chromium(running_chromium):
    """A browser in which no earlier page is left, nor anything that one has said."""
    running_chromium.leave()
    running_chromium.said()
    return running_chromium


@pytest.fixture
def page(chromium):
    """The same, and the console stays silent."""
    yield chromium
    chromium.leave()
    assert chromium.said() == []


@pytest.fixture
def opened(page, real, job):
    """The page with that job's curve."""
    page.open_job(real, job)
    return page
