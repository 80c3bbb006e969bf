"""One file out of an archive."""
import bz2
import gzip
import io
import lzma
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

from pain.downloads.checks import check_space
from pain.errors import Problem

MOST_UNPACKED = 1 << 32  # bytes: of a file in an archive, and of all that precedes it in a tar
MOST_OF_A_HEADER = 1 << 20  # bytes of a tar that say what a file in it is called, and the like
COMPRESSED = (b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open), (b"]\0\0", lzma.open)


def unpack(archive, member, out, size=None):
    """Write the file `member` of a zip or tar archive to the path `out`. size: its size in bytes, None if unknown.

    No name in the archive is used as a path. Raises Problem when there is no such member, or it is a link, a folder or
    a device, or is too large.
    """
    try:
        if zipfile.is_zipfile(str(archive)):
            with zipfile.ZipFile(str(archive)) as opened:
                info = opened.getinfo(member)
                kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive is not from Unix
                source = None if info.is_dir() or kind not in (0, stat.S_IFREG) else opened.open(info)
                copy(source, info.file_size, out, size, member)
        else:
            with Headers(archive) as headers, tarfile.open(fileobj=headers, mode="r:") as opened:
                info = find(opened, member, headers)
                headers.left = float("inf")
                copy(opened.extractfile(info) if info.isreg() else None, info.size, out, size, member)
    except KeyError:
        raise Problem("%s: has no file %s" % (archive, member)) from None
    except Problem:
        raise
    except Exception as error:  # a damaged archive may raise anything in zipfile, tarfile and what they unpack with
        if getattr(error, "errno", None) is not None:  # the disk's
            raise
        raise Problem("%s: not a zip or tar archive, or a damaged one: %s"
                      % (archive, error or type(error).__name__)) from error


class Headers(io.RawIOBase):
    """A tar, compressed or not, of which no more than `left` bytes can be read, so that a header is not endless.

    tarfile reads a file's name, and all else that is said of it, into memory, however long it claims to be.
    """

    def __init__(self, archive):
        with open(str(archive), "rb") as file:
            start = file.read(6)
        opened = next((opened for magic, opened in COMPRESSED if start.startswith(magic)), open)
        self.file, self.left = opened(str(archive), "rb"), MOST_OF_A_HEADER

    def read(self, size=-1):
        if not 0 <= size <= self.left:
            raise tarfile.ReadError("a header of more than %d bytes" % MOST_OF_A_HEADER)
        self.left -= size
        return self.file.read(size)

    def seek(self, offset, whence=io.SEEK_SET):
        return self.file.seek(offset, whence)

    def tell(self):
        return self.file.tell()

    def close(self):
        self.file.close()
        super().close()


def find(opened, member, headers):
    """The TarInfo of this name in the open tar file. Raises KeyError if there is none; Problem if it comes too late."""
    for info in opened:
        if info.name == member:
            return info
        if info.offset_data + info.size > MOST_UNPACKED:
            raise Problem("%s: comes after more than %d bytes of other files" % (member, MOST_UNPACKED))
        headers.left = MOST_OF_A_HEADER
    raise KeyError(member)


def copy(source, said, out, size, member):
    """Copy the open file `source`, which says it has `said` bytes, to the path `out`."""
    most = MOST_UNPACKED if size is None else size
    if source is None:
        raise Problem("%s: a link, a folder or a device, not a file" % member)
    if said > most:
        raise Problem("%s: unpacks to %d bytes, more than %d" % (member, said, most))
    check_space(Path(out).parent, said)
    with source, open(str(out), "wb") as file:
        shutil.copyfileobj(source, file)
