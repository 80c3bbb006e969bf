"""The page in a real browser, and what a person does with it."""
from pain.video.curve import read_curve
from support.browser import Browser

FRAMES = 40
CAMERA = "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"


class PageBrowser(Browser):
    """A Browser with what a person does on the page."""

    def text(self, name):
        return self.js("document.getElementById(arguments[0]).textContent", name)

    def give(self, name, path):
        self.driver.find_element("id", name).send_keys(str(path))

    def open_done(self, client, path, frames=FRAMES):
        """Open the page, give it a video and wait for the whole curve. Returns the job's id."""
        self.open(client.origin)
        self.give("file", path)
        self.wait("document.getElementById('status').textContent === '%d frames'" % frames)
        self.wait("document.getElementById('plot').dataset.frames === '%d'" % frames)
        return self.js("location.hash.slice(1)")

    def open_job(self, client, job, **options):
        self.open(client.origin + "/#" + job, **options)
        self.wait("document.getElementById('plot').dataset.frames === '%d'" % FRAMES)

    def keys(self, *those):
        from selenium.webdriver import ActionChains
        self.js("document.getElementById('plot').focus()")
        ActionChains(self.driver).send_keys(*those).perform()

    def drag(self, start, end, shift=False):
        """Press at one share of the plot's width and release at another."""
        from selenium.webdriver import ActionChains, Keys
        self.js("document.getElementById('plot').scrollIntoView({block: 'center'})")
        plot = self.driver.find_element("id", "plot")
        width = plot.size["width"]
        chain = ActionChains(self.driver, duration=20)
        if shift:
            chain.key_down(Keys.SHIFT)
        chain.move_to_element_with_offset(plot, int((start - 0.5) * width), 0).click_and_hold()
        chain.move_to_element_with_offset(plot, int((end - 0.5) * width), 0).release()
        if shift:
            chain.key_up(Keys.SHIFT)
        chain.perform()

    def frame(self):
        return int(self.js("document.getElementById('plot').getAttribute('aria-valuenow')"))


def read_rows(client, job, folder):
    """The Rows of a job's curve.csv, by way of the folder."""
    (folder / "curve.csv").write_bytes(client.ask("GET", "/api/jobs/%s/curve.csv" % job)[2])
    return read_curve(folder / "curve.csv")[1]
