"""unpack.py: one file out of an archive, whatever else is in it."""
import gzip
import hashlib
import io
import lzma
import tarfile
import zipfile

import pytest

from pain.downloads import fetch, unpack
from pain.errors import Problem
from support.weight_server import CONTENT, OTHER, WHOLE, answer, card, fetched


def zipped(files):
    """A zip of (name, content, mode) triples; of a link the content is where it leads."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in files:
            info = zipfile.ZipInfo(name)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, mode << 16
            archive.writestr(info, content)
    return stream.getvalue()


def tarred(form, files):
    """A tar, compressed in this form, of (name, content, type) triples; of a link the content is where it leads."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:" + form) as archive:
        for name, content, kind in files:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname, content = content.decode(), b""
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


FILES = [("../../evil", b"evil", 0o100644), ("/tmp/evil", b"evil", 0o100644), ("a/../m", b"no", 0o100644),
         ("deep/m.bin", CONTENT, 0o100644), ("link", b"/etc/passwd", 0o120777), ("folder/", b"", 0o040755)]
KINDS = {0o120777: tarfile.SYMTYPE, 0o040755: tarfile.DIRTYPE}
TAR = [(name, content, KINDS.get(mode, tarfile.REGTYPE)) for name, content, mode in FILES]
TAR.append(("hard", b"deep/m.bin", tarfile.LNKTYPE))
ARCHIVES = dict({"tar" + form: tarred(form, TAR) for form in ("", "gz", "bz2", "xz")}, zip=zipped(FILES))


def from_archive(server, archive, member="deep/m.bin", content=CONTENT):
    server.answers = [answer(archive)]
    return card(server, content, archive={"member": member, "size": len(archive),
                                          "sha256": hashlib.sha256(archive).hexdigest()})


@pytest.mark.parametrize("kind", sorted(ARCHIVES))
def test_a_file_in_an_archive(server, tmp_path, kind):
    folder = tmp_path / "a" / "b" / "c"
    fetch.fetch(from_archive(server, ARCHIVES[kind]), folder)
    assert fetched(folder) == WHOLE
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / "m.caffemodel"]  # and nothing anywhere


@pytest.mark.parametrize("kind, member, words", [
    ("zip", "m.bin", "has no file m.bin"), ("targz", "m.bin", "has no file m.bin"),
    ("zip", "link", "a link, a folder"), ("tar", "link", "a link, a folder"), ("tarxz", "hard", "a link, a folder"),
    ("zip", "folder/", "a link, a folder"), ("tarbz2", "folder", "a link, a folder"),
    ("zip", "../../evil", "evil has 4 bytes, not 200000"), ("tar", "../../evil", "evil has 4 bytes, not 200000"),
])
def test_what_is_no_file_in_an_archive(server, tmp_path, kind, member, words):
    with pytest.raises(Problem, match=words):
        fetch.fetch(from_archive(server, ARCHIVES[kind], member), tmp_path)
    assert fetched(tmp_path) == ([], None)


def test_bombs(server, tmp_path, monkeypatch):
    zeros = bytes(3000000)
    for archive in zipped([("m", zeros, 0)]), tarred("gz", [("m", zeros, tarfile.REGTYPE)]):
        assert len(archive) < 10000
        with pytest.raises(Problem, match="unpacks to 3000000 bytes, more than 200000"):
            fetch.fetch(from_archive(server, archive, "m"), tmp_path)
        monkeypatch.setattr(unpack, "MOST_UNPACKED", 1000000)
        with pytest.raises(Problem, match="unpacks to 3000000 bytes, more than 1000000"):
            fetch.fetch(from_archive(server, archive, "m", None), tmp_path)
    behind = tarred("gz", [("zeros", zeros, tarfile.REGTYPE), ("m", CONTENT, tarfile.REGTYPE)])
    with pytest.raises(Problem, match="m: comes after more than 1000000 bytes"):
        fetch.fetch(from_archive(server, behind, "m"), tmp_path)
    lying = bytearray(zipped([("m", zeros, 0)]))
    for position in lying.index(b"PK\1\2") + 24, 22:  # the two places that say how large it becomes
        lying[position:position + 4] = (200000).to_bytes(4, "little")
    with pytest.raises(Problem, match="damaged one: .*CRC"):
        fetch.fetch(from_archive(server, bytes(lying), "m"), tmp_path)
    assert fetched(tmp_path) == ([], None)


@pytest.mark.parametrize("kind, size", [(tarfile.GNUTYPE_LONGNAME, 7 << 30), (tarfile.XHDTYPE, 3 << 30),
                                        (tarfile.XGLTYPE, 3 << 30), (tarfile.GNUTYPE_LONGLINK, 7 << 30)])
def test_headers_without_an_end(server, tmp_path, kind, size):
    """Which tarfile would read into memory. The zeros stand for all the rest of them."""
    info = tarfile.TarInfo("m")
    info.type, info.size = kind, size
    for form in "", "gz", "xz":
        archive = {"": bytes, "gz": gzip.compress, "xz": lzma.compress}[form](
            info.tobuf(tarfile.GNU_FORMAT) + bytes(4 << 20))
        with pytest.raises(Problem, match="damaged one: a header of more than 1048576 bytes"):
            fetch.fetch(from_archive(server, archive, "m"), tmp_path)


@pytest.mark.parametrize("kind", sorted(ARCHIVES))
def test_damaged_archives(server, tmp_path, kind):
    archive = ARCHIVES[kind]
    middle = len(archive) // 2
    for damaged in archive[:middle], archive[:middle] + bytes(2000) + archive[middle + 2000:], OTHER:
        with pytest.raises(Problem, match="damaged one|has no file|SHA-256"):
            fetch.fetch(from_archive(server, damaged), tmp_path)
        assert fetched(tmp_path) == ([], None)
