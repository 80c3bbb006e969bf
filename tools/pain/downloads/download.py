"""A file fetched over HTTP that may break off, stall, lie and redirect."""
import fcntl
import http.client
import io
import re
import socket
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from pain.downloads.checks import check_space, fault
from pain.errors import Problem
from pain.progress import progress, write

TIMEOUT, LEAST = 30, 16000  # seconds in which a server that is not stalled sends at least so many bytes
TRIES = 5  # in a row that bring fewer new ones
PAUSE = 2  # seconds before the second of them; twice as long before each further one
CHUNK = 1 << 16  # bytes
MOST = 1 << 34  # bytes that are fetched of a file of unknown size
LONGEST_NAME = 200  # characters of what a server calls a version
MOST_LINES = 1000  # of the heads and tails of what is sent


class Interrupted(Exception):
    """A transfer that ended early, for a reason (its text) that may have passed when it is tried again."""


class Answer(http.client.HTTPResponse):
    """An answer that comes at a Pace, and whose Lines end."""

    def __init__(self, connection, *args, **options):
        super().__init__(connection, *args, **options)
        self.fp = Lines(Pace(self.fp.detach(), connection))


class Pace(io.RawIOBase):
    """What a socket's file brings. Raises socket.timeout when the server sends fewer than LEAST bytes in TIMEOUT."""

    def __init__(self, file, connection):
        self.file, self.connection, self.left, self.size = file, connection, TIMEOUT, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        began = time.monotonic()
        self.connection.settimeout(max(self.left, 0.001))
        size = self.file.readinto(buffer)
        self.left, self.size = self.left - (time.monotonic() - began), self.size + size
        if self.size >= LEAST:
            self.left, self.size = TIMEOUT, 0
        return size

    def close(self):
        self.file.close()
        super().close()


class Lines(io.BufferedReader):
    """What a server sends, MOST_LINES in a row: http.client takes "100 Continue", and what follows a file, for ever."""

    lines = 0

    def readline(self, *size):
        self.lines += 1
        if self.lines > MOST_LINES:
            raise http.client.HTTPException("the server sent %d lines instead of a file" % MOST_LINES)
        return super().readline(*size)

    def read1(self, *size):
        self.lines = 0
        return super().read1(*size)


class Connections(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Those of http and https, whose response is an Answer."""

    def do_open(self, connect, request, **options):
        def connection(*args, **kwargs):
            connected = connect(*args, **kwargs)
            connected.response_class = Answer
            return connected
        return super().do_open(connection, request, **options)


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https alone, never from https down to http, and no more than ten."""

    def http_error_302(self, request, response, *rest):
        nothing = io.BytesIO()  # urllib reads all of what comes with a redirect, however much it is
        answer = super().http_error_302(request, nothing, *rest)
        if answer:
            response.close()
        return answer

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

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
            raise Problem("%s: another process is fetching it" % path) from None
        most, whole = file.tell(), False
        try:
            while not whole:
                try:
                    transfer(url, file, path, size)
                    whole = True
                except Interrupted as interrupted:
                    tries = 1 if file.tell() >= most + LEAST else tries + 1
                    most = max(most, file.tell())
                    if tries >= TRIES:
                        raise Problem("%s: %s; run the same command again to go on"
                                      % (url, interrupted)) from interrupted
                    write("%s: %s; trying again" % (url, interrupted))
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
    version, offset = version_file(path), file.tell()
    known = read_version(version) if offset else None  # the version of which there is a part
    response = ask(url, file, version, known)
    if response is None:
        return
    with response:
        refuse_disguises(url, response)
        if response.status == 206:
            total = go_on(response, file, version, known)
        else:
            begin_anew(file, version)
            offset, total = 0, size if response.length is None else response.length
            if is_name(served_version(response)):
                version.write_text(served_version(response))
        if size is not None and total != size:
            begin_anew(file, version)
            raise Problem("%s: the server has %d bytes, not %d: another version of the file" % (url, total, size))
        check_space(version.parent, (total or 0) - offset)
        most = MOST if total is None else total
        with progress(total=total, initial=offset, unit="B", unit_scale=True, desc=path.stem.lstrip(".")) as bar:
            for chunk in iter(lambda: receive(response), b""):
                file.write(chunk)
                file.flush()
                bar.update(len(chunk))
                if file.tell() > most:
                    break  # only where the server did not say how much there is
    if total is None and file.tell() > most:
        begin_anew(file, version)
        raise Problem("%s: more than %d bytes, and no end; get the file by hand" % (url, most))
    if total is not None and file.tell() < total:
        raise Interrupted("the connection broke after %d of %d bytes" % (file.tell(), total))


def ask(url, file, version, known):
    """The server's answer: all of the file, or the rest of it if it is still of the version `known`, None for any.

    None where nothing is missing. Raises Interrupted, and Problem for an answer that will not change.
    """
    headers, offset = {"User-Agent": "fetch_models"}, file.tell()
    if known is not None:
        headers.update({"Range": "bytes=%d-" % offset, "If-Range": known})
    try:
        request = urllib.request.Request(url, headers=headers)
        return urllib.request.build_opener(Connections, Redirects).open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and error.headers.get("Content-Range") == "bytes */%d" % offset:
                return None  # it is all there
        if error.code == 416:
            begin_anew(file, version)
        if error.code >= 500 or error.code in (408, 416, 429):
            raise Interrupted("the server says %d %s" % (error.code, error.reason)) from None
        raise Problem("%s: the server says %d %s; look for the file at its source"
                      % (url, error.code, error.reason.split("\n")[0])) from error
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, http.client.InvalidURL):
            raise no_address(url, error) from error
        raise Interrupted(reason(error)) from error
    except (ValueError, OverflowError) as error:  # urllib's, of an address, and a port's
        raise no_address(url, error) from error


def no_address(url, error):
    """The Problem of an address that is none, or that redirects to one that is none, by urllib's word."""
    return Problem("%s: this, or what it redirects to, is no address that can be asked: %s; get the file by hand"
                   % (url, error))


def refuse_disguises(url, response):
    """Raise Problem for a page in the file's place, or a file in some encoding."""
    if response.headers.get_content_type() == "text/html":
        raise Problem("%s: a web page, not the file; open it in a browser and save the file by hand" % url)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Problem("%s: sent as %s; get the file by hand" % (url, response.headers["Content-Encoding"]))


def go_on(response, file, version, known):
    """The size of the whole file, of which `response` is the missing part. Raises Interrupted where it is another."""
    part = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]+/([0-9]{1,18})", response.headers.get("Content-Range", ""))
    if not part or int(part.group(1)) != file.tell() or served_version(response) not in ("", known):
        begin_anew(file, version)
        raise Interrupted("the server sent another part than it was asked for")
    return int(part.group(2))


def served_version(response):
    """What the server calls this version of the file: its ETag, or the date of its last change, or nothing."""
    tag = response.headers.get("ETag", "W/")
    return response.headers.get("Last-Modified", "") if tag.startswith("W/") else tag


def read_version(path):
    """The name in the file, None if there is none that could be sent to a server."""
    try:
        name = path.read_text(encoding="ascii")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return name if is_name(name) else None


def is_name(text):
    """Whether a version may be called so, in the head of a request."""
    return 0 < len(text) <= LONGEST_NAME and text.isascii() and text.isprintable()


def receive(response):
    """The next bytes, none at the end. Raises Interrupted."""
    try:
        return response.read1(CHUNK)
    except (OSError, OverflowError, http.client.HTTPException) as error:  # OverflowError: a chunk of any size
        raise Interrupted(reason(error)) from error


def reason(error):
    """Why the connection failed, in a few words."""
    error = getattr(error, "reason", error)  # of an URLError the exception within
    if isinstance(error, socket.timeout):
        return "the server sent next to nothing for %g seconds" % TIMEOUT
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
    for file in path, version_file(path):
        if file.exists():
            file.unlink()
