"""A study from a folder of forty short videos to its table and its page, by the commands, killed in its middle."""
import csv
import signal
import sys

import numpy as np
import pytest

from pain.datasets.synthetic import faces
from support.processes import PATIENCE, started, wait_until
from support.project import ROOT, run_tool
from support.videos import models, write  # noqa: F401  a fixture

PEOPLE, SECONDS, RATE, DRAWN = 20, 3, 25, 15  # DRAWN: how many frames a picture lasts


def draw(path, who, seed):
    """Three seconds of a drawn face that grimaces."""
    images, face = [], faces.Face()
    for t in np.arange(0, SECONDS * RATE, DRAWN) / (SECONDS * RATE):
        units = {unit: highest * np.sin(np.pi * t) ** (1 + seed % 2) for unit, highest in faces.HIGHEST.items()}
        picture = np.round(255 * faces.render(face, who, units, faces.Pose(12 * t, 0, 0, 1))).astype(np.uint8)
        images += [picture] * DRAWN
    write(path, images)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two videos of each of twenty people, two of them broken; participants beside them."""
    folder = tmp_path_factory.mktemp("study") / "my videos"
    for seed in range(PEOPLE):
        who = faces.subject(faces.Face(), np.random.RandomState(seed))
        for k, task in enumerate(("arm", "l\u00e9g up")):
            path = folder / ("sub-%02d" % (seed + 1)) / ("sub-%02d_task-%s.mp4" % (seed + 1, task))
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(path, who, seed + k)
    broken = sorted(folder.rglob("*.mp4"))[5:7]
    broken[0].write_bytes(broken[0].read_bytes()[:300])
    broken[1].write_text("no video")
    (folder.parent / "participants.tsv").write_text("participant_id\tgroup\n" + "".join(
        "sub-%02d\t%s\n" % (i + 1, ("patient", "control")[i % 2]) for i in range(PEOPLE)))
    return folder


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.full
def test_from_a_folder_to_the_table_and_the_page(videos, models, tmp_path):  # noqa: F811
    command = ["predict_video.py", videos.name, "%s/sub-01/sub-01_task-arm.mp4" % videos.name, "--model", models]
    folder = videos.parent
    whole = run_tool(*command, "--out", "whole", cwd=str(folder))
    assert whole.returncode == 1 and "2 of 40 videos could not be rated" in whole.stderr, whole.stderr
    assert len(list((folder / "whole").rglob("curve.json"))) == 38 and "38 videos rated" in whole.stdout
    with started(sys.executable, ROOT / "tools" / command[0], *command[1:], "--out", "curves",
                 cwd=str(folder)) as killed:
        wait_until(lambda: len(list((folder / "curves").rglob("curve.json"))) > 9)
        killed.send_signal(signal.SIGKILL)
        killed.wait(PATIENCE)
    assert 9 < sum(1 for path in (folder / "curves").rglob("curve.json") if path.parent.name[0] != ".") < 38
    again = run_tool(*command, "--out", "curves", cwd=str(folder))
    assert again.returncode == 1 and " 0 left as they were" not in again.stdout
    assert contents(folder / "curves") == contents(folder / "whole")
    done = run_tool("study.py", "curves", "--participants", "participants.tsv", "--stills", "--out", tmp_path,
                    cwd=str(folder))
    assert done.returncode == 0, done.stderr
    with open(str(tmp_path / "study.csv"), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 38 and {row["task"] for row in rows} == {"arm", "l\u00e9g up"}
    assert {row["group"] for row in rows} == {"patient", "control"} and all(float(row["mean"]) > 0 for row in rows)
    page = (tmp_path / "study.html").read_text(encoding="utf-8")
    assert page.count('id="curve-') == 38 and 'id="groups"' in page
