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
JOB, LENGTH = b"%s /api/jobs/x%s HTTP/1.1", b"\r\nContent-Length: %d"  # x: in the place of a job that is done
WAIT = 0.5  # seconds for an answer: some requests are not whole, and there is none


def questions(folder):
    """Requests of a connection, one after the other."""
    labels = b"frame,label\n0,1\n"
    episodes = b'{"episodes":[{"name":"x","person":1,"first":0,"last":2}],"csv":"name\nx\n"}'
    asked = [(b"GET /app.js HTTP/1.1\r\nRange: bytes=0-9, 5-\r\nIf-Range: x", b""), (b"POST /api/sample HTTP/1.1", b""),
             (b"GET /?token=0123456789abcdef HTTP/1.1\r\nCookie: token_8765=x", b""),
             (b"GET /api/jobs HTTP/1.1\r\nCookie: session_8765=0123456789abcdefghijkl", b""),
             (b"PUT /api/jobs?options=%7B%22track%22:true%7D HTTP/1.1\r\nContent-Length: 1", b"x"),
             (JOB % (b"HEAD", b""), b""), (JOB % (b"GET", b"/rows?from=0&whole=1"), b""),
             (JOB % (b"POST", b"/place?to=1"), b""), (JOB % (b"POST", b"/again?options=%7B%22min_face%22:0.5%7D"), b""),
             (JOB % (b"PUT", b"/labels?name=a.csv") + LENGTH % len(labels), labels),
             (JOB % (b"PUT", b"/episodes") + LENGTH % len(episodes), episodes), (JOB % (b"GET", b"/marks"), b""),
             (JOB % (b"GET", b"/curve.json"), b""), (JOB % (b"POST", b"/annotated"), b""),
             (b"GET /api/study.csv?options=%7B%22thresholds%22:%5B1%5D%7D HTTP/1.1", b""),
             (b"GET /api/session.zip HTTP/1.1", b""), (JOB % (b"DELETE", b""), b""),
             (b"POST /api/curve?name=a.csv HTTP/1.1\r\nTransfer-Encoding: chunked",
              b"c\r\nframe,label\n\r\n4\r\n0,1\n\r\n0\r\n\r\n")]
    (folder / "request").write_bytes(b"".join(b"%s\r\nHost: 127.0.0.1%s\r\n\r\n%s" % (head, PORT, body)
                                              for head, body in asked))
    return folder / "request"


def animation():
    """The bytes of a GIF of three frames."""
    file, (first, *others) = io.BytesIO(), [Image.new("L", (64, 48), level) for level in (0, 102, 204)]
    first.save(file, "GIF", save_all=True, append_images=others, duration=200)
    return file.getvalue()


def ask():
    """Send the requests. What is answered is no bug, nor does it end the server, which answers others afterwards."""
    logging.disable(logging.WARNING)  # of uvicorn, that a request is none
    with serving(Path("server").resolve()) as client:
        job = client.until(client.upload(animation(), "x.gif"), "done")["id"].encode()
        content = Path("request").read_bytes().replace(PORT, b":%d" % client.port).replace(b"/jobs/x", b"/jobs/" + job)
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
