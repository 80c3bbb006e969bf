"""Pain intensity from faces, as a library: arrays in, arrays out.

    import pain
    curve = pain.rate_video("visit.mp4", models="models/smooth_l1_center_l1_sampling")
    scores = pain.evaluate(["theirs.csv", "models/l1_center_l1"], protocol="video")

docs/tour.ipynb shows every call. Importing pain loads nothing and changes nothing: each name below is fetched from its
room when it is first used, and what it needs and is not installed is named then. Errors that a person can mend are
pain.Problem.
"""
import importlib

from pain.errors import Missing, Problem, needed_for

NAMES = {  # name -> the module that it is from
    "rate_video": "pain.video.rate", "stream_video": "pain.video.rate",
    "read_curve": "pain.video.whole_curve", "Curve": "pain.video.whole_curve",
    "find_faces": "pain.faces.find", "align": "pain.faces.alignment",
    "load_nets": "pain.models", "rate_faces": "pain.models",
    "read_results": "pain.evaluation.results", "result_of": "pain.evaluation.results",
    "quantised": "pain.evaluation.results", "evaluate": "pain.evaluation.evaluate",
}
__all__ = ["Missing", "Problem", *NAMES]


def __getattr__(name):
    if name not in NAMES:
        raise AttributeError("module 'pain' has no attribute %r" % name)
    with needed_for("pain." + name):
        return globals().setdefault(name, getattr(importlib.import_module(NAMES[name]), name))


def __dir__():
    return sorted({*globals(), *__all__})
