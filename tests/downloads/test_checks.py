"""checks.py: what is wrong with a file, in words, and room on the disk."""
import hashlib
import shutil

import pytest

from pain import files
from pain.downloads.checks import check_space, fault
from pain.errors import Problem


def test_a_file_of_the_right_size_and_digest_has_no_fault(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"weights" * 300000)  # more than is read at a time
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert files.sha256(path) == sha256
    for size in None, 2100000:
        for known in None, sha256, sha256.upper():
            assert fault(path, size, known) is None
    assert fault(path, 2100001, sha256) == "has 2100000 bytes, not 2100001"
    assert fault(path, None, "0" * 64) == "has the right size, but SHA-256 %s, not %s" % (sha256, "0" * 64)


@pytest.mark.parametrize("start", [b"<!DOCTYPE html>", b"\xef\xbb\xbf\n <HTML>", b"<head>", b"<?xml version='1.0'?>"])
def test_a_web_page_is_known_by_its_beginning(tmp_path, start):
    (tmp_path / "model").write_bytes(start + bytes(1000))
    assert fault(tmp_path / "model", None, None).startswith("is a web page")
    (tmp_path / "model").write_bytes(bytes(1000) + start)
    assert fault(tmp_path / "model", None, None) is None


def test_an_empty_file_is_none(tmp_path):
    (tmp_path / "model").touch()
    assert fault(tmp_path / "model", None, None) == "is empty"


def test_room_on_the_disk(tmp_path):
    free = shutil.disk_usage(str(tmp_path)).free
    check_space(tmp_path, free // 2)
    with pytest.raises(Problem, match="MB are needed, .* MB are free; free some space and run the command again"):
        check_space(tmp_path, 2 * free)
