"""The page killed while it rates people's videos, and started again: is there no trace of them?"""
import gc
import http.client
import random
import shutil
import signal
import socket
import time

from fuzz.commands import GONE, SIGNALS, Command, imported
from fuzz.steps import VARIANT, Step

UPLOADS = 2  # which take a few seconds each
LONGEST = 5  # seconds until it is killed
PATIENCE = 900  # seconds for an answer, on a machine that has other things to do


class Page:
    """The page, in the folder of a Work, started again and again."""

    def __init__(self, work, seed):
        self.at, self.chance, self.starts = work.folder / "page at work", random.Random("page %d" % seed), 0
        work.ready("page", self.at)
        self.video, self.temporary = (self.at / "sample.mp4").read_bytes(), self.at / "tmp"
        imported("app.py")
        gc.collect()

    def start(self):
        """Start it. Returns its Command and its port."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
        self.starts += 1
        return Command(page_step(port), self.at, cold=self.starts % 5 == 0), port

    def traces(self, before=()):
        """What there is of people's that was not there before."""
        return sorted({path.name for path in self.temporary.glob("*pain-page-*")} - {*before})

    def kill(self, number):
        """Start the page, give it videos, kill it. Returns (what is wrong, what was done)."""
        before = self.traces()  # of the power failure before, which a start that is killed early has not yet removed
        command, port = self.start()
        early, wrong = self.chance.random() < 0.2, ""
        if not early:
            ask(command, port, "GET", "/api")
            if len(self.traces()) != 1:
                wrong += "\nthere when it began: %s" % self.traces()
            for _ in range(UPLOADS):
                ask(command, port, "PUT", "/api/jobs?name=a.mp4", self.video)
        after = self.chance.uniform(0, LONGEST)
        group, all_of_it = self.chance.random() < 0.5, number == signal.SIGKILL and self.chance.random() < 0.5
        # all_of_it: as when the power fails; what removes the videos after a kill -9 is killed, too
        ended = command.kill(number, after, group, all_of_it)
        wrong += ended.wrong and "\n" + ended.wrong
        deadline = time.monotonic() + GONE  # its keeper may not be seen yet
        while not all_of_it and self.traces(before) and time.monotonic() < deadline:
            time.sleep(0.1)
        if not all_of_it and self.traces(before):
            wrong += "\nleft after %.1f s: %s" % (ended.seconds, self.traces(before))
        return wrong, ended.seconds, "%s%s%s after %.2f s" % (
            signal.Signals(number).name, " to all" * group, " and its keeper" * all_of_it, after)


def page_step(port):
    return Step("app.py", "--model models/%s --sample sample.mp4 --port %d" % (VARIANT, port))


def ask(command, port, method, path, body=None):
    """Ask the page, which may not listen yet."""
    while command.wait(0.05) is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            assert answer.status in (200, 201), answer.read()
            return answer.read()
        except ConnectionRefusedError:
            pass
        finally:
            connection.close()
    raise AssertionError(command.said())


def kill_page(work, kills, seed=0, say=print):
    """Kill it so many times. Returns what went wrong, a list of texts."""
    page, wrong, longest = Page(work, seed), [], 0.
    for i in range(kills):
        said, seconds, what = page.kill(SIGNALS[i % len(SIGNALS)])
        longest = max(longest, seconds)
        say("page %d, %s: gone after %.1f s, %s" % (i + 1, what, seconds, said or "and no trace"))
        wrong += [said] * bool(said)
    command, port = page.start()
    ask(command, port, "GET", "/api")
    wrong += ["\nthere when it began: %s" % page.traces()] * (len(page.traces()) != 1)
    wrong += [said for said in [command.kill(signal.SIGTERM, 0, False).wrong] if said]
    say("page: %d kills, %d times wrong; gone after %.1f s at the most, %d allowed" % (
        kills, len(wrong), longest, GONE))
    shutil.rmtree(str(page.at))
    return wrong
