"""The video encoder that this FFmpeg has."""
import av

from pain.errors import Problem

# Without mbtree, for with it x264 makes other bytes of the same pictures every time.
CODECS = {"libx264": {"preset": "veryfast", "crf": "22", "mbtree": "0"}, "libopenh264": {"b": "3M"},
          "mpeg4": {"b": "3M"}}


def encoder() -> str:
    """The name of the best of CODECS that this FFmpeg can encode. Raises Problem when there is none."""
    for name in CODECS:
        try:
            return av.Codec(name, "w").name
        except ValueError:  # PyAV's error for an unknown codec is one
            continue
    raise Problem("annotated video: FFmpeg encodes none of %s here; install another PyAV, or go without the video"
                  % ", ".join(CODECS))
