"""tools/app.py: what it prints and serves, what it refuses."""
import contextlib
import io
import re
import signal
import socket
import sys
from unittest import mock

import app
from pain import models, notice
from pain.page.server import PAGE
from pain.provenance import Origin
from pain.video import estimator
from support.pages import Light
from support.predictions import refuses


def start(*arguments):
    """What main() prints, and the Guard that it would serve."""
    served, running = [], mock.Mock()
    with mock.patch.object(sys, "argv", ["app.py", "--model", "x", "--port", "0", *map(str, arguments)]), \
            mock.patch.object(estimator, "load_estimator", lambda *_, **__: Light()), \
            mock.patch.object(models, "find_models", lambda _: []), \
            mock.patch.object(app, "server", lambda guard: served.append(guard) or running), \
            mock.patch.object(signal, "signal") as handle, \
            contextlib.redirect_stdout(io.StringIO()) as out:
        app.main()
    handle.assert_called_once_with(signal.SIGHUP, running.handle_exit)
    return out.getvalue(), served[0]


def test_other_machines_only_with_a_token(usual_signals):
    out, guard = start()
    assert re.match(r"http://127\.0\.0\.1:\d+/  \(Ctrl-C", out) and guard.token is None
    assert notice.notice(Origin()) in out and "patients" not in out
    with mock.patch.object(app, "listen", lambda *_: socket.create_server(("127.0.0.1", 0))):  # not really everywhere
        out, guard = start("--host", "0.0.0.0")
        shown = re.match(r"http://0\.0\.0\.0:\d+/\?token=(\S+)", out).group(1)
        assert shown == guard.token and len(shown) >= 32
        assert start("--host", "0.0.0.0")[1].token != shown
        out, guard = start("--host", "192.168.1.7", "--token", "my own token, long")
        assert guard.token == "my own token, long" and "/?token=my%20own%20token%2C%20long " in out


def test_one_line_errors(tmp_path):
    common = "--model", tmp_path / "no.caffemodel", "--port", 0
    assert "no caffemodel" in refuses(*common, main=app.main)
    assert "make_sample.py" in refuses(*common, "--sample", tmp_path / "no.mp4", main=app.main)
    assert "the same nets twice" in refuses(*common, "--compare", tmp_path / "." / "no.caffemodel", main=app.main)
    assert "16 characters" in refuses(*common, "--token", "short", main=app.main)
    assert "ASCII" in refuses(*common, "--token", "schlüssel" * 3, main=app.main)
    for option, *wrong in [("--max-mb", 0, 10 ** 400), ("--keep-minutes", "nan", "inf", "1e308", "1e-300", 0, -1)]:
        for value in wrong:
            assert "above 0" in refuses(*common, option, value, main=app.main)
    assert "to 65535" in refuses(*common, "--port", 99999, main=app.main)
    with socket.create_server(("127.0.0.1", 0)) as taken, mock.patch.object(models, "find_models", lambda _: []):
        assert "in use" in refuses("--model", "x", "--port", taken.getsockname()[1], main=app.main)
        assert "x" * 70 + " port 8765: " in refuses("--model", "x", "--host", "x" * 70, main=app.main)


def test_the_page_loads_nothing_from_elsewhere():
    files = list(PAGE.iterdir())
    assert len(files) > 10
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert "http:" not in text and "https:" not in text and "innerHTML" not in text
