"""Fixtures of several test files."""
import pytest

from pain.faces.detector import FaceDetector


@pytest.fixture(scope="session")
def detector():
    return FaceDetector(threads=2)
