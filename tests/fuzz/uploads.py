"""Videos uploaded to a page, which rates them: one page, in a process of its own, for all of them.

    python -m fuzz.uploads FOLDER        it writes its port to FOLDER/port, and what it says to stderr
"""
import http.client
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fuzz.child import set_limits
from fuzz.formats import Format
from fuzz.videos import write
from pain.page.job import BUG, RUNNING, WAITING
from pain.processes import ending_with_this
from support.pages import serving

DAY = 86400  # seconds that the page may compute


def upload(folder):
    """A video, and a page that is served, which ends with this process: its port, and the file of what it says."""
    with open(str(folder / "said"), "wb") as said:
        page = subprocess.Popen(ending_with_this([sys.executable, "-m", "fuzz.uploads", str(folder)]), stderr=said,
                                start_new_session=True)
    while not (folder / "port").exists():
        assert page.poll() is None, (folder / "said").read_text()
        time.sleep(0.1)
    (folder / "log").write_text(said.name)
    return write(folder, "h264.mp4")


def serve():
    folder = Path(sys.argv[1])
    set_limits(DAY)
    with tempfile.TemporaryDirectory() as temporary, serving(Path(temporary) / "server") as client:
        (folder / "port.partial").write_text("%d" % client.port)
        (folder / "port.partial").rename(folder / "port")
        while True:
            time.sleep(DAY)


def ask(method, path, body=None):
    """The page's status and what it answers, as JSON if it is."""
    connection = http.client.HTTPConnection("127.0.0.1", int(Path("port").read_text()), timeout=300)
    connection.request(method, path, body)
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status < 500, (answer.status, content)
    return answer.status, json.loads(content) if answer.headers.get_content_type() == "application/json" else content


def rate():
    """Upload the video, wait for its curve, read all there is, and remove it."""
    log = Path(Path("log").read_text())
    before = log.stat().st_size
    status, job = ask("PUT", "/api/jobs?name=a.mp4", Path("h264.mp4").read_bytes())
    if status == 201:
        at = "/api/jobs/" + job["id"]
        while job["state"] in (WAITING, RUNNING):
            time.sleep(0.01)
            _, job = ask("GET", at)
        for path in "/rows", "/video", "/curve.csv":
            ask("GET", at + path)
        ask("DELETE", at)
    assert ask("GET", "/api")[0] == 200
    said = log.read_bytes()[before:].decode("utf-8", "replace")
    assert BUG not in job["error"] and "\n" not in job["error"] and "Traceback" not in said, (job, said)
    print(status, job["error"])


FORMATS = [Format("uploads", upload, rate)]

if __name__ == "__main__":
    serve()
