"""The README and docs/: every command as it stands there, on little data and slim nets; every link and every path."""
import os
import re
import shlex
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from pain.video import sample
from support.processes import PATIENCE
from support.project import BVLC, ROOT, SHARED

AUTHORS_FILE = SHARED / "authors" / "6-vanilla-sigmoid.mat"
# A small demo, and no tests within the tests: `make test` only lists those of one file.
SMALL = dict(SUBJECTS="2", FRAMES="40", ITERATIONS="6", PEOPLE="4", STRANGERS="4", IMAGES="4", SAMPLE_SECONDS="2",
             PRETRAIN_ITERATIONS="4", PYTEST_ADDOPTS="--collect-only tests/test_tables.py", PORT="0",
             JOBS="1")  # every process that aligns loads TensorFlow


# In the order of their commands: a page may use what an earlier one has made. Then come the other pages.
FIRST = "README.md", "docs/unbc.md", "docs/own_data.md", "docs/videos.md", "docs/scores.md", "docs/study.md"
PAGES = [*FIRST, *sorted({"docs/" + path.name for path in (ROOT / "docs").glob("*.md")} - set(FIRST))]
TEXTS = [path for folder in (".", "data", "docs", "engine", "models") for path in sorted((ROOT / folder).glob("*.md"))]
COMMANDS = "make", "cd", "pip", ".venv/bin/python"


def blocks():
    """The pages' indented blocks, each once, demos first, as str; an output follows its command in its own block."""
    found = [re.sub("^    ", "", block, flags=re.M).strip("\n") for page in PAGES
             for block in re.findall(r"(?:^    .*\n)+", (ROOT / page).read_text(encoding="utf-8"), re.M)]
    return sorted(dict.fromkeys(found), key=lambda block: "make demo" not in block)


def cannot_run(block):
    """Whether a block needs what is not here: conda, a cluster, genuine Caffe, a GPU, the authors' file."""
    return (block.startswith("conda ") or "WHERE=tcp:" in block or "CAFFE=bvlc" in block and not BVLC.exists()
            or "GPU=0" in block and not Path("/dev/nvidia0").exists()
            or "6-vanilla-sigmoid.mat" in block and not AUTHORS_FILE.exists())


def quickly(block):
    """The block without hundreds of trainings, a second demo on genuine Caffe, and a package index."""
    block = block.replace("make paper", "make paper ONLY=report").replace("--seeds 3", "--seeds 1")
    for long in "make transfer", "make audit align", "make demo CAFFE=bvlc":
        block = block.replace(long, long.replace("make", "make --dry-run"))
    return block.replace(
        "pip install", ".venv/bin/pip install --no-index --no-deps --no-build-isolation --target installed")


def shell(script, folder, **environment):
    environment = dict(os.environ, **SMALL, **environment)
    environment.pop("MAKEFLAGS", None)
    process = subprocess.run(["sh", "-exc", script], cwd=str(folder), env=environment, text=True, timeout=20 * PATIENCE,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.returncode == 0, process.stdout
    return process.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The project's files in a folder of their own, with this checkout's .venv and, if there is one, .bvlc."""
    folder = tmp_path_factory.mktemp("readme") / "checkout"
    for name in "engine", "layers", "prototxt", "tests", "tools":
        shutil.copytree(str(ROOT / name), str(folder / name), ignore=shutil.ignore_patterns("__pycache__"))
    for name in "data", "models":
        (folder / name).mkdir()
    shutil.copy(str(ROOT / "models/manifest.json"), str(folder / "models"))
    for name in "LICENSE", "Makefile", "README.md", "constraints.txt", "pyproject.toml", "pytest.ini", "setup.py":
        shutil.copy2(str(ROOT / name), str(folder / name))  # with their times, or .venv is made anew
    for name in ".venv", ".bvlc":
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    return folder


def serve(script, folder):
    """Have `make app` serve, look at the page, and end it as Ctrl-C does."""
    process = subprocess.Popen(["sh", "-exc", "exec " + script], cwd=str(folder), env=dict(os.environ, **SMALL),
                               text=True, stdout=subprocess.PIPE, start_new_session=True)
    try:
        address = next(found.group() for found in (re.search(r"http://\S+", line) for line in process.stdout) if found)
        with urllib.request.urlopen(address) as page:
            assert "not a medical device" in page.read().decode()
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=PATIENCE)


def use_demo_as_archive(checkout):
    """Put what cannot be had, archives, the face model and hours of time, in the places the README names."""
    for name in "Images", "Frame_Labels/PSPI":
        for old, new in ("001-sy001", "042-ll042"), ("002-sy002", "043-sy002"):
            (checkout / "demo/data/synthetic" / name / old).rename(checkout / "demo/data/synthetic" / name / new)
    (checkout / "demo/data/synthetic").rename(checkout / "data/unbc")
    (checkout / "prototxt").rename(checkout / "full")
    (checkout / "demo/prototxt").rename(checkout / "prototxt")
    (checkout / "full/sweeps").rename(checkout / "prototxt/sweeps")
    with open(str(checkout / "prototxt/sweeps/starts.yaml"), "a") as grid:
        grid.write("folds: [1]\n")
    solver = checkout / "prototxt/face_verification_solver.prototxt"
    solver.write_text(solver.read_text().replace("max_iter: 28000", "max_iter: 2"))
    for made, named in ("people", "casia"), ("strangers", "lfw"):
        (checkout / "demo/data" / made).rename(checkout / "data" / named)
    snapshot, = checkout.glob("demo/models/smooth_l1_center_l1_sampling/01-*/*.caffemodel")
    shutil.copy(str(snapshot), str(checkout / "models/face_model.caffemodel"))
    images = [image for image, _ in sample.draw(frames=20)]
    sample.write_video(checkout / "visit.mp4", images)
    shutil.copy(str(checkout / "visit.mp4"), str(checkout / "data/sample.mp4"))
    if AUTHORS_FILE.exists():
        (checkout / AUTHORS_FILE.name).symlink_to(AUTHORS_FILE)


def write_tables(checkout):
    """Predictions as other people have them, in one file: theirs.csv and pspi.csv."""
    predictions = sorted(checkout.glob("models/smooth_l1_center_l1_sampling/*/predictions.csv"))
    header, *rows = "".join(path.read_text() for path in predictions).splitlines()
    for name in "theirs.csv", "pspi.csv":
        (checkout / name).write_text("\n".join([header, *(row for row in rows if row != header), ""]))


def label_recordings(checkout):
    """Two people's recordings, as folders of frames, and a table of their labels."""
    for old, new in ("042-ll042", "sub-01_task-arm"), ("043-sy002", "sub-02_task-arm"):
        frames = next((checkout / "data/unbc/Images" / old).iterdir())
        (checkout / "recordings" / new).mkdir(parents=True)
        for frame in sorted(frames.iterdir())[:20]:
            shutil.copy(str(frame), str(checkout / "recordings" / new))
    rows = ["sub-%s_task-arm,%d,%d" % (subject, i, i % 6) for subject in ("01", "02") for i in range(20)]
    (checkout / "labels.csv").write_text("video,frame,label\n" + "\n".join(rows) + "\n")


def collect_curves(checkout):
    """Curves of two people, their labels by two raters, and a table of these people."""
    (checkout / "labels").mkdir()
    for made, name in ("visit", "sub-01_ses-1_task-arm"), ("l1", "sub-02_ses-1_task-arm"):
        shutil.copytree(str(checkout / made), str(checkout / "curves" / name))
        for rater, more in ("anna", 0), ("ben", 1):
            (checkout / "labels" / ("%s_%s.csv" % (name, rater))).write_text(
                "frame,label\n" + "".join("%d,%d\n" % (i, (i + more) % 6) for i in range(20)))
    (checkout / "participants.tsv").write_text("participant_id\tgroup\nsub-01\tpatient\nsub-02\tcontrol\n")


def train_another_variant(checkout):
    shell("make train predict VARIANT=l1_center_l1", checkout)


def test_every_command(checkout, usual_signals):
    preparations = {"make align": use_demo_as_archive, "theirs.csv": write_tables,
                    "plot_curve.py": train_another_variant, "--participants": collect_curves,
                    "import_videos.py": label_recordings}
    ran, output = [], None
    for block in blocks():
        if cannot_run(block):
            output = None
        elif block.split()[0] in COMMANDS:
            for text in [text for text in preparations if text in block]:
                preparations.pop(text)(checkout)
            ran.append(block)
            output = serve(block, checkout) if block == "make app" else shell(quickly(block), checkout)
        elif output is not None:
            assert block in output, "the page shows another output than this:\n" + output
    assert ran[0].startswith("make demo") and len(ran) >= 15 and not preparations
    for made in ("report/report.html", "report/tables/table_1.tex", "report/figures/curve.pdf", "evaluate.pyz",
                 "study/study.html", "curves/sub-02_task-arm/curve.json", "demo/curve.png", "demo/video/annotated.mp4",
                 "visit/curve.json", "l1/curve.png", "by_hand/rater-ben.csv", "curves/sub-01_ses-1_task-arm/curve.eaf",
                 "data/mine/README.md", "data/folds/01-042-ll042/train_lmdb/data.mdb", "curve.png", "scores.json",
                 "scores.csv", "models/face_verification.caffemodel", "models/verification/lfw/roc.png",
                 "models/smooth_l1_center_l1_sampling/01-042-ll042/pain_iter_6.onnx",
                 "models/l1_center_l1/01-042-ll042/pain_iter_6.caffemodel",
                 "models/smooth_l1_center_l1_sampling/02-043-sy002/predictions.csv", "installed/caffe/__init__.py"):
        assert (checkout / made).exists(), made


def test_caffe_of_the_system(checkout):
    """With CAFFE=system the Caffe on the PATH is used, and nothing else, as with CAFFE=bvlc genuine Caffe is."""
    def commands(caffe):
        said = shell("make --dry-run align folds train predict evaluate SETUP= CAFFE_SETUP= CAFFE=" + caffe, checkout)
        return [word.strip("'") for word in shlex.split(said.partition("\n")[2])]

    genuine, system = commands("bvlc"), commands("system")
    assert {str(checkout / ".bvlc/bin/caffe"), ".bvlc/bin/python", ".venv/bin/python"} <= set(genuine)
    assert system == [re.sub(".*/bin/", "", word) for word in genuine] and {"caffe", "python"} <= set(system)


def anchors(text):
    """What GitHub calls the headings of a Markdown text."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", text, re.M)}


@pytest.mark.parametrize("page", TEXTS, ids=[str(path.relative_to(ROOT)) for path in TEXTS])
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in link:
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


def test_every_page_is_linked_from_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page for page in PAGES[1:] if page not in re.findall(r"\]\(([^)#]+)", readme)] == []


def test_paths_that_texts_name_are_there():
    code = [path for folder in ("tools", "tests", "layers") for path in sorted((ROOT / folder).rglob("*.py"))]
    inside = re.compile(r"(?<![\w./])(?:docs|engine|layers|prototxt|tests|tools)/[\w./-]+\.(?:md|prototxt|py|sh)\b")
    named = {(path, name) for path in [*TEXTS, *code, ROOT / "Makefile"]
             for name in inside.findall(path.read_text(encoding="utf-8"))}
    assert len(named) > 50
    assert [(str(path), name) for path, name in sorted(named)
            if not (ROOT / name).exists() and not (path.parent / name).exists()] == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130


@pytest.mark.parametrize("folder", [ROOT, ROOT / "engine"], ids=["project", "engine"])
def test_the_changelog_begins_with_this_version(folder):
    version = re.search('^version = "(.+)"$', (folder / "pyproject.toml").read_text(encoding="utf-8"), re.M).group(1)
    assert re.search("^## (.+),", (folder / "CHANGELOG.md").read_text(encoding="utf-8"), re.M).group(1) == version
