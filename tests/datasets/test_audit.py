"""tools/audit_dataset.py: nothing wrong with sound data; each planted fault is found, named, and judged."""
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pain.datasets import audit, inventory, unbc
from pain.datasets.inventory import Dataset, Frame
from support.project import ROOT, assert_one_line_error, run_tool

V = "001-sy001/sy001t1aaaff"
F = V + "/sy001t1aaaff%03d"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Two subjects, two videos each, ten frames."""
    folder = tmp_path_factory.mktemp("audit") / "sound"
    subprocess.run([sys.executable, str(ROOT / "tools" / "make_synthetic.py"), str(folder), "--subjects", "2",
                    "--frames", "10"], check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture
def data(sound, tmp_path):
    shutil.copytree(str(sound), str(tmp_path / "data"))
    return tmp_path / "data"


def image(data, name):
    return data / "Images" / (name + ".png")


def label(data, name, kind="PSPI"):
    return data / "Frame_Labels" / kind / (name + "_facs.txt")


def findings(data, faces=None):
    return audit.audit(inventory.read_dataset(data, 2, faces))


def wrong(found):
    return ["%s: %s / %s" % one for one in found if one.matters]


def test_sound_data(sound):
    done = run_tool("audit_dataset.py", sound)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[-1] == "nothing is wrong" and all(line.startswith("ok ") for line in lines[:-1])
    assert lines[0] == ("ok     counts: 2 subjects, 4 videos, 40 frames, 40 of them usable; not UNBC, so not compared "
                        "with it")
    assert any("PSPI is what they add up to, in all 40 frames" in line for line in lines)


def edit(data, name, change):
    """Change an image's pixels, (240, 320, 3) uint8."""
    Image.fromarray(change(np.array(Image.open(str(image(data, name)))))).save(str(image(data, name)))


# What is done to the data, and the one line found: check, text, whether it matters.
FAULTS = {
    "black frame": (lambda data: edit(data, F % 3, lambda pixels: 0 * pixels),
                    "black frames: 1 are black: %s / no; make align leaves them out" % (F % 3)),
    "unreadable frame": (lambda data: image(data, F % 4).write_bytes(image(data, F % 4).read_bytes()[:2000]),
                         "images: 1 cannot be read: %s (unreadable: truncated, or no image) / yes; " % (F % 4)),
    "grey frame": (lambda data: edit(data, F % 4, lambda pixels: pixels[..., 0]),
                   "colour: 1 are not plain colour: %s / a little; " % (F % 4)),
    "frame of another size": (lambda data: edit(data, F % 5, lambda pixels: pixels[:200]),
                              "sizes: 1 have another size: %s is 320 x 200 / no; " % (F % 5)),
    "frame twice in a video": (lambda data: shutil.copy(str(image(data, F % 5)), str(image(data, F % 6))),
                               "duplicates: 1 frames of a subject occur twice: %s = %s / no; " % (F % 5, F % 6)),
    "frame of another subject": (
        lambda data: shutil.copy(str(image(data, F % 5)), str(image(data, "002-sy002/sy002t1aaaff/sy002t1aaaff001"))),
        "duplicates: 1 frames are in two subjects: %s = 002-sy002/sy002t1aaaff/sy002t1aaaff001 / yes; the net is tested"
        % (F % 5)),
    "frame without a label": (lambda data: label(data, F % 7).unlink(),
                              "PSPI labels: 1 frames have no PSPI label: %s / yes; make align stops" % (F % 7)),
    "label without a frame": (lambda data: image(data, F % 10).unlink(),
                              "PSPI labels: 1 labels have no frame: %s / yes, if frames are missing" % (F % 10)),
    "label that is no number": (lambda data: label(data, F % 8).write_text("pain"),
                                "PSPI labels: 1 labels cannot be used: %s / yes; make align stops" % (F % 8)),
    "label that is no whole number": (lambda data: label(data, F % 1).write_text("0.5"),
                                      "PSPI labels: 1 labels are no whole numbers: %s is 0.5 / a little" % (F % 1)),
    "label another than its action units": (
        lambda data: label(data, F % 1).write_text("7.0"),
        "action units: 1 frames have another PSPI than their action units: %s has 7, not 0 / yes; 1 of them" % (F % 1)),
    "label another, but of the same class": (
        lambda data: (label(data, F % 1).write_text("15"),
                      label(data, F % 1, "FACS").write_text("4 5 0 0\n6 5 0 0\n9 5 0 0\n43 0 0 0\n")),
        "action units: 1 frames have another PSPI than their action units: %s has 15, not 16 / no; none" % (F % 1)),
    "no action units for a frame": (lambda data: label(data, F % 2, "FACS").unlink(),
                                    "action units: 1 frames have no FACS file: %s / no" % (F % 2)),
    "action units that are none": (lambda data: label(data, F % 2, "FACS").write_text("brow 5\n"),
                                   "action units: 1 FACS files cannot be used: %s / no" % (F % 2)),
    "action unit of an impossible intensity": (lambda data: label(data, F % 2, "FACS").write_text("4 6 0 0\n"),
                                               "action units: 1 FACS files cannot be used: %s / no" % (F % 2)),
    "gap in the numbers": (lambda data: (image(data, F % 5).unlink(), label(data, F % 5).unlink(),
                                         label(data, F % 5, "FACS").unlink()),
                           "numbering: 1 videos have frames missing: %s / little; " % V),
    "rating missing": (lambda data: (data / "Sequence_Labels" / "VAS" / (V + ".txt")).unlink(),
                       "ratings: 1 ratings are wrong: VAS/%s is missing / no" % V),
    "rating out of range": (lambda data: (data / "Sequence_Labels" / "OPR" / (V + ".txt")).write_text("6"),
                            "ratings: 1 ratings are wrong: OPR/%s is 6, not 0..5 / no" % V),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults(data, fault):
    plant, expected = FAULTS[fault]
    plant(data)
    found = findings(data)
    assert [line for line in wrong(found) if line.startswith(expected)], wrong(found)
    others = {"frame of another size": 1, "label that is no whole number": 1, "frame twice in a video": 1,
              "frame of another subject": 1}.get(fault, 0)  # which breaks another rule as well
    assert len(wrong(found)) <= 1 + others, wrong(found)
    assert audit.lines_of(found)[-1].startswith("%d wrong, " % len(wrong(found)))


def test_many_faults_of_a_kind_are_counted(data):
    for i in range(1, 6):
        label(data, F % i).unlink()
    done = run_tool("audit_dataset.py", data, "--jobs", 1)
    assert done.returncode == 1
    some = ", ".join(F % i for i in (1, 2, 3))
    assert "wrong  PSPI labels: 5 frames have no PSPI label: %s and 2 more" % some in done.stdout
    assert done.stdout.splitlines()[-1] == "1 wrong, 1 of them may change the paper's figures"


def test_no_action_units_at_all(data):
    shutil.rmtree(str(data / "Frame_Labels" / "FACS"))
    assert wrong(findings(data)) == []


# Folders of others.

def test_without_a_readable_frame_no_line_says_ok(data):
    pictures = sorted((data / "Images").rglob("*.png"))
    for path in pictures:
        path.write_bytes(b"no image")
    for damage, words in ((None, "wrong  images: 40 cannot be read"),
                          (lambda path: path.rename(path.with_suffix(".heic")), "wrong  files: 40 are no frames"),
                          (lambda path: path.with_suffix(".heic").unlink(), "0 subjects, 0 videos, 0 frames")):
        for path in pictures if damage else ():
            damage(path)
        done = run_tool("audit_dataset.py", data)
        lines = done.stdout.splitlines()
        assert done.returncode == 1 and words in done.stdout and not any(line.startswith("ok") for line in lines)
        assert lines[0].startswith("wrong  counts: ") and "nothing to train on" in lines[1]
        assert all("not one frame can be read" in line for line in lines if line.startswith("- "))


def test_colour_is_what_has_a_pixel_that_is_not_grey(data):
    def save(number, mode, suffix=".png"):
        picture = Image.open(str(image(data, F % number))).convert("RGBA")
        image(data, F % number).unlink()
        picture.convert(mode).save(str(data / "Images" / (F % number + suffix)))

    for number, mode in (1, "RGBA"), (2, "P"), (3, "CMYK"):
        save(number, mode, ".tif" if mode == "CMYK" else ".png")
    assert wrong(findings(data)) == []
    for number, mode in (4, "L"), (5, "LA"), (6, "1"):
        save(number, mode)
    Image.open(str(image(data, F % 7))).convert("L").convert("RGB").save(str(image(data, F % 7)))
    line, = wrong(findings(data))
    assert line.startswith("colour: 4 are not plain colour: %s and 1 more / " % ", ".join(F % i for i in (4, 5, 6)))


def test_what_systems_leave_is_passed_over_and_other_files_are_named(data):
    folder = (data / "Images" / (F % 1)).parent
    for path in (folder / "._sy001t1aaaff001.png", folder / "Thumbs.db", folder.parent / "@eaDir" / "x.png",
                 data / "Images" / "__MACOSX" / "a" / "x.png", data / "Images" / ".DS_Store",
                 label(data, V + "/._sy001t1aaaff001")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left by a system")
    assert wrong(findings(data)) == []
    for i, suffix in enumerate((".PNG", ".jpg", ".Jpeg", ".bmp", ".TIFF", ".webp"), 1):
        picture = Image.open(str(image(data, F % i)))
        image(data, F % i).unlink()
        picture.save(str(data / "Images" / (F % i + suffix)))
    assert wrong(findings(data)) == []
    (folder / "notes.txt").touch()
    Image.new("RGB", (320, 240)).save(str(folder / "sy001t1aaaff010.webp"))
    line, = wrong(findings(data))
    assert line.startswith("files: 2 are no frames: ") and line.endswith("/ no; make align leaves them out")
    assert V + "/notes.txt (no image of a kind that is read (.png, " in line
    assert V + "/sy001t1aaaff010.webp (a second image of this frame, besides sy001t1aaaff010.png)" in line


# Faces.

def test_frames_without_a_face(sound):
    dataset = inventory.read_dataset(sound, 2)
    asked = []

    def detector(images):
        asked.extend(images)
        return [None if len(asked) - len(images) + i in (0, 3) or len(asked) - len(images) + i >= 30 else "a face"
                for i in range(len(images))]

    found = audit.check_faces(inventory.find_faces(dataset, detector))
    assert len(asked) == 40 and asked[0].shape == (240, 320, 3)
    assert found[0].text.startswith("12 frames show no face that is found: %s, %s, " % (F % 1, F % 4))
    assert found[1].text == "1 videos have no face at all: 002-sy002/sy002t2aaaff"
    assert found[1].matters.startswith("yes")
    assert found[2].matters is None


def test_faces_of_make_align(sound, tmp_path):
    keys = list(inventory.read_dataset(sound, 2).frames)
    lines = ["subject,video,frame,status,reason"] + ["%s,%s,%s,detected," % key for key in keys[2:]]
    (tmp_path / "frames.csv").write_text("\n".join(lines + ["%s,%s,%s,interpolated," % keys[1], ""]))
    done = run_tool("audit_dataset.py", sound, "--aligned", tmp_path)
    assert done.returncode == 1
    assert "wrong  faces: 1 frames show no face that is found: %s" % (F % 2) in done.stdout
    assert "wrong  faces: 1 frames were not looked at: %s" % (F % 1) in done.stdout


# The archive itself, of which only the numbers are here.

def archive():
    """A Dataset with the archive's numbers: frames a subject, the seven black ones, and the histogram."""
    names = ["%03d-s" % (42 + i) for i in range(24)] + ["095-tv095"]
    names[0] = "042-ll042"
    keys = []
    for name, frames, videos in zip(names, unbc.FRAMES_PER_SUBJECT, unbc.VIDEOS_PER_SUBJECT):
        lengths = np.full(videos, frames // videos) + (np.arange(videos) < frames % videos)
        keys += [(name, "%s-%02d" % (name, v), "f%04d" % f) for v, n in enumerate(lengths) for f in range(1, n + 1)]
    values = np.repeat([0., 1, 2, 3, 4, 6], unbc.HISTOGRAM)
    frames = {key: Frame((320, 240), None, False, b"%d" % i) for i, key in enumerate(keys)}
    black = [("095-tv095", "095-tv095-00", "a%d" % i) for i in range(7)]
    frames.update((key, Frame((352, 240), None, True, b"")) for key in black)
    return Dataset("", frames, dict(zip(keys + black, [*values.tolist(), *7 * [0.]])), {}, {}, None)


def test_the_archives_numbers_are_known():
    dataset = archive()
    assert len(dataset.frames) == 48398
    counts, = audit.check_counts(dataset)
    assert counts == ("counts", "25 subjects, 200 videos, 48398 frames, 48391 of them usable, as the authors use", None)
    black = audit.check_images(dataset)[-1]
    assert black.text.startswith("7 are black")
    assert black.matters == "no; make align leaves them out, as the authors do"
    histogram, _ = audit.check_histogram(dataset)
    assert histogram.text == "intensities 0..5: 40022 2909 2351 1412 1044 653 frames, as known"


def test_another_archives_numbers_are_not():
    dataset = archive()
    key = next(iter(dataset.frames))
    dataset.frames[key] = dataset.frames[key]._replace(black=True)
    found = audit.audit(dataset)
    assert ("counts: 042-ll042: 2133 usable frames in 8 videos, the authors use 2134 in 8 / yes; the subject's figures "
            "are of other frames") in wrong(found)
    assert any("black frames: 8 are black" in line and "yes; the authors left out others: 7 of 095-tv095" in line
               for line in wrong(found))
    assert any("labels: intensities 0..5: 40021 2909" in line and "UNBC's: 40022 2909" in line for line in wrong(found))
    assert any(line.startswith("lengths: videos have ") and "UNBC's 48 to 683" in line for line in wrong(found))
    few = dataset._replace(frames={one: frame for one, frame in dataset.frames.items() if one[0] == "042-ll042"})
    assert "1 subjects, 8 videos" in audit.check_counts(few)[0].text


# What a user can get wrong.

def test_refusals(tmp_path, sound):
    for arguments, *words in (
            ([tmp_path], "audit_dataset.py: ", "no such folder", "data/README.md"),
            ([sound, "--jobs", 0], "--jobs takes 1 or more"),
            ([sound, "--aligned", tmp_path], "frames.csv: no such file", "make align"),
            ([sound, "--aligned", tmp_path, "--faces"], "leave out --aligned")):
        assert_one_line_error(run_tool("audit_dataset.py", *arguments), *words)
