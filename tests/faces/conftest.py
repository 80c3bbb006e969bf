"""Fixtures of several test files."""
import pytest

from pain.faces.detector import FaceDetector
from support.faces import workers_here


@pytest.fixture(autouse=True)
def one_process():
    with workers_here():
        yield


@pytest.fixture(scope="session")
def detector():
    return FaceDetector(threads=2)
