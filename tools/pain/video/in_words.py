"""What came of a video, in lines for a terminal."""
from __future__ import annotations

from collections import Counter

from pain.video.curve import FACES, FOUND
from pain.video.estimator import LEAST_FACE


def report_lines(curve_csv, rows, summary, rate, min_face):
    """What came out, a line for the frames and one a person. rate: frames a second, or None."""
    count = Counter(row.face for row in rows)
    doubts = Counter(row.doubt for row in rows if row.doubt)
    lines = ["%s: %d frames%s; faces: %s%s" % (
        curve_csv, summary["frames"], ", %.1f a second" % rate if rate else "",
        ", ".join("%d %s" % (count[face], face) for face in FACES),
        "; doubted for " + ", ".join("%s %d" % pair for pair in doubts.most_common()) if doubts else "")]
    with_face = len({row.frame for row in rows if row.face == FOUND})
    if with_face < summary["frames"] / 2 and min_face > LEAST_FACE:
        lines.append(
            "  a face in %d of %d frames; smaller ones than %g %% of the image's height were not looked for, as "
            "--min-face %.2g would" % (with_face, summary["frames"], 100 * min_face, max(LEAST_FACE, min_face / 2)))
    turned = summary.get("turned", ())
    if any(stretch["degrees"] for stretch in turned):
        said = ["by %(degrees)d degrees from %(from_s).1f s on" % stretch for stretch in turned]
        lines.append("  people are turned, clockwise, %s; their faces were righted" % (
            ", ".join(said[:3]) + ", ..." * (len(said) > 3)))
    for person in summary["people"]:
        lines += person_lines(person)
    if "agreement" in summary:
        lines.append("  with the labels, %(frames)d frames: " % summary["agreement"] + ", ".join(
            "%s %s" % (name.upper(), "-" if value is None else "%.3f" % value)
            for name, value in summary["agreement"].items() if name in ("mae", "mse", "pcc", "wmae", "wmse")))
    return lines


def person_lines(person):
    """What is said of one of a summary's people."""
    lines, mean, peak, elsewhere = [], person["mean"], person["peak"], person["elsewhere_s"]
    if elsewhere:
        lines.append("  person %d: in another place from %s on, and perhaps another person; --track tells people apart"
                     % (person["person"], ", ".join("%.1f s" % at for at in elsewhere[:3])
                        + (", ..." * (len(elsewhere) > 3))))
    if mean is None:
        return [*lines, "  person %d: no intensity" % person["person"]]
    episodes = ", ".join("%d of %g and more" % (len(at["episodes"]), at["at_least"]) for at in person["thresholds"])
    return [*lines, "  person %d: mean %.2f, peak %.2f at %.1f s; episodes: %s" % (
        person["person"], mean, peak["intensity"], peak["media_time_s"], episodes)]
