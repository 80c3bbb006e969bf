"""Who may ask: our page, at the address that is served, with a token where there is one; and no other."""
import contextlib
import http.client
import socket

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pain.page.origin_guard import Guard
from support.pages import serving

SAME = {"Origin": "ORIGIN", "Sec-Fetch-Site": "same-origin"}
STRANGE = [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
           {"Origin": "https://HOST"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
           {**SAME, "Origin": "http://localhost:1"}]


def headers_of(client, headers):
    return {key: value.replace("ORIGIN", client.origin).replace("HOST", client.origin[7:])
            for key, value in headers.items()}


@pytest.mark.parametrize("headers", STRANGE)
def test_other_pages_may_ask_nothing(served, grey, headers):
    job = served.upload(grey)
    served.until(job, "done")
    strange = headers_of(served, headers)
    own = "/api/jobs/" + job["id"]
    for method, path in [("PUT", "/api/jobs?name=x"), ("DELETE", own), ("POST", "/api/sample"), ("GET", "/api"),
                         ("GET", "/api/jobs"), ("GET", "/app.js"), ("OPTIONS", "/api/jobs"), ("GET", "/api/study.csv"),
                         ("GET", "/api/session.zip"), ("POST", "/api/curve"), ("PUT", own + "/labels"),
                         ("PUT", own + "/episodes"), ("POST", own + "/again"), ("POST", own + "/place?to=0"),
                         ("POST", own + "/annotated"), *(("GET", own + "/" + name) for name in (
                             "marks", "rows", "video", "curve.csv", "curve.json", "annotated.mp4", "labels.csv"))]:
        status, answered, _ = served.ask(method, path, grey if method == "PUT" else None, headers=strange)
        assert status == 403 and not [key for key in answered if key.lower().startswith("access-control")], path
    with pytest.raises(InvalidStatus) as refusal:
        connect(served.origin.replace("http", "ws") + "/api/live", origin=strange.get("Origin"), additional_headers={
            key: value for key, value in strange.items() if key != "Origin"}).close()
    assert refusal.value.response.status_code == 403
    assert served.ask("GET", "/api/jobs/" + job["id"], headers=headers_of(served, SAME))[0] == 200
    assert served.ask("GET", "/", headers=strange)[0] == 200  # a link to the page is no harm


def test_typed_into_the_address_bar(served):
    assert served.ask("GET", "/api", headers={"Sec-Fetch-Site": "none"})[0] == 200
    assert served.ask("DELETE", "/api/jobs/x", headers={"Sec-Fetch-Site": "none"})[0] == 403


@pytest.mark.parametrize("host, status", [
    ("localhost:PORT", 200), ("127.0.0.1:PORT", 200), ("LOCALHOST:PORT", 200), ("[::1]:PORT", 200),
    ("evil.example:PORT", 403), ("evil.example", 403), ("127.0.0.1", 403), ("127.0.0.1:1", 403),
    ("127.0.0.1.evil.example:PORT", 403),
    ("192.168.1.1:PORT", 403), ("", 403)])
def test_another_host_is_refused(served, host, status):
    host = host.replace("PORT", str(served.port))
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port)) as connection:
        connection.putrequest("GET", "/", skip_host=True)
        connection.putheader("Host", host)
        connection.endheaders()
        assert connection.getresponse().status == status


def test_every_answer_is_guarded(served):
    for path in "/", "/app.js", "/api", "/nothing":
        headers = served.ask("GET", path)[1]
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert "unsafe" not in headers["Content-Security-Policy"] and "Server" not in headers
        assert not [key for key in headers if key.lower().startswith("access-control")]


def test_a_token(tmp_path):
    token = "0123456789abcdef"
    with serving(tmp_path / "server", token=token) as client:
        cookie = "token_%d=" % client.port
        for path, headers in [("/", {}), ("/api", {}), ("/?token=wrong", {}), ("/api?token=" + token, {}),
                              ("/app.js", {}), ("/?token=%C3%A9", {}), ("/api", {"Cookie": cookie + token[:-1]}),
                              ("/api", {"Cookie": "token=" + token}), ("/api", {"Authorization": token})]:
            status, _, body = client.ask("GET", path, headers=headers)
            assert status == 401 and token.encode() not in body
        with pytest.raises(InvalidStatus):
            connect(client.origin.replace("http", "ws") + "/api/live").close()
        status, headers, _ = client.ask("GET", "/?token=" + token)
        assert status == 303 and headers["Location"] == "/"
        given = headers["Set-Cookie"].lower()
        assert "httponly" in given and "samesite=strict" in given and given.startswith(cookie + token)
        assert client.ask("GET", "/api", headers={"Cookie": cookie + token})[0] == 200
        assert client.ask("GET", "/api", headers={"Cookie": cookie + token}, host="evil.example")[0] == 403
        with connect(client.origin.replace("http", "ws") + "/api/live", additional_headers={"Cookie": cookie + token}):
            pass


@pytest.mark.parametrize("name, allowed", [
    ("192.168.1.7", True), ("10.1.2.3", True), ("[fe80::1]", True), (socket.gethostname(), True),
    ("evil.example", False), ("1.2.3.4.evil.example", False)])
def test_names_of_a_server_for_others(name, allowed):
    guard = Guard(None, "0.0.0.0", 8765, "0123456789abcdef")
    assert guard.is_ours(name + ":8765") == allowed and not guard.is_ours(name + ":80")
