"""Interlaced and HDR pictures made as a usual screen shows them, by FFmpeg's own filters.

    interlaced ──> bwdif, a picture for each, those alone that are flagged as interlaced
    HDR        ──> scale, which tone-maps PQ and HLG to SDR: white at 203 cd/m2 (BT.2408), what is lighter is white
"""
from collections import deque
from collections.abc import Iterable, Iterator

import av
import av.filter

HDR = {16: "PQ", 18: "HLG"}  # FFmpeg's numbers of transfer curves
MOST_WAITING = 4  # pictures that bwdif may keep, to look at those around each
DEINTERLACE = "bwdif", "mode=send_frame:deint=interlaced"
TO_SDR = "scale", "out_transfer=bt709:out_primaries=bt709:out_color_matrix=bt709"


def as_shown(pictures: Iterable[av.VideoFrame],
             notes: list[str]) -> Iterator[tuple[av.VideoFrame, av.VideoFrame]]:
    """Yield each picture with what is to be shown of it: itself, or a filtered one, whose times do not count.

    notes: to which is added, once each, what was done, or could not be with this FFmpeg.
    """
    mapping = None
    for picture, shown in deinterlaced(pictures, notes):
        if shown.color_trc in HDR:
            name = "HDR (%s)" % HDR[shown.color_trc]
            if mapping is None or not mapping.takes(shown):
                mapping = FilterGraph(shown, *TO_SDR)
            mapped = mapping.filtered(shown)
            note(notes, name + (", tone-mapped to SDR" if mapped else ", which this FFmpeg does not tone-map to SDR; "
                                "faces look pale, and intensities are not to be trusted"))
            shown = mapped[0] if mapped else shown
        yield picture, shown


def deinterlaced(pictures, notes):
    """Yield each picture with itself, or, from the first one that is flagged as interlaced on, as bwdif makes it."""
    graph, waiting = None, deque()
    for picture in pictures:
        if graph and not graph.takes(picture):
            yield from pairs(waiting, graph.filtered(None))
            graph = None
        if graph is None and picture.interlaced_frame:
            graph = FilterGraph(picture, *DEINTERLACE)
            note(notes, "interlaced, " + ("deinterlaced" if graph.works else "which this FFmpeg does not deinterlace"))
        waiting.append(picture)
        for shown in graph.filtered(picture) if graph else ():
            yield waiting.popleft(), shown
        if not (graph and graph.works) or len(waiting) > MOST_WAITING:
            yield from pairs(waiting, ())
    yield from pairs(waiting, graph.filtered(None) if graph else ())


def pairs(waiting, shown):
    """Empty the queue of pictures: each with what is shown of it, or itself where that is missing."""
    shown = deque(shown)
    while waiting:
        picture = waiting.popleft()
        yield picture, shown.popleft() if shown else picture


def note(notes, text):
    """Add the text to the notes, unless it is there."""
    if text not in notes:
        notes.append(text)


class FilterGraph:
    """A filter of FFmpeg, by its name and options, for pictures like `picture`. works: whether this FFmpeg has it."""

    def __init__(self, picture, name, options):
        self.kind, self.works, self.graph = kind_of(picture), True, av.filter.Graph()
        try:
            source = self.graph.add_buffer(width=picture.width, height=picture.height, format=picture.format,
                                           time_base=picture.time_base)
            filtering, sink = self.graph.add(name, options), self.graph.add("buffersink")
            source.link_to(filtering)
            filtering.link_to(sink)
            self.graph.configure()
        except (av.FFmpegError, ValueError):  # an older one
            self.works = False

    def takes(self, picture):
        """Whether the picture is like the first."""
        return kind_of(picture) == self.kind

    def filtered(self, picture):
        """The pictures that come out when this one goes in, or None, the end: a list of av.VideoFrame."""
        came_out = []
        if not self.works:
            return came_out
        try:
            self.graph.push(picture)
            while True:
                came_out.append(self.graph.pull())
        except av.FFmpegError:  # that it wants more, that it has ended, or that it cannot do this
            pass
        return came_out


def kind_of(picture):
    """What a graph is made for."""
    return picture.width, picture.height, picture.format.name, picture.color_trc
