"""The page for everyone: any width, light and dark, by keyboard alone, with names and contrast."""
import re

import numpy as np
import pytest

from pain.page.server import PAGE
from support.browser import needs_browser


@needs_browser
@pytest.mark.parametrize("width, dark", [(360, False), (360, True), (768, False), (1600, True)])
def test_fits_any_width(page, real, job, width, dark):
    page.open_job(real, job, width=width, dark=dark)
    page.keys("[", "\ue010", "]")
    for camera in False, True:
        if camera:
            page.click("#mode-camera"), page.click("#camera-start")
            page.wait("Number(document.getElementById('read-frame').textContent) % 39 > 0")  # no longer the video's
        assert page.js("document.documentElement.scrollWidth") <= width
        for name in "stage", "plot", "reading", "notice":
            left, right = page.js("(box => [box.left, box.right])(document.getElementById(arguments[0])"
                                  ".getBoundingClientRect())", name)
            assert 0 <= left < right <= width
    page.js("scrollTo(0, 9999)")
    assert page.js("document.getElementById('notice').getBoundingClientRect().top") == 0  # always there
    page.click("#camera-stop")


@needs_browser
def test_by_keyboard_alone_and_with_names(opened):
    from selenium.webdriver import ActionChains, Keys
    opened.keys("[", Keys.END, "]")
    opened.js("document.activeElement.blur()")
    reached = []
    for _ in range(60):
        ActionChains(opened.driver).send_keys(Keys.TAB).perform()
        name, ring = opened.js("[document.activeElement.id || document.activeElement.textContent, "
                               "document.activeElement === document.body || "
                               "getComputedStyle(document.activeElement).outlineStyle !== 'none']")
        reached.append(name)
        assert ring or name == "video", name  # it draws its own
    assert {"mode-video", "mode-camera", "cancel", "another", "video", "threshold", "plot", "zoom-in", "zoom-out",
            "zoom-all", "onset", "offset", "load-labels", "save-csv", "save-png", "save-episodes",
            "Delete"} <= set(reached)
    nodes = opened.cdp("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "slider", "link", "textbox", "combobox", "progressbar", "checkbox"}
    named = [(node["role"]["value"], node.get("name", {}).get("value")) for node in nodes
             if not node["ignored"] and node["role"]["value"] in roles]
    assert len(named) > 15 and all(name for _, name in named), named
    assert ("slider", "Pain curve, position in the video") in named


# Contrast, as WCAG 2 has it.

def luminance(color):
    channels = np.array([int(color[i:i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_contrast(dark):
    light, night = [dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for block in re.findall(
        r":root \{(.*?)\}", (PAGE / "style.css").read_text(), re.S)]
    color = night if dark else light
    assert color.keys() == (light.keys() & night.keys()) and len(color) > 20
    for ink, paper in [("ink", "paper"), ("ink", "shade"), ("ink", "note"), ("soft", "paper"), ("soft", "shade"),
                       ("link", "paper"), ("link", "note"), ("alarm", "alarm-shade"), ("paper", "link"),
                       ("paper", "ink")]:
        assert contrast(color[ink], color[paper]) >= 4.5, (ink, paper)
    for mark in "edge", "truth", "doubt", "interpolated", *("c%d" % i for i in range(7)):
        assert contrast(color[mark], color["paper"]) >= 3, mark
