"""Fixtures of several test files."""
import pytest

from pain.downloads import download
from support.weight_server import Handler, Server


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    monkeypatch.setattr(download, "PAUSE", 0)
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as server:
        yield server
