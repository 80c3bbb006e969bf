"""Frames a second of predict_video, next to the plain loop (mtcnn a frame, net a frame): tests/bench/video.py

The same drawn video, 320 x 240 and 640 x 480, with the full trunk and a slim one, turn by turn; medians and ratios.
Where OpenVINO is installed, also next to what it makes of the net alone, of as many faces at a time. What the stages
take is CPU time a frame of each by itself. With `memory`, how much more of it 20,000 frames take than 1,000.
"""
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import caffe
import numpy as np
import onnx
from PIL import Image

from bench.runtimes import openvino, timed
from pain.datasets.synthetic import faces as drawn
from pain.export.convert import convert
from pain.faces.alignment import align
from pain.faces.detector import BATCH, PYRAMID_FACTOR, THRESHOLDS, image_pyramid
from pain.progress import progress
from pain.video.estimator import MIN_FACE, load_estimator
from pain.video.source import Frame, open_video
from pain.video.tracking import Tracker
from support.project import PAIN, ROOT

SIZES = (320, 240), (640, 480)
FRAMES, ROUNDS = 200, 3
TIMES = 4  # that the frames are in a video: of a short one the last batches, which leave cores idle, count too much
PASSES = 16  # of OpenVINO's in a round: of fewer, it is what the processor can do for a moment
EARLY, LATE = 1000, 20000


def drawn_faces(count):
    """Images, (240, 320, 3) uint8, of a drawn face that moves and grimaces."""
    face = drawn.Face()
    who = drawn.subject(face, np.random.RandomState(1))
    for i in range(count):
        t = 2 * np.pi * i / count
        pose = drawn.Pose(10 * np.sin(t), 5 * np.sin(2 * t), 0.1 * np.sin(3 * t), 1 + 0.1 * np.cos(t))
        units = {unit: highest * (1 - np.cos(t)) / 2 for unit, highest in drawn.HIGHEST.items()}
        yield np.round(255 * drawn.render(face, who, units, pose)).astype(np.uint8)


def write_video(path, images, size):
    """Encode the images, resized to `size`, as H.264."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for image in images:
            file.mux(stream.encode(av.VideoFrame.from_image(Image.fromarray(image).resize(size))))
        file.mux(stream.encode())


def plain_loop(path, net):
    """Intensities, frame by frame, as one would write it with the packages alone."""
    import mtcnn
    from mtcnn.utils.images import standarize_batch
    mtcnn.mtcnn.standarize_batch = standarize_batch  # as the package has it
    mtcnn.stages.stage_pnet.build_scale_pyramid = image_pyramid  # without which it finds no large face
    detector = mtcnn.MTCNN()
    with av.open(str(path)) as file:
        for frame in file.decode(video=0):
            image = frame.to_ndarray(format="rgb24")
            faces = detector.detect_faces(
                image, min_face_size=MIN_FACE * image.shape[0], scale_factor=PYRAMID_FACTOR,
                threshold_pnet=THRESHOLDS[0], threshold_rnet=THRESHOLDS[1], threshold_onet=THRESHOLDS[2])
            for face in faces[:1]:
                points = [face["keypoints"][name] for name in ("left_eye", "right_eye", "nose", "mouth_left",
                                                               "mouth_right")]
                net.blobs["pixels"].reshape(1, 3, 112, 96)
                net.blobs["pixels"].data[...] = align(image, np.array(points, float))[None, :, :, ::-1].transpose(
                    0, 3, 1, 2)
                net.forward()
            yield frame


def rate(things):
    """How many things there are a second, after the first batches."""
    start, count = None, 0
    for number, _ in enumerate(things):
        if number == 2 * BATCH - 1:
            start, count = time.perf_counter(), 0
        count += 1
    return (count - 1) / (time.perf_counter() - start)


def by_openvino(net, folder):
    """A function: how many aligned faces a second OpenVINO puts through the net, and ms of the processor for one; or
    None where there is no OpenVINO.
    """
    onnx.save(convert(net), str(folder / "net.onnx"))
    faces = np.random.RandomState(0).randint(0, 256, (BATCH, 3, 112, 96)).astype(np.float32)
    try:
        run = openvino(folder / "net.onnx", faces)
    except ImportError:
        return None
    run()

    def measured():
        wall, processor = timed(run, PASSES)
        return PASSES * BATCH / wall, 1e3 * processor / PASSES / BATCH
    return measured


def stages(estimator, path):
    """CPU time in ms a frame of each stage by itself: dict."""
    took = {}

    def timed(name, function):
        start = time.process_time()
        result = function()
        took[name] = 1e3 * (time.process_time() - start) / FRAMES
        return result
    frames = timed("decode", lambda: list(itertools.islice(open_video(path).frames(), FRAMES)))
    found = timed("detect", lambda: [faces for i in range(0, FRAMES, BATCH) for faces in estimator.detector.faces(
        [frame.image for frame in frames[i:i + BATCH]])])
    tracker = Tracker()
    known = timed("align", lambda: [estimator.with_faces(*rows) for frame, faces in zip(frames, found)
                                    for rows in tracker.add(frame, faces)])
    faces = [face for *_, faces in known for face in faces.values()]
    estimator.nets(np.stack(faces[:BATCH]))  # of the first, each convolution is tried
    timed("regress", lambda: [estimator.nets(np.stack(faces[i:i + BATCH])) for i in range(0, len(faces), BATCH)])
    return took


def bench(folder):
    images = list(progress(drawn_faces(FRAMES), total=FRAMES, desc="draw", unit="frame"))
    for trunk, net_file in ("full", PAIN), ("1/16", folder / "slim" / PAIN.name):
        net = caffe.Net(str(net_file), caffe.TEST, stages=["deploy"])
        net.save(str(folder / "random.caffemodel"))
        estimator = load_estimator([folder / "random.caffemodel"], net_file)
        openvino_alone = by_openvino(net, folder)
        ours_way = sys.modules["mtcnn"].mtcnn.standarize_batch
        for size in SIZES:
            path = folder / ("%dx%d.mp4" % size)
            write_video(path, TIMES * images, size)
            ours, plain, net_alone = [], [], []
            for _ in range(ROUNDS):
                sys.modules["mtcnn"].mtcnn.standarize_batch = ours_way
                with open_video(path) as video:
                    ours.append(rate(estimator.run(video.frames())))
                plain.append(rate(itertools.islice(plain_loop(path, net), FRAMES)))
                if openvino_alone:
                    net_alone.append(openvino_alone())
            sys.modules["mtcnn"].mtcnn.standarize_batch = ours_way
            took = stages(estimator, path)
            if net_alone:
                faces, ms = (statistics.median(each) for each in zip(*net_alone))
                print("%4s trunk, %d x %d: %.2f of the %.1f faces/s of OpenVINO's net alone; by the processor's time "
                      "%.2f, of %.1f ms a face" % (
                          trunk, *size, statistics.median(a / b for a, (b, _) in zip(ours, net_alone)), faces,
                          ms / sum(took.values()), ms))
            print("%4s trunk, %d x %d: %.1f frames/s; plain loop %.1f: %.1f x; %s" % (
                trunk, *size, statistics.median(ours), statistics.median(plain),
                statistics.median(a / b for a, b in zip(ours, plain)), ", ".join(
                    "%s %.0f %%" % (name, 100 * ms / sum(took.values())) for name, ms in took.items())
                + " of %.1f ms CPU a frame" % sum(took.values())), flush=True)


def memory(folder):
    """Resident memory at EARLY and at LATE frames of an endless video, with everything that predict_video does."""
    from pain.video.curve_folder import record_curve
    net = caffe.Net(str(folder / "slim" / PAIN.name), caffe.TEST, stages=["deploy"])
    net.save(str(folder / "random.caffemodel"))
    estimator = load_estimator([folder / "random.caffemodel"], folder / "slim" / PAIN.name)
    images = list(drawn_faces(50))

    class Endless:
        name, width, height, rate, live = "endless", 320, 240, 25, False

        def frames(self):
            for i in range(LATE):
                yield Frame(i, i / 25, images[i % 50] if i % 500 < 450 else 0 * images[0])

    at = {}
    recorded = record_curve(estimator, Endless(), folder / "out", {}, annotate=True)
    for frame in progress(recorded, total=LATE, unit="frame"):
        if frame.number + 1 in (EARLY, LATE):
            with open("/proc/self/statm") as file:
                at[frame.number + 1] = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2 ** 20
    print("resident memory: %.0f MiB after %d frames, %.0f MiB after %d: %+.0f MiB"
          % (at[EARLY], EARLY, at[LATE], LATE, at[LATE] - at[EARLY]))


def main():
    os.environ["GLOG_minloglevel"] = "2"
    print("\nVideos: medians of %d rounds" % ROUNDS, flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subprocess.check_call([sys.executable, str(ROOT / "tools" / "make_slim.py"), str(folder / "slim"), "--divide",
                               "16", "--batch", "6"])
        memory(folder) if sys.argv[1:] == ["memory"] else bench(folder)


if __name__ == "__main__":
    main()
