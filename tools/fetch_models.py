"""Fetch the published weights that models/manifest.json names, resuming what was interrupted, and check them.

    models/<file>               a file that is whole, with the size and SHA-256 of its card where they are known
    models/.<file>.partial      one that is not: the same command goes on with it
    models/.<file>.version      which version of the file that is, as the server names it

A card of the manifest, a file:

    name, what, source, licence, loads_into     for people; loads_into: the nets that it fills
    file, size, sha256                          its name in models/, bytes, hexadecimal; null where unknown
    url, mirrors, by_hand                       where it is; by_hand: that page wants a person, and nothing is fetched
    archive                                     null, or what is at the url: member, the file's name in the zip or tar,
                                                and the archive's own size and sha256

A file that is there is checked and never replaced, unless --force says so.
"""
import fcntl
import hashlib
import http.client
import json
import lzma
import re
import shutil
import socket
import stat
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from cli import Parser, Problem, replacing, run

MANIFEST = Path(__file__).resolve().parents[1] / "models" / "manifest.json"
FIELDS = "name", "file", "what", "source", "url", "licence", "loads_into"

TIMEOUT = 30  # seconds without a byte before the server counts as stalled
TRIES = 5  # in a row that bring nothing new
PAUSE = 2  # seconds before the second of them; twice as long before each further one
CHUNK = 1 << 16  # bytes
MOST_UNPACKED = 1 << 32  # bytes: of a file in an archive, and of all that precedes it in a tar


class Interrupted(Exception):
    """A transfer that ended early, for a reason (its text) that may have passed when it is tried again."""


# ---- the manifest ----

def read_manifest(path):
    """The manifest's cards: a dict, name -> card (a dict). Raises Problem when it is none."""
    try:
        cards = json.loads(Path(path).read_text(encoding="utf-8"))["files"]
        for card in cards:
            missing = [field for field in FIELDS if not card.get(field)]
            if card.get("archive") and not card["archive"].get("member"):
                missing.append("archive member")
            if missing:
                raise Problem("%s: %s has no %s" % (path, card.get("name", "a card"), ", ".join(missing)))
            if Path(card["file"]).name != card["file"] or card["file"].startswith("."):
                raise Problem("%s: %s: the file is called %r; give a name without a folder"
                              % (path, card["name"], card["file"]))
        return {card["name"]: card for card in cards}
    except FileNotFoundError:
        raise Problem("%s: no such manifest; it is part of the project" % path)
    except (ValueError, KeyError, TypeError, AttributeError):  # no JSON; JSON of something else
        raise Problem("%s: not a manifest: a JSON file of {\"files\": [a card, ...]}" % path)


# ---- checks ----

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
    if sha256 is not None and digest(path) != sha256.lower():
        return "has the right size, but SHA-256 %s, not %s" % (digest(path), sha256)
    return None


def is_html(start):
    """Whether a file that starts with these bytes is a web page."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype", b"<html", b"<head", b"<?xml"))


def digest(path):
    """The file's SHA-256, hexadecimal."""
    sha256 = hashlib.sha256()
    with open(str(path), "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            sha256.update(chunk)
    return sha256.hexdigest()


def check_space(folder, needed):
    """Raise Problem unless the folder's disk has room for `needed` bytes."""
    free = shutil.disk_usage(str(folder)).free
    if needed > free:
        raise Problem("%s: %.1f MB are needed, %.1f MB are free; free some space and run the command again"
                      % (folder, needed / 1e6, free / 1e6))


# ---- the transfer ----

class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https alone, never from https down to http, and no more than ten."""

    def redirect_request(self, request, response, code, message, headers, address):
        old, new = urlsplit(request.full_url).scheme, urlsplit(address).scheme
        if new not in ("http", "https") or (old, new) == ("https", "http"):
            raise Problem("%s: redirects to %s, which is not followed; get the file by hand"
                          % (request.full_url, address))
        return super().redirect_request(request, response, code, message, headers, address)


def download(url, path, size=None, sha256=None):
    """Fetch the http(s) address to the file `path`, going on with the part that is there, and check it.

    size (bytes), sha256 (hexadecimal): None where unknown. Raises Problem when it cannot be had, and a part stays; or
    when it is not what it should be, and is removed.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise Problem("%s: not an http or https address" % url)
    tries = 0
    with open(str(path), "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem("%s: another process is fetching it" % path)
        most, whole = file.tell(), False
        try:
            while not whole:
                try:
                    transfer(url, file, path, size)
                    whole = True
                except Interrupted as interrupted:
                    tries = 1 if file.tell() > most else tries + 1
                    most = max(most, file.tell())
                    if tries >= TRIES:
                        raise Problem("%s: %s; run the same command again to go on" % (url, interrupted))
                    print("%s: %s; trying again" % (url, interrupted))
                    time.sleep(PAUSE * 2 ** (tries - 1))
        finally:
            if not whole and not file.tell():
                discard(path)
    wrong = fault(path, size, sha256)
    if wrong:
        discard(path)
        raise Problem("%s: what came %s; it is another file, or was damaged, and is removed" % (url, wrong))


def transfer(url, file, path, size):
    """One try at what is missing of the open `file` at `path`. Raises Interrupted if that does not come to the end.

    A server that has another version of the file by now than the one of which there is a part, or names none, or cannot
    send parts, sends the whole, and the file is begun anew.
    """
    version, offset, known = version_file(path), file.tell(), None
    headers = {"User-Agent": "fetch_models"}
    if offset and version.exists():
        known = version.read_text()
        headers.update({"Range": "bytes=%d-" % offset, "If-Range": known})
    try:
        request = urllib.request.Request(url, headers=headers)
        response = urllib.request.build_opener(Redirects).open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and error.headers.get("Content-Range") == "bytes */%d" % offset:
                return  # it is all there
        if error.code == 416:
            begin_anew(file, version)
        if error.code >= 500 or error.code in (408, 416, 429):
            raise Interrupted("the server says %d %s" % (error.code, error.reason))
        raise Problem("%s: the server says %d %s; look for the file at its source"
                      % (url, error.code, error.reason.split("\n")[0]))
    except (OSError, http.client.HTTPException) as error:
        raise Interrupted(reason(error))
    with response:
        if response.headers.get_content_type() == "text/html":
            raise Problem("%s: a web page, not the file; open it in a browser and save the file by hand" % url)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise Problem("%s: sent as %s; get the file by hand" % (url, response.headers["Content-Encoding"]))
        tag = response.headers.get("ETag", "W/")
        served = response.headers.get("Last-Modified", "") if tag.startswith("W/") else tag
        if response.status == 206:
            part = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
            if not part or int(part.group(1)) != offset or served not in ("", known):
                begin_anew(file, version)
                raise Interrupted("the server sent another part than it was asked for")
            total = int(part.group(2))
        else:
            begin_anew(file, version)
            offset, total = 0, size if response.length is None else response.length
            if served:
                version.write_text(served)
        if size is not None and total != size:
            begin_anew(file, version)
            raise Problem("%s: the server has %d bytes, not %d: another version of the file" % (url, total, size))
        check_space(version.parent, (total or 0) - offset)
        with tqdm(total=total, initial=offset, unit="B", unit_scale=True, desc=path.stem.lstrip(".")) as bar:
            for chunk in iter(lambda: receive(response), b""):
                file.write(chunk)
                file.flush()
                bar.update(len(chunk))
                if total is not None and file.tell() > total:
                    break  # only where the server did not say how much there is
    if total is not None and file.tell() < total:
        raise Interrupted("the connection broke after %d of %d bytes" % (file.tell(), total))


def receive(response):
    """The next bytes, none at the end. Raises Interrupted."""
    try:
        return response.read1(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise Interrupted(reason(error))


def reason(error):
    """Why the connection failed, in a few words."""
    error = getattr(error, "reason", error)  # of an URLError the exception within
    if isinstance(error, socket.timeout):
        return "the server sent nothing for %g seconds" % TIMEOUT
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def begin_anew(file, version):
    """Empty the file that is being fetched, and forget which version it was."""
    file.seek(0)
    file.truncate()
    if version.exists():
        version.unlink()


def version_file(path):
    """Where it is noted of which version, by the name (ETag, or date) that the server gave it, there is a part."""
    return path.with_suffix(".version")


def discard(path):
    """Remove a part and the note of its version, if they are there."""
    for path in path, version_file(path):
        if path.exists():
            path.unlink()


# ---- archives ----

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
        raise Problem("%s: has no file %s" % (archive, member))
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, RuntimeError, OSError) as error:
        if getattr(error, "errno", None) is not None:  # the disk's
            raise
        raise Problem("%s: not a zip or tar archive, or a damaged one: %s" % (archive, error))


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


# ---- a card ----

def fetch(card, folder, force=False):
    """Have the card's file in the folder. Returns, in a line, what is there now. Raises Problem if it cannot be had.

    force: also if there is one already that is another.
    """
    out, size, sha256 = Path(folder) / card["file"], card.get("size"), card.get("sha256")
    wrong = fault(out, size, sha256) if out.exists() else "is not there"
    if wrong and out.exists() and not force:
        raise Problem("%s: %s; remove it, or have it replaced with --force" % (out, wrong))
    if wrong and card.get("by_hand"):
        raise Problem("%s: open %s in a browser and save the file as %s"
                      % (card["name"], " or ".join([card["url"], *card.get("mirrors", [])]), out))
    if wrong:
        out.parent.mkdir(parents=True, exist_ok=True)
        part, archive = out.with_name(".%s.partial" % out.name), card.get("archive")
        with replacing(out) as whole:
            download(card["url"], part, *((archive.get("size"), archive.get("sha256")) if archive else (size, sha256)))
            try:
                if archive:
                    unpack(part, archive["member"], whole, size)
                    wrong = fault(whole, size, sha256)
                    if wrong:
                        raise Problem("%s: its %s %s" % (card["url"], archive["member"], wrong))
                else:
                    part.replace(whole)
            finally:
                discard(part)
    return "%s: %s. What it fills: tools/check_weights.py %s --net %s" % (
        out, "as published" if sha256 else "there; nobody says which SHA-256 it should have, it has %s" % digest(out),
        out, " or ".join(card["loads_into"]))


def describe(card, folder):
    """The card for people, three lines."""
    path, size = Path(folder) / card["file"], card.get("size")
    return "%s: %s\n    %s, %s bytes, %s; licence: %s\n    from %s%s" % (
        card["name"], card["what"], path, size or "an unknown number of", "there" if path.exists() else "not there",
        card["licence"], card["source"], ", by hand" if card.get("by_hand") else "")


def main():
    parser = Parser(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="cards of the manifest (default: all)")
    parser.add_argument("--to", default="models", help="the folder for the files (default: %(default)s)")
    parser.add_argument("--manifest", default=str(MANIFEST), help="(default: models/manifest.json)")
    parser.add_argument("--force", action="store_true", help="replace files that are there and wrong")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    args = parser.parse_args()
    cards = read_manifest(args.manifest)
    for name in args.names:
        if name not in cards:
            raise Problem("%s: no card of this name in %s; there are %s" % (name, args.manifest, ", ".join(cards)))
    problems = []
    for name in args.names or cards:
        try:
            print(describe(cards[name], args.to) if args.list else fetch(cards[name], args.to, args.force))
        except Problem as problem:
            problems.append(str(problem))
    if problems:
        raise Problem("; ".join(problems))


if __name__ == "__main__":
    run(main)
