"""What servers send: archives, files, answers; and the manifest that says where they are."""
import contextlib
import io
import json
import socket
import tarfile
import threading
import zipfile
from pathlib import Path
from unittest import mock

import fetch_models
from fuzz.formats import Format
from fuzz.mutants import of_bytes, of_text
from pain.downloads import download
from support.weight_server import CONTENT, Handler, Server, answer, card

SMALL = CONTENT[:3000]


def tarred(folder):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in ("other", b"other"), ("long/" * 40 + "\u00e9", b"long"), ("m", SMALL):
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = len(content), {"comment": "c" * 50}
            archive.addfile(info, io.BytesIO(content))
    (folder / "served").write_bytes(stream.getvalue())
    return folder / "served"


def zipped(folder):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("other", b"other")
        archive.writestr("m", SMALL)
    (folder / "served").write_bytes(stream.getvalue())
    return folder / "served"


def resealed(original, random):
    """A mutant of a tar, whose headers have right checksums: only so is read what is wrong in them."""
    data = bytearray(of_bytes(original, random) if random.randint(2) else header_changed(original, random))
    for start in range(0, len(data) - 511, 512):
        if data[start + 257:start + 262] == b"ustar":
            data[start + 148:start + 156] = b" " * 8
            data[start + 148:start + 156] = b"%06o\0 " % sum(data[start:start + 512])
    return bytes(data)


def header_changed(original, random):
    """A tar with a field of a header changed: the size, its kind, the name, or what is behind it."""
    data = bytearray(original)
    starts = [start for start in range(0, len(data) - 511, 512) if data[start + 257:start + 262] == b"ustar"]
    start = starts[random.randint(len(starts))]
    kind = random.randint(4)
    if kind < 2:
        sizes = b"77777777777\0", b"00000000000\0", b"\x80" + b"\0" * 6 + b"\xff" * 5, b"\xff" * 12, b"30000000000\0", \
            b"-0000000001\0", b"           \0", b"\x80" + b"\0" * 3 + b"\x7f" * 8
        data[start + 124:start + 136] = sizes[random.randint(len(sizes))]
    if kind > 0:
        data[start + 156:start + 157] = b"0 1 2 3 4 5 6 7 L K x g S X N D M".split()[random.randint(17)]
    return bytes(data)


@contextlib.contextmanager
def impatient():
    with mock.patch.multiple(download, TIMEOUT=0.3, PAUSE=0, TRIES=2):
        yield


def fetch(url, **changes):
    """Run the command on a manifest of one card, of the file at this address."""
    Path("manifest.json").write_text(json.dumps({"files": [card(mock.Mock(url=url), None, **changes)]}))
    with impatient():
        fetch_models.main()


def fetch_archive():
    with Server(("127.0.0.1", 0), Handler) as server:
        server.answers = [answer(Path("served").read_bytes())]
        fetch(server.url, archive={"member": "m"}, size=len(SMALL))


def fetch_unknown_archive():
    with Server(("127.0.0.1", 0), Handler) as server:
        server.answers = [answer(Path("served").read_bytes())]
        fetch(server.url, archive={"member": "m"})


def version(folder):
    """A part of a file, and the note of its version."""
    (folder / "models").mkdir()
    (folder / "models" / ".m.caffemodel.partial").write_bytes(SMALL[:1000])
    (folder / "models" / ".m.caffemodel.version").write_text('"1"')
    return folder / "models" / ".m.caffemodel.version"


def fetch_rest():
    with Server(("127.0.0.1", 0), Handler) as server:
        server.answers = [answer(SMALL)]
        fetch(server.url)


ANSWERS = (b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1000-2999/3000\r\nContent-Length: 2000\r\n"
           b"ETag: \"1\"\r\nContent-Type: application/octet-stream\r\n\r\n" + SMALL[1000:],
           b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/model\r\nContent-Length: 0\r\n\r\n",
           b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nLast-Modified: Mon, 01 Jan 2018 00:00:00 GMT\r\n\r\n"
           b"5\r\nabcde\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n",
           b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */1000\r\nContent-Length: 0\r\n\r\n")


def answers(folder):
    version(folder)
    (folder / "answer").write_bytes(ANSWERS[0])
    return folder / "answer"


def answer_mutant(original, random):
    """A mutant of one of several answers, most of all of its head."""
    head, _, body = ANSWERS[random.randint(len(ANSWERS))].partition(b"\r\n\r\n")
    kind = random.randint(4)
    if kind == 0:
        return of_bytes(head + b"\r\n\r\n" + body, random)
    if kind == 1:
        location = LOCATIONS[random.randint(len(LOCATIONS))]
        return b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
    return of_text(head, random) + b"\r\n\r\n" + body


LOCATIONS = (b"http://[::1/x", b"http://[", b"http://", b"http:", b"//", b"///x", b"?", b"#", b"http://127.0.0.1:99999/",
             b"http://127.0.0.1:x/", b"http://\xff/", b"http://a b/", b"http://127.0.0.1:1/\x00", b"file:///etc/passwd",
             b"ftp://x/", b"data:text/plain,x", b"javascript:x", b"http://user:pass@127.0.0.1:1/", b"http://%zz/",
             b"http://xn--\xc3\xa9/", b"http://" + b"a" * 300 + b"/", b"http://a..b/", b"/" + b"a" * 60000,
             b"\xf0\x9f\x92\xa9", b"http://[v1.x]/", b"http://127.0.0.1:-1/", b"HTTP://127.0.0.1:1/", b"\\\\x\\y", b"http://\xe2\x84\x80/")


def fetch_from_liar():
    """The command against a server that sends the file `answer`, whatever it is asked."""
    content, over = Path("answer").read_bytes(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            with contextlib.suppress(OSError):
                while not over.is_set():
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.recv(65536)
                        connection.sendall(content)
                        connection.shutdown(socket.SHUT_WR)
        threading.Thread(target=serve, daemon=True).start()
        try:
            fetch("http://127.0.0.1:%d/model" % server.getsockname()[1])
        finally:
            over.set()


def manifest(folder):
    cards = [card(mock.Mock(url="http://127.0.0.1:1/m"), None, archive={"member": "m", "size": 5}, mirrors=["a", "b"],
                  by_hand=True), card(mock.Mock(url="x"), SMALL, name="n", file="n.h5", by_hand=True)]
    (folder / "models").mkdir()
    for name in "m.caffemodel", "n.h5":
        (folder / "models" / name).write_bytes(SMALL)
    (folder / "manifest.json").write_text(json.dumps({"files": cards}, indent=1))
    return folder / "manifest.json"


def read_manifest():
    with impatient():
        fetch_models.main()


TO = "--to", "models", "--manifest", "manifest.json"
FORMATS = [
    Format("tar", tarred, fetch_archive, TO, resealed), Format("zip", zipped, fetch_archive, TO),
    Format("tar-unknown", tarred, fetch_unknown_archive, TO, resealed),
    Format("version", version, fetch_rest, TO, of_text),
    Format("answer", answers, fetch_from_liar, TO, answer_mutant),
    Format("manifest.json", manifest, read_manifest, TO, of_text),
]
