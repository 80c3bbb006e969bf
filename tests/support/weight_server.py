"""A server that does what servers do: it breaks off, stalls, lies and redirects; and the card of a file it has."""
import hashlib
import http.server
import re
import threading

import numpy as np

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
            handler.server.over.wait()
    return reply


def status(code, **headers):
    def reply(handler):
        handler.send_response(code)
        for name, value in dict(headers, Content_Length="0").items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
    return reply


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
