"""A real browser for the tests of pages: headless Chromium, where there is one."""
import shutil
import time

import pytest

BROWSER = shutil.which("chromium") and shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(not BROWSER, reason="no browser here: apt-get install chromium chromium-driver")
FLAGS = ("--headless=new --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage --no-first-run "
         "--disable-sync --disable-background-networking --disable-component-update --window-size=1200,900").split()


class Browser:
    """Chromium by selenium, with what the tests ask of it. downloads: a folder for them; flags: more of Chromium's."""

    def __init__(self, downloads, *flags):
        from selenium import webdriver
        self.downloads = downloads
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in [*FLAGS, *flags]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        self.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))

    def cdp(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def open(self, address, dark=False, width=1200):
        self.cdp("Emulation.setEmulatedMedia", media="", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.driver.get("about:blank")
        self.driver.get(address)
        self.wait("document.documentElement.dataset.drawn")

    def js(self, script, *arguments):
        return self.driver.execute_script("return " + script, *arguments)

    def wait(self, script, seconds=60):
        """Wait until the script's value is true, and return it."""
        for _ in range(seconds * 20):
            value = self.js(script)
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError("never came true: " + script)

    def click(self, selector):
        self.js("document.querySelector(arguments[0]).click()", selector)

    def choose(self, selector, value):
        self.js("(box => { box.value = arguments[1]; box.dispatchEvent(new Event('change')); })"
                "(document.querySelector(arguments[0]))", selector, value)
