"""A real browser for the tests of pages: headless Chromium, where there is one."""
import contextlib
import shutil

import pytest

from support.processes import wait_until

BROWSER = shutil.which("chromium") and shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(not BROWSER, reason="no browser here: apt-get install chromium chromium-driver")
FLAGS = ("--headless=new --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage --no-first-run "
         "--disable-sync --disable-background-networking --disable-component-update --window-size=1200,900").split()


@contextlib.contextmanager
def visited(origin):
    """A server is to end after this: every browser then leaves its pages, which would ask in vain, and complain."""
    try:
        yield
    finally:
        for browser in Browser.running:
            if browser.driver.current_url.startswith(origin):
                browser.leave()


class Browser:
    """Chromium by selenium, with what the tests ask of it. downloads: a folder for them; flags: more of Chromium's.

    It runs within a `with`.
    """
    running = []

    def __init__(self, downloads, *flags):
        from selenium import webdriver
        self.downloads = downloads
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in [*FLAGS, *flags]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))

    def __enter__(self):
        self.running.append(self)
        return self

    def __exit__(self, *_):
        self.running.remove(self)
        self.driver.quit()

    def leave(self):
        """Close the page, with all that it has kept and was told by cdp(), and go on in a new tab."""
        old = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        new = self.driver.current_window_handle
        self.driver.switch_to.window(old)
        self.driver.close()
        self.driver.switch_to.window(new)

    def said(self):
        """What the browser's log has been given since one last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser") if "favicon" not in entry["message"]]

    def cdp(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def open(self, address, dark=False, width=1200):
        self.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))
        self.cdp("Emulation.setEmulatedMedia", media="", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.driver.get("about:blank")
        self.driver.get(address)
        self.wait("document.documentElement.dataset.drawn")

    def js(self, script, *arguments):
        return self.driver.execute_script("return " + script, *arguments)

    def wait(self, script):
        """Wait until the script's value is true, and return it."""
        return wait_until(lambda: self.js(script), "never came true: " + script)

    def saved(self, name):
        """A download's bytes, once it is there."""
        path = self.downloads / name
        wait_until(lambda: path.exists() and path.stat().st_size, "%s never came" % name)  # it is empty at first
        return path.read_bytes()

    def click(self, selector):
        self.js("document.querySelector(arguments[0]).click()", selector)

    def choose(self, selector, value):
        self.js("(box => { box.value = arguments[1]; box.dispatchEvent(new Event('change', {bubbles: true})); })"
                "(document.querySelector(arguments[0]))", selector, value)
