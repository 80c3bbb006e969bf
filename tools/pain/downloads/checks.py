"""Whether a file is the one that was published."""
import shutil
from pathlib import Path

from pain import files
from pain.errors import Problem


def fault(path, size, sha256):
    """What is wrong with the file, in words, or None. size (bytes) and sha256 (hexadecimal): None where unknown."""
    with open(str(path), "rb") as file:
        if is_html(file.read(512)):
            return "is a web page: the address led to one instead of the file"
    found = Path(path).stat().st_size
    if size is not None and found != size:
        return "has %d bytes, not %d" % (found, size)
    if not found:
        return "is empty"
    digest = files.sha256(path) if sha256 is not None else None
    if digest and digest != sha256.lower():
        return "has the right size, but SHA-256 %s, not %s" % (digest, sha256)
    return None


def is_html(start):
    """Whether a file that starts with these bytes is a web page."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype", b"<html", b"<head", b"<?xml"))


def check_space(folder, needed):
    """Raise Problem unless the folder's disk has room for `needed` bytes."""
    free = shutil.disk_usage(str(folder)).free
    if needed > free:
        raise Problem("%s: %.1f MB are needed, %.1f MB are free; free some space and run the command again"
                      % (folder, needed / 1e6, free / 1e6))
