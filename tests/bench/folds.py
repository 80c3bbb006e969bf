"""How fast make_folds is, an image, next to genuine convert_imageset on the same images: run by `make bench`.

Both turn the same aligned PNGs into one LMDB, start-up left out for neither; then make_folds makes all the folds.
"""
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import skimage.io

ROOT = Path(__file__).resolve().parents[2]
SUBJECTS, FRAMES, REPEATS = 10, 1000, 3


def timed(*command):
    """Seconds that a command takes."""
    start = time.perf_counter()
    subprocess.check_call([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def make_aligned(folder):
    """Write frames.csv and SUBJECTS x FRAMES aligned images: smooth with a little noise, as faces are."""
    y, x = np.mgrid[:112, :96]
    random, rows = np.random.RandomState(0), ["subject,video,frame,pspi,status"]
    for s in range(SUBJECTS):
        video = folder / ("s%d" % s) / ("v%d" % s)
        video.mkdir(parents=True)
        for f in range(FRAMES):
            wave = 128 + 90 * np.sin(x / (9 + s))[..., None] * np.cos(y / 14 + f / 20)[..., None] * [0.7, 0.8, 1]
            image = (wave + random.normal(0, 3, wave.shape)).clip(0, 255).astype(np.uint8)
            skimage.io.imsave(str(video / ("f%04d.png" % f)), image, check_contrast=False)
            rows.append("s%d,v%d,f%04d,%d,detected" % (s, s, f, f // 7 % 7))
    (folder / "frames.csv").write_text("\n".join(rows) + "\n")


def main():
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_aligned(folder / "aligned")
        names = [",".join(row.split(",")[:3]).replace(",", "/") for row in
                 (folder / "aligned" / "frames.csv").read_text().split()[1:]]
        (folder / "list.txt").write_text("".join("%s.png 0\n" % name for name in names))
        took = []
        for repeat in range(REPEATS):
            genuine = timed(ROOT / ".bvlc/bin/convert_imageset", str(folder / "aligned") + "/", folder / "list.txt",
                            folder / ("genuine%d" % repeat)) / len(names)
            out = folder / ("folds%d" % repeat)
            seconds = timed(sys.executable, ROOT / "tools/make_folds.py", "--aligned", folder / "aligned", "--out", out)
            images = sum(len(path.read_text().splitlines()) for path in out.glob("*/*.txt"))
            took.append((genuine, seconds / images))
    genuine, ours = (1e3 * statistics.median(times) for times in zip(*took))
    print("\nAll folds of %d images, medians of %d rounds: make_folds %.3f ms an image written, convert_imageset %.3f "
          "(%.1f x)" % (len(names), REPEATS, ours, genuine, genuine / ours), flush=True)


if __name__ == "__main__":
    main()
