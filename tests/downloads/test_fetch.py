"""Fetching weights from a real server that does what servers do: it breaks off, stalls, lies and redirects."""
import fcntl
import hashlib
import http.server
import io
import json
import re
import shutil
import ssl
import subprocess
import tarfile
import tempfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pain.downloads import download, fetch, manifest, unpack
from pain.errors import Problem
from support.project import ROOT, assert_one_line_error, run_tool

CONTENT = np.random.RandomState(0).bytes(200000)
OTHER = np.random.RandomState(1).bytes(150000)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(dict(self.headers, path=self.path))
        answers = self.server.answers
        answers[min(len(self.server.seen), len(answers)) - 1](self)  # the last one over and over

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Answers its n-th request by answers[n]; `seen` are the requests' headers."""

    daemon_threads = True

    def __enter__(self):
        self.answers, self.seen, self.over = [], [], threading.Event()
        self.url = "http://127.0.0.1:%d/model" % self.server_port
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *args):
        self.over.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, *args):
        pass  # a client that has heard enough


def answer(content=CONTENT, etag='"1"', ranges=True, stop=None, stall=False, said=None, **headers):
    """An answer with the content, or the part that is asked for where `ranges`.

    Only the first `stop` bytes are sent; the connection then hangs where `stall`, else it ends. said: what
    Content-Length says, False for nothing.
    """
    def reply(handler):
        start, wanted = 0, re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        if ranges and wanted and handler.headers.get("If-Range", etag) == etag:
            start = int(wanted.group(1))
        if start >= len(content):
            handler.send_response(416)
            handler.send_header("Content-Range", "bytes */%d" % len(content))
            handler.end_headers()
            return
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(content) - 1, len(content)))
        if said is not False:
            handler.send_header("Content-Length", str(len(content) - start if said is None else said))
        if etag:
            handler.send_header("ETag", etag)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content[start:][:stop])
        handler.wfile.flush()
        if stall:
            handler.server.over.wait(5)
    return reply


def status(code, **headers):
    def reply(handler):
        handler.send_response(code)
        for name, value in dict(headers, Content_Length="0").items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
    return reply


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    monkeypatch.setattr(download, "PAUSE", 0)
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as server:
        yield server


def card(server, content=CONTENT, **changes):
    """A card of the manifest; content: what the file should be, None where that is unknown."""
    known = {} if content is None else {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return dict({"name": "m", "file": "m.caffemodel", "what": "a model", "source": "here", "licence": "none",
                 "loads_into": ["net.prototxt"], "url": server.url}, **known, **changes)


def fetched(folder):
    """The names of the files in the folder, and the model's content if it is there."""
    path = folder / "m.caffemodel"
    return sorted(path.name for path in folder.iterdir()), path.read_bytes() if path.exists() else None


WHOLE = ["m.caffemodel"], CONTENT
PART = [".m.caffemodel.partial", ".m.caffemodel.version"]


# ---- a server that means well ----

@pytest.mark.parametrize("known", [CONTENT, None])
@pytest.mark.parametrize("how", [{}, {"said": False}, {"etag": None}, {"etag": 'W/"1"'}, {"ranges": False}])
def test_a_file_is_fetched(server, tmp_path, known, how):
    server.answers = [answer(**how)]
    line = fetch.fetch(card(server, known), tmp_path)
    assert fetched(tmp_path) == WHOLE and "tools/check_weights.py" in line and "net.prototxt" in line
    assert ("as published" if known else hashlib.sha256(CONTENT).hexdigest()) in line
    assert fetch.fetch(card(server, known), tmp_path) and len(server.seen) == 1  # not again


def test_a_broken_transfer_goes_on_where_it_broke(server, tmp_path):
    server.answers = [answer(stop=70000), answer(stop=50000), answer()]
    fetch.fetch(card(server), tmp_path)
    assert fetched(tmp_path) == WHOLE
    assert [request.get("Range") for request in server.seen] == [None, "bytes=70000-", "bytes=120000-"]
    assert all(request["If-Range"] == '"1"' for request in server.seen[1:])


def test_a_stalled_transfer_goes_on(server, tmp_path):
    server.answers = [answer(stop=70000, stall=True), answer(stop=0, stall=True), answer()]
    fetch.fetch(card(server), tmp_path)
    assert fetched(tmp_path) == WHOLE and server.seen[2]["Range"] == "bytes=70000-"


def test_the_same_command_goes_on(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TRIES", 1)
    server.answers = [answer(etag=None, Last_Modified="Mon, 01 Jan 2018 00:00:00 GMT", stop=70000)]
    for _ in range(2):
        with pytest.raises(Problem, match="broke after 70000 of 200000 bytes; run the same command again"):
            fetch.fetch(card(server), tmp_path)
        assert fetched(tmp_path) == (PART, None)
    assert server.seen[1]["If-Range"] == "Mon, 01 Jan 2018 00:00:00 GMT"


def test_a_part_that_is_the_whole_is_not_fetched_again(server, tmp_path):
    server.answers = [answer()]
    (tmp_path / PART[0]).write_bytes(CONTENT)
    (tmp_path / PART[1]).write_text('"1"')
    fetch.fetch(card(server), tmp_path)
    assert fetched(tmp_path) == WHOLE and len(server.seen) == 1


def test_a_part_of_unknown_or_larger_origin_is_begun_anew(server, tmp_path):
    server.answers = [answer()]
    (tmp_path / PART[0]).write_bytes(OTHER)
    fetch.fetch(card(server), tmp_path)
    assert fetched(tmp_path) == WHOLE and "Range" not in server.seen[0]
    (tmp_path / "m.caffemodel").unlink()
    (tmp_path / PART[0]).write_bytes(CONTENT + OTHER)
    (tmp_path / PART[1]).write_text('"1"')
    fetch.fetch(card(server), tmp_path)
    assert fetched(tmp_path) == WHOLE


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(
    st.builds(lambda **how: answer(**how), stop=st.integers(0, 120000), ranges=st.booleans(),
              etag=st.sampled_from(['"1"', 'W/"1"', None])),
    st.builds(lambda **how: answer(OTHER, etag='"0"', **how), stop=st.integers(0, 30000)),  # never the whole of it
    st.builds(status, st.sampled_from([500, 502, 503, 408, 429]))), max_size=4))
def test_whatever_went_before_the_file_is_whole(answers):
    with tempfile.TemporaryDirectory() as folder, Server(("127.0.0.1", 0), Handler) as server:
        server.answers = [*answers, answer()]
        fetch.fetch(card(server, None), folder)  # the server's word is all there is
        assert fetched(Path(folder)) == WHOLE


# ---- one that does not ----

@pytest.mark.parametrize("answers, words, requests, left", [
    ([status(404)], "404 Not Found; look for the file at its source", 1, []),
    ([status(403)], "403 Forbidden", 1, []),
    ([status(503)], "503 Service Unavailable; run the same command again", 5, []),
    ([answer(stop=0, stall=True)], "sent nothing for 0.3 seconds", 5, []),
    ([answer(said=300000)], "server has 300000 bytes, not 200000", 1, []),
    ([answer(CONTENT[:-1])], "server has 199999 bytes, not 200000", 1, []),
    ([answer(CONTENT[:-1], said=False, ranges=False)], "broke after 199999 of 200000", 5, PART),
    ([answer(CONTENT + b"x", said=False)], "what came has 200001 bytes, not 200000", 1, []),
    ([answer(b"x" + CONTENT[1:])], "right size, but SHA-256", 1, []),
    ([answer(Content_Type="text/html; charset=utf-8")], "a web page, not the file; open it in a browser", 1, []),
    ([answer(Content_Encoding="gzip")], "sent as gzip", 1, []),
    ([status(302, Location="/model")], "302 .*infinite loop", None, []),
    ([status(302, Location="file:///etc/hostname")], "302 .*not allowed", 1, []),
    ([status(302, Location="ftp://127.0.0.1/")], "redirects to ftp://127.0.0.1/, which is not followed", 1, []),
    ([status(302, Location="http://127.0.0.1:1/")], "Connection refused", 5, []),
])
def test_what_cannot_be_had_is_one_problem(server, tmp_path, answers, words, requests, left):
    server.answers = answers
    with pytest.raises(Problem, match=words) as raised:
        fetch.fetch(card(server), tmp_path)
    assert "\n" not in str(raised.value) and fetched(tmp_path) == (left, None)
    assert requests in (None, len(server.seen))


def test_of_a_file_nobody_knows_anything_about(server, tmp_path):
    page = b"\n <!DOCTYPE html><html><title>Google Drive - Virus scan warning</title></html>"
    for content, words in (page, "what came is a web page"), (b"", "what came is empty"):
        server.answers = [answer(content)]
        with pytest.raises(Problem, match=words):
            fetch.fetch(card(server, None), tmp_path)
    server.answers = [answer(said=300000, ranges=False)]  # breaks off at 200000 each time
    with pytest.raises(Problem, match="broke after 200000 of 300000"):
        fetch.fetch(card(server, None), tmp_path)
    server.answers = [answer(said=10 ** 17)]
    download.discard(tmp_path / PART[0])
    with pytest.raises(Problem, match="100000000000.0 MB are needed"):
        fetch.fetch(card(server, None), tmp_path)
    assert not (tmp_path / "m.caffemodel").exists()


def test_parts_that_were_not_asked_for(server, tmp_path):
    def other_part(handler):
        handler.send_response(206)
        handler.send_header("Content-Range", "bytes 5-199999/200000")
        handler.send_header("Content-Length", "199995")
        handler.end_headers()
        handler.wfile.write(CONTENT[5:])
    another_version = answer(OTHER + OTHER[:50000], etag='"2"')

    def ignores_if_range(handler):
        handler.headers.replace_header("If-Range", '"2"')
        another_version(handler)
    for wrong in other_part, ignores_if_range:
        server.seen.clear()
        server.answers = [answer(stop=70000), wrong, answer()]
        fetch.fetch(card(server), tmp_path)
        assert fetched(tmp_path) == WHOLE and "Range" not in server.seen[2]
        (tmp_path / "m.caffemodel").unlink()


def test_redirects_are_followed(server, tmp_path):
    server.answers = [status(301, Location="/a"), status(307, Location=server.url.replace("127.0.0.1", "localhost")),
                      answer()]
    fetch.fetch(card(server), tmp_path)
    assert fetched(tmp_path) == WHOLE and [request["path"] for request in server.seen] == ["/model", "/a", "/model"]


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make a certificate with")
def test_https_is_checked_and_kept(server, tmp_path, monkeypatch):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "certificate.pem"],
                   cwd=str(tmp_path), check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem"))
    out = tmp_path / "out"
    with Server(("127.0.0.1", 0), Handler) as secure:
        secure.socket = context.wrap_socket(secure.socket, server_side=True)
        secure.url = "https://localhost:%d/model" % secure.server_port
        secure.answers = server.answers = [answer()]
        with pytest.raises(Problem, match="certificate"):  # nobody has vouched for it
            fetch.fetch(card(secure), out)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        server.answers = [status(302, Location=secure.url)]
        fetch.fetch(card(server), out)
        assert fetched(out) == WHOLE
        (out / "m.caffemodel").unlink()
        server.answers, secure.answers, secure.seen = [answer()], [status(302, Location=server.url)], []
        before = len(server.seen)
        with pytest.raises(Problem, match="redirects to http://.*not followed"):
            fetch.fetch(card(secure), out)
        assert len(server.seen) == before and fetched(out) == ([], None)


def test_two_at_once(server, tmp_path):
    with open(str(tmp_path / PART[0]), "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Problem, match="another process is fetching it"):
            fetch.fetch(card(server), tmp_path)
    assert not server.seen


# ---- what is there already ----

def test_a_wrong_file_is_left_unless_forced(server, tmp_path):
    server.answers, path = [answer()], tmp_path / "m.caffemodel"
    for content, words in (OTHER, "has 150000 bytes"), (b"<html>", "web page"), (OTHER + OTHER[:50000], "SHA"):
        path.write_bytes(content)
        with pytest.raises(Problem, match="m.caffemodel: .*%s.*--force" % words):
            fetch.fetch(card(server), tmp_path)
        assert path.read_bytes() == content and not server.seen
    server.answers = [status(404)]
    with pytest.raises(Problem, match="404"):
        fetch.fetch(card(server), tmp_path, force=True)
    assert path.read_bytes() == content
    server.answers = [answer()]
    fetch.fetch(card(server), tmp_path, force=True)
    assert fetched(tmp_path) == WHOLE


# ---- archives ----

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


@pytest.mark.parametrize("kind", sorted(ARCHIVES))
def test_damaged_archives(server, tmp_path, kind):
    archive = ARCHIVES[kind]
    middle = len(archive) // 2
    for damaged in archive[:middle], archive[:middle] + bytes(2000) + archive[middle + 2000:], OTHER:
        with pytest.raises(Problem, match="damaged one|has no file|SHA-256"):
            fetch.fetch(from_archive(server, damaged), tmp_path)
        assert fetched(tmp_path) == ([], None)


# ---- the command ----

def run_fetch(tmp_path, *args, cards=None):
    if cards is not None:
        (tmp_path / "manifest.json").write_text(json.dumps({"files": cards}))
        args = (*args, "--manifest", tmp_path / "manifest.json")
    return run_tool("fetch_models.py", "--to", tmp_path / "models", *args)


def test_the_command_fetches_all(server, tmp_path):
    server.answers = [answer()]
    process = run_fetch(tmp_path, cards=[card(server), card(server, name="n", file="n.caffemodel")])
    assert process.returncode == 0 and process.stdout.count("as published") == 2, process.stderr
    assert fetched(tmp_path / "models") == (["m.caffemodel", "n.caffemodel"], CONTENT)
    server.answers = [status(404)]
    cards = [card(server, name="gone", file="gone"), card(server)]
    process = run_fetch(tmp_path, cards=cards)
    assert_one_line_error(process, "404")
    assert "as published" in process.stdout  # the others are seen to all the same
    assert_one_line_error(run_fetch(tmp_path, "mm", cards=cards), "mm", "there are gone, m")


CARD = dict(name="m", file="m", what="w", source="s", url="u", licence="l", loads_into=["n"])


@pytest.mark.parametrize("cards, words", [
    ([{"name": "m"}], "m has no file, what"), ([3], "not a manifest"), ("m", "not a manifest"),
    ([dict(CARD, file="../m")], "without a folder"), ([dict(CARD, file=".m")], "without a folder"),
    ([dict(CARD, archive={"size": 3})], "m has no archive member"),
])
def test_nonsense_in_the_manifest(tmp_path, cards, words):
    (tmp_path / "manifest.json").write_text(json.dumps({"files": cards}))
    with pytest.raises(Problem, match="manifest.json: .*" + words):
        manifest.read_manifest(tmp_path / "manifest.json")


def test_nonsense(tmp_path):
    assert_one_line_error(run_fetch(tmp_path, "--manifest", tmp_path / "no.json"), "no.json", "no such manifest")
    (tmp_path / "no.json").write_text("<html>")
    assert_one_line_error(run_fetch(tmp_path, "--manifest", tmp_path / "no.json"), "no.json", "not a manifest")
    assert_one_line_error(run_fetch(tmp_path, cards=[dict(CARD, url="file:///etc/hostname")]), "not an http")
    assert not list((tmp_path / "models").iterdir())


def test_our_manifest(tmp_path):
    for name, card in manifest.read_manifest(ROOT / "models" / "manifest.json").items():
        assert all((ROOT / net).exists() for net in card["loads_into"])
        assert card["by_hand"] or card["sha256"], name  # nothing is fetched that cannot be checked
    assert_one_line_error(run_fetch(tmp_path), "face_model", "drive.google.com", "save the file as",
                          tmp_path / "models" / "face_model.caffemodel")
    assert "not there" in run_fetch(tmp_path, "--list").stdout
    (tmp_path / "models").mkdir(exist_ok=True)
    path = tmp_path / "models" / "face_model.caffemodel"
    path.write_text("<!DOCTYPE html>")
    assert_one_line_error(run_fetch(tmp_path), path, "is a web page")
    path.write_bytes(CONTENT)
    process = run_fetch(tmp_path)
    assert process.returncode == 0 and hashlib.sha256(CONTENT).hexdigest() in process.stdout
    assert "there" in run_fetch(tmp_path, "--list").stdout and path.read_bytes() == CONTENT
