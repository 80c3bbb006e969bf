"""What a browser lets through: nothing to a page of another origin, and nothing from elsewhere to ours."""
import http.server
import json
import threading

from support.browser import needs_browser

pytestmark = needs_browser


def test_it_loads_nothing_from_elsewhere(page, real, sample):
    page.driver.get_log("performance")
    page.open_done(real, sample)
    events = [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]
    asked = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    assert len(asked) > 5 and all(url.startswith((real.origin, "about:", "data:", "blob:")) for url in asked), asked


ATTACK = """<!DOCTYPE html><title>elsewhere</title><body><script>
const target = "TARGET", said = [];
const tries = [
  fetch(target + "/api").then(answer => answer.text()), fetch(target + "/api/jobs?name=x", {method: "PUT", body: "x"}),
  fetch(target + "/api/sample", {method: "POST", mode: "no-cors"}).then(() => Promise.reject("cannot be read")),
  new Promise((good, bad) => { const it = new WebSocket(target.replace("http", "ws") + "/api/live");
                               it.onopen = good; it.onerror = () => bad("refused"); }),
  new Promise((good, bad) => Object.assign(document.createElement("video"),
                                           {onloadeddata: good, onerror: () => bad("refused"), src: target + "VIDEO"})),
  new Promise((good, bad) => document.body.append(Object.assign(document.createElement("script"),
      {onload: good, onerror: () => bad("refused"), src: target + "/app.js"})))];
const frame = Object.assign(document.createElement("iframe"), {src: target + "/"});
document.body.append(frame);
Promise.allSettled(tries).then(all => { window.said = all.map(one => one.status); });
document.documentElement.dataset.drawn = "yes";
</script>"""


def test_a_page_of_another_origin_gets_nothing(chromium, real, job):
    chromium.open_job(real, job)
    html = ATTACK.replace("TARGET", real.origin).replace("VIDEO", "/api/jobs/%s/video" % job).encode()

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html)

        def log_message(self, *_):
            pass

    before = real.files()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        chromium.open("http://localhost:%d/" % server.server_port)
        assert chromium.wait("window.said") == ["rejected"] * 6
        assert chromium.js("frames[0].length") == 0 and chromium.js(
            "(() => { try { return frames[0].document.body.innerText } catch { return 'closed' } })()") == "closed"
        chromium.leave()
        server.shutdown()
    assert real.files() == before  # no sample was begun
