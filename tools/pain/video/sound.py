"""The sound of a video file, written again beside pictures that are made of its own."""
from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from pain.video.source import Video, decoded

RATES = 96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000  # that AAC can have
RATE = 48000  # samples a second, in the place of others
LEAST_RATE = 1000  # samples a second; what claims fewer is damaged: a few of its bytes would be minutes
JITTER = 0.05  # seconds that a frame of sound may be off the end of the one before, and still be meant to follow it
LONGEST_SILENCE = 3600.  # seconds; what claims to come later is damaged


class Sound:
    """The first sound of a file that can be decoded, as AAC in an output file. A context, to be closed in the end.

    source, output: an av container to read, and one to write, of which nothing is written yet; stream: of source; zero:
    the time, in seconds as FFmpeg counts them, at which the output begins.
    """

    def __init__(self, source, stream, output, zero):
        self.source, self.output, self.zero, self.position = source, output, zero, 0
        self.rate = stream.rate if stream.rate in RATES else RATE
        self.layout = "mono" if stream.layout.nb_channels == 1 else "stereo"
        self.stream = output.add_stream("aac", rate=self.rate, layout=self.layout)
        self.pieces = self._pieces(stream)
        self.next = next(self.pieces, None)

    def _pieces(self, stream) -> Iterator[tuple[int | None, np.ndarray]]:
        """Yield (where it begins, in samples of the output, or None; samples (channels, N) float32)."""
        kind = resampler = None
        for frames, _ in decoded(self.source, stream):
            for frame in frames:
                if frame.sample_rate < LEAST_RATE:
                    return
                if kind != (frame.format.name, frame.layout.name, frame.sample_rate):
                    kind = frame.format.name, frame.layout.name, frame.sample_rate
                    resampler = av.AudioResampler("fltp", self.layout, self.rate)
                at = None if frame.pts is None else round((frame.time - self.zero) * self.rate)
                for piece in resampler.resample(frame):
                    yield at, piece.to_ndarray()
                    at = None

    def write(self, until: float = np.inf) -> None:
        """Write what is heard before so many seconds of the output."""
        while self.next is not None:
            at, samples = self.next
            if at is None or abs(at - self.position) < JITTER * self.rate:
                at = self.position
            if at >= until * self.rate:
                return
            if at - self.position > LONGEST_SILENCE * self.rate:
                self.next = None
                return
            while self.position < at:
                self._encode(np.zeros((len(samples), min(self.rate, at - self.position)), np.float32))
            self._encode(samples[:, self.position - at:])
            self.next = next(self.pieces, None)

    def _encode(self, samples):
        """Write samples, (channels, N) float32, where the last ones ended."""
        if samples.size:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self.layout)
            frame.sample_rate, frame.pts, frame.time_base = self.rate, self.position, Fraction(1, self.rate)
            self.output.mux(self.stream.encode(frame))
            self.position += samples.shape[1]

    def end(self) -> None:
        """Write the rest."""
        self.write()
        self.output.mux(self.stream.encode(None))

    def close(self) -> None:
        """Be done with the source."""
        self.source.close()
        self.pieces = self.next = None


def sound_of(video: Video, output: av.container.OutputContainer) -> Sound | None:
    """The Sound of a Video, on a player's clock; None where it has none, or comes from a pipe, a camera, a folder."""
    if video.file is None:
        return None
    source = av.open("file:" + video.file, metadata_errors="replace")
    for stream in source.streams.audio:
        if stream.codec_context is not None and stream.rate >= LEAST_RATE and stream.layout.nb_channels:
            return Sound(source, stream, output, video.clock_zero())
    source.close()
    return None
