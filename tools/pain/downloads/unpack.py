"""One file out of an archive."""
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path

from pain.downloads.checks import check_space
from pain.errors import Problem

MOST_UNPACKED = 1 << 32  # bytes: of a file in an archive, and of all that precedes it in a tar


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
            with tarfile.open(str(archive), "r:*") as opened:
                info = find(opened, member)
                copy(opened.extractfile(info) if info.isreg() else None, info.size, out, size, member)
    except KeyError:
        raise Problem("%s: has no file %s" % (archive, member)) from None
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, RuntimeError, OSError) as error:
        if getattr(error, "errno", None) is not None:  # the disk's
            raise
        raise Problem("%s: not a zip or tar archive, or a damaged one: %s" % (archive, error)) from error


def find(opened, member):
    """The TarInfo of this name in the open tar file. Raises KeyError if there is none; Problem if it comes too late."""
    for info in opened:
        if info.name == member:
            return info
        if info.offset_data + info.size > MOST_UNPACKED:
            raise Problem("%s: comes after more than %d bytes of other files" % (member, MOST_UNPACKED))
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
