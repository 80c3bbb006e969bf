"""What a browser sends to the page's server: requests, and the camera's pictures."""
import io
import logging
import socket
import warnings
from pathlib import Path

from PIL import Image

from fuzz.formats import Format
from fuzz.mutants import of_text
from fuzz.nets import images
from pain.errors import Problem
from pain.page.uploads import read_picture
from support.pages import serving

PORT = b":8765"  # in the file, in the place of the server's
WAIT = 0.5  # seconds for an answer: some requests are not whole, and there is none


def questions(folder):
    """Requests of a connection, one after the other."""
    heads = [b"GET /app.js HTTP/1.1\r\nRange: bytes=0-9, 5-\r\nIf-Range: x", b"POST /api/sample HTTP/1.1",
             b"GET /?token=0123456789abcdef HTTP/1.1\r\nCookie: token_8765=x", b"HEAD /api/jobs/x HTTP/1.1",
             b"GET /api/jobs/x/rows?from=12 HTTP/1.1\r\nAccept: */*", b"DELETE /api/jobs/x HTTP/1.1",
             b"POST /api/labels?name=a.csv HTTP/1.1\r\nTransfer-Encoding: chunked"]
    (folder / "request").write_bytes(b"".join(b"%s\r\nHost: 127.0.0.1%s\r\n\r\n" % (head, PORT) for head in heads)
                                     + b"c\r\nframe,label\n\r\n4\r\n0,1\n\r\n0\r\n\r\n")
    return folder / "request"


def ask():
    """Send the requests. What is answered is no bug, nor does it end the server, which answers others afterwards."""
    logging.disable(logging.WARNING)  # of uvicorn, that a request is none
    with serving(Path("server").resolve()) as client:
        content = Path("request").read_bytes().replace(PORT, b":%d" % client.port)
        with socket.create_connection(("127.0.0.1", client.port), timeout=WAIT) as line:
            answer = b""
            try:
                line.sendall(content)
                while chunk := line.recv(1 << 16):
                    answer += chunk
            except OSError:  # no more comes, or no more is read
                pass
        client.json("GET", "/api")
    statuses = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert not [status for status in statuses if status[:1] == b"5"], answer
    print(statuses)


def jpeg(folder):
    file = io.BytesIO()
    Image.fromarray(images(1)[0]).save(file, "JPEG")
    (folder / "picture.jpg").write_bytes(file.getvalue())
    return folder / "picture.jpg"


def look():
    warnings.simplefilter("ignore")
    image = read_picture(Path("picture.jpg").read_bytes())
    if max(image.shape[:2]) > 1920 or image.shape[2:] != (3,):
        raise Problem("a picture of %s" % (image.shape,))


FORMATS = [Format("requests", questions, ask, mutant=of_text), Format("picture", jpeg, look)]
