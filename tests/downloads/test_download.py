"""download.py: a file from a real server that breaks off, stalls, lies and redirects."""
import contextlib
import fcntl
import hashlib
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pain.downloads import download, fetch
from pain.errors import Problem
from support.processes import wait_until
from support.weight_server import CONTENT, OTHER, PART, WHOLE, Handler, Server, answer, card, fetched, status


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


def test_a_stalled_transfer_goes_on(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 2)  # for what is on its way comes within that on a busy machine
    server.answers = [answer(stop=70000, stall=True), answer(stop=0, stall=True), answer()]
    fetch.fetch(card(server), tmp_path)
    assert fetched(tmp_path) == WHOLE and server.seen[2]["Range"] == "bytes=70000-"


def test_a_server_that_says_nothing(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    server.answers = [answer(stop=0, stall=True)]
    with pytest.raises(Problem, match="sent next to nothing for 0.3 seconds"):
        fetch.fetch(card(server), tmp_path)
    assert fetched(tmp_path) == ([], None)
    wait_until(lambda: len(server.seen) == 5)


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", b"HTTP/1.1 200 "])
def test_a_server_that_sends_a_byte_now_and_then(server, tmp_path, monkeypatch, begin):
    def drip(handler):
        handler.wfile.write(begin)
        with contextlib.suppress(OSError):  # it has hung up
            while not server.over.wait(0.05):
                handler.wfile.write(b"a")
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    server.answers = [drip]
    with pytest.raises(Problem, match="sent next to nothing for 0.3 seconds; run the same command again to go on"):
        fetch.fetch(card(server, None), tmp_path)
    wait_until(lambda: len(server.seen) == 5)


def test_a_server_that_breaks_off_after_a_byte(server, tmp_path):
    server.answers = [answer(stop=1)]
    with pytest.raises(Problem, match="broke after 5 of 200000 bytes"):
        fetch.fetch(card(server), tmp_path)


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


@pytest.mark.parametrize("answers, words, requests, left", [
    ([status(404)], "404 Not Found; look for the file at its source", 1, []),
    ([status(403)], "403 Forbidden", 1, []),
    ([status(503)], "503 Service Unavailable; run the same command again", 5, []),
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
    ([status(302, Location="http://[::1/x")], "no address that can be asked: Invalid IPv6 URL", 1, []),
    ([status(302, Location="http://127.0.0.1:x/")], "no address that can be asked", 1, []),
    ([status(302, Location="http://127.0.0.1:9223372036854775808/")], "no address that can be asked", 1, []),
    ([status(302, Location="http://a..b/")], "no address that can be asked", 1, []),
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

    def part_of_many_digits(handler):
        handler.send_response(206)
        handler.send_header("Content-Range", "bytes 70000-199999/%s" % ("9" * 5000))
        handler.end_headers()
    for wrong in other_part, ignores_if_range, part_of_many_digits:
        server.seen.clear()
        server.answers = [answer(stop=70000), wrong, answer()]
        fetch.fetch(card(server), tmp_path)
        assert fetched(tmp_path) == WHOLE and "Range" not in server.seen[2]
        (tmp_path / "m.caffemodel").unlink()


@pytest.mark.parametrize("note", [b"\xff\xfe\x00", b"", "\u00e9".encode(), b'"1"\r\nHost: x', b"1" * 5000])
def test_a_note_that_names_no_version(server, tmp_path, note):
    server.answers = [answer()]
    (tmp_path / PART[0]).write_bytes(CONTENT[:1000])
    (tmp_path / PART[1]).write_bytes(note)
    fetch.fetch(card(server), tmp_path)
    assert fetched(tmp_path) == WHOLE and "Range" not in server.seen[0]


def test_a_file_without_an_end(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MOST", 100000)
    server.answers = [answer(said=False)]
    with pytest.raises(Problem, match="more than 100000 bytes, and no end; get the file by hand"):
        fetch.fetch(card(server, None), tmp_path)
    assert fetched(tmp_path) == ([], None)

    def endless_chunk(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n" % 10 ** 30 + CONTENT[:50])
    server.answers = [endless_chunk]
    with pytest.raises(Problem, match="run the same command again to go on"):
        fetch.fetch(card(server, None), tmp_path)


@pytest.mark.parametrize("begin, line", [
    (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n")])
def test_heads_and_tails_without_an_end(server, tmp_path, begin, line):
    def endless(handler):
        handler.wfile.write(begin)
        with contextlib.suppress(OSError):
            while not server.over.is_set():
                handler.wfile.write(line * 100)
    server.answers = [endless]
    with pytest.raises(Problem, match="1000 lines instead of a file; run the same command again to go on"):
        fetch.fetch(card(server), tmp_path)
    assert fetched(tmp_path) == ([], None)


def test_redirects_are_followed(server, tmp_path):
    server.answers = [status(301, Location="/a"), status(307, Location=server.url.replace("127.0.0.1", "localhost")),
                      answer()]
    fetch.fetch(card(server), tmp_path)
    assert fetched(tmp_path) == WHOLE and [request["path"] for request in server.seen] == ["/model", "/a", "/model"]


def test_what_comes_with_a_redirect_is_not_read(server, tmp_path):
    def endless(handler):
        handler.send_response(302)
        handler.send_header("Location", "/a")
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(bytes(1 << 16))
    server.answers = [endless, answer()]
    fetch.fetch(card(server), tmp_path)
    assert fetched(tmp_path) == WHOLE


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
