"""What the page says of its nets: which they are, what they learned from, and how well they do on subjects left out."""
import html
from pathlib import Path

from pain.datasets.pspi import CLASSES
from pain.errors import Problem
from pain.evaluation.frames import Result
from pain.evaluation.metrics import title
from pain.evaluation.results import read_csvs
from pain.evaluation.scores import score
from pain.notice import LEADS, LIMITS, TAUGHT, description, learned_from, nets_line, notice, short_notice
from pain.provenance import origin_said

SCORES = "mae", "pcc", "wmae"


def fill(template, card):
    """The page's HTML with the texts of a card() in the place of {{lead}} and the like."""
    for name, text in card.items():
        template = template.replace("{{%s}}" % name, html.escape(text))
    return template


def card(about):
    """What is to be said of nets, texts by name. about: their curves'."""
    origin, models = origin_said(about), list(map(Path, about.get("models", ())))
    return {"lead": LEADS[origin.kind], "taught": TAUGHT[origin.kind], "limits": LIMITS[origin.kind],
            "notice": notice(origin), "short": short_notice(origin), "nets": nets_line(origin),
            "description": description(origin), "scores": scores_line(models, learned_from(origin.data)),
            "files": ", ".join(short_names(models)) or "none"}


def short_names(paths, least=2):
    """The ends of paths, `least` parts or as many as it takes to tell them apart: nobody needs to know the rest."""
    for count in range(least, max((len(path.parts) for path in paths), default=least) + 1):
        names = ["/".join(path.parts[-count:]) for path in paths]
        if len(set(names)) == len(names):
            break
    return names if paths else []


def without_folders(about):
    """What curves are of, with short names in the place of paths."""
    models = about.get("models", {})
    return dict(about, models=dict(zip(short_names(list(map(Path, models))), models.values())),
                calibration=about.get("calibration") and Path(about["calibration"]).name)


def scores_line(models, data):
    """How the nets do on the subjects that their folds left out, in a sentence.

    models: paths of caffemodels; data: what they learned from, and these subjects are of.
    """
    row = scores(models)
    if row is None:
        return "How well they do is not known here: no predictions of subjects left out stand beside them."
    return "Scores on the %d subjects left out (%s): %s." % (
        row["over"]["mae"], data, ", ".join("%s %s" % (title(name), "undefined" if row[name] != row[name] else
                                                 "%.3f" % row[name]) for name in SCORES))


def scores(models):
    """SCORES of the predictions.csv beside each caffemodel, a row of score(); None unless all are there and current.
    """
    files = [model.parent / "predictions.csv" for model in models]
    if not files or any(not file.exists() or file.stat().st_mtime < model.stat().st_mtime
                        for file, model in zip(files, models)):
        return None
    try:
        videos = read_csvs(dict.fromkeys(files), CLASSES - 1)
    except Problem:  # which evaluate.py explains
        return None
    return score(Result("", files[0], videos, True, None), names=SCORES)
