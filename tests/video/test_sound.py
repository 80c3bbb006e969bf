"""The sound of an annotated video: what was heard, when it was heard."""
from fractions import Fraction

import av
import numpy as np
import pytest

from pain.video.annotate import Annotator
from pain.video.source import open_video
from support.videos import picture, write, write_with_sound

RATE, SIZE = 25, (48, 64)
BEEPS = 0.4, 1.2  # seconds from the beginning of the file, each as long as a frame and bright at that time


def beeping(path, codecs, start=0., sound=0., late=0., channels=1, rate=48000, jumps=()):
    """A video of 2 s that is bright while it beeps. start, sound: when its picture and its sound begin; late: of the
    beeps; jumps: {seconds from which on: seconds that the sound's timestamps are later}."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    with av.open(str(path), "w") as file:
        pictures, sounds = file.add_stream(codecs[0], rate=RATE), file.add_stream(codecs[1], rate=rate, layout=layout)
        pictures.height, pictures.width, pictures.pix_fmt = *SIZE, "yuv420p"
        packets = []
        for i in range(round(RATE * (2 - start))):
            bright = any(0 <= start + i / RATE - beep < 0.08 for beep in BEEPS)
            frame = av.VideoFrame.from_ndarray(np.full((*SIZE, 3), 250 if bright else 10, np.uint8), format="rgb24")
            frame.pts, frame.time_base = round(1000 * start) + i * 40, Fraction(1, 1000)
            packets += pictures.encode(frame)
        times = sound + np.arange(round(rate * (2 - sound))) / rate
        loud = np.any([(times >= beep + late) & (times < beep + late + 0.08) for beep in BEEPS], axis=0)
        wave = np.tile((0.5 * loud * np.sin(2 * np.pi * 1000 * times)).astype(np.float32), (channels, 1))
        for at in range(0, wave.shape[1], 960):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave[:, at:at + 960]), format="fltp", layout=layout)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            jump = sum(jumps[since] for since in jumps if times[at] >= since)
            frame.pts = round((sound + jump) * rate) + at
            packets += sounds.encode(frame)
        packets += [*pictures.encode(), *sounds.encode()]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            file.mux(packet)
    return path


def annotated(source, target):
    with open_video(source) as video:
        with Annotator(target, video.width, video.height, video.rate, video=video) as annotator:
            for frame in video.frames():
                annotator.add(frame.image, frame.media_time, [])
    return target


def heard(path):
    """The sound of a file: (samples (N,) float, of the first channel; the time of each, in seconds)."""
    samples, times = [], []
    with av.open(str(path)) as file:
        for frame in file.decode(audio=0):
            wave = frame.to_ndarray()
            samples.append(wave[0] if frame.format.is_planar else wave[0, ::frame.layout.nb_channels])
            times.append(frame.time + np.arange(frame.samples) / frame.sample_rate)
    return np.concatenate(samples), np.concatenate(times)


def beeps(path):
    """When the beeps of a file begin, and when its bright pictures do, in seconds."""
    samples, times = heard(path)
    loud = times[np.abs(samples) > 0.2]
    with av.open(str(path)) as file:
        bright = np.array([frame.time for frame in file.decode(video=0)
                           if frame.to_ndarray(format="rgb24")[:SIZE[0]].mean() > 120])
    return [series[np.append(True, np.diff(series) > 0.2)] for series in (loud, bright)]


@pytest.mark.parametrize("name, codecs, options", [
    ("a.mp4", ("libx264", "aac"), {}), ("a.mov", ("libx264", "pcm_s16le"), {"rate": 44100, "channels": 2}),
    ("a.mkv", ("libx264", "libmp3lame"), {}), ("a.webm", ("libvpx-vp9", "libopus"), {"channels": 6}),
    ("a.avi", ("mpeg4", "pcm_s16le"), {"rate": 11025}), ("a.ts", ("libx264", "mp2"), {}),
    ("a.mp4", ("libx264", "aac"), {"start": 0.32}), ("a.mkv", ("libx264", "libopus"), {"sound": 0.2}),
    ("a.ts", ("libx264", "aac"), {"start": 0.32}), ("a.mp4", ("libx264", "aac"), {"late": 0.3}),
    ("a.mkv", ("libx264", "pcm_s16le"), {"rate": 7000})])
def test_the_sound_stays_where_it_was(tmp_path, name, codecs, options):
    loud, bright = beeps(annotated(beeping(tmp_path / name, codecs, **options), tmp_path / "annotated.mp4"))
    np.testing.assert_allclose(bright, BEEPS, atol=0.045)
    np.testing.assert_allclose(loud - bright, [options.get("late", 0)] * 2, atol=0.045)


def test_sound_that_is_longer_is_kept(tmp_path):
    path = write_with_sound(tmp_path / "a.mp4", [picture(48, 64)] * 10, seconds=2)
    samples, times = heard(annotated(path, tmp_path / "annotated.mp4"))
    assert times[0] == 0 and times[-1] == pytest.approx(2, abs=0.05) and np.abs(samples).max() < 1e-3


@pytest.mark.parametrize("make", [lambda path: write(path, [picture(48, 64)] * 3),
                                  lambda path: beeping(path, ("libx264", "pcm_s16le"), rate=1)], ids=["none", "1 Hz"])
def test_a_video_without_sound_has_none(tmp_path, make):
    path = annotated(make(tmp_path / "a.mov"), tmp_path / "annotated.mp4")
    with av.open(str(path)) as file:
        assert [stream.type for stream in file.streams] == ["video"]


def test_a_pause_of_the_sound_is_silent(tmp_path):
    """Its timestamps jump by half a second, and later by a day."""
    path = beeping(tmp_path / "a.mkv", ("libx264", "pcm_s16le"), jumps={0.6: 0.5, 1.5: 86400})
    loud, bright = beeps(annotated(path, tmp_path / "annotated.mp4"))
    np.testing.assert_allclose(loud, [0.4, 1.7], atol=0.045)
    np.testing.assert_allclose(bright, BEEPS, atol=0.045)
    samples, times = heard(tmp_path / "annotated.mp4")
    assert times[-1] == pytest.approx(2, abs=0.05) and np.allclose(np.diff(times), 1 / 48000, atol=1e-6)
