"""What the page says of its nets: what they learned from, which they are, and their scores as evaluate gives them."""
import html
import os

import pytest

from pain import notice
from pain.evaluation import results, scores
from pain.page import model_card
from pain.provenance import ARCHIVE, KINDS, Data, Origin, as_dict
from support.pages import serving
from support.predictions import TINY, write


@pytest.fixture
def folds(tmp_path):
    """Two folds' caffemodels, with newer predictions beside them."""
    models = [write(tmp_path / fold / "predictions.csv", rows).with_name("pain_iter_400.caffemodel")
              for fold, rows in (("01-a", TINY[:4]), ("02-b", TINY[4:]))]
    for model in models:
        model.write_bytes(b"weights")
        os.utime(str(model), (0, 0))
    return models


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_says_what_its_nets_are(folds, tmp_path, kind):
    origin = Origin(Data(kind, 2, 6, (3, 1, 0, 0, 0, 1), ("01-a", "02-b")), "smooth_l1", 400)
    about = dict(models=dict.fromkeys(map(str, folds), "0"), origin=as_dict(origin))
    with serving(tmp_path / "private", about=about) as client:
        status, headers, body = client.ask("GET", "/")
    page = " ".join(html.unescape(body.decode()).split())
    assert status == 200 and headers["content-type"].startswith("text/html") and "{{" not in page
    assert notice.notice(origin) in page and notice.description(origin) in page
    assert notice.TAUGHT[kind] in page and notice.LIMITS[kind] in page
    assert any(word in page for word in ("patients", "shoulder", "PSPI")) == (kind == ARCHIVE)
    row = scores.score(results.read_result(tmp_path))
    assert "Scores on the 2 subjects left out (%s): " % notice.LEARNED_FROM[kind] in page
    assert "MAE %(mae).3f, PCC %(pcc).3f, wMAE %(wmae).3f." % row in page
    assert "01-a/pain_iter_400.caffemodel, 02-b/pain_iter_400.caffemodel" in page


def test_nets_of_which_nothing_is_known(tmp_path):
    with serving(tmp_path / "private") as client:
        page = html.unescape(client.ask("GET", "/")[2].decode())
    assert notice.notice(Origin()) in page and "patients" not in page and "make train" in page
    assert "How well they do is not known here" in page


def test_scores_are_of_these_nets_or_there_are_none(folds):
    assert model_card.scores(folds)["mae"] == (0.75 + 0.5) / 2
    assert model_card.scores(folds[:1])["over"]["mae"] == 1
    os.utime(str(folds[1]))  # trained again, and not predicted
    os.utime(str(folds[1].with_name("predictions.csv")), (0, 0))
    assert model_card.scores(folds) is None
    folds[0].with_name("predictions.csv").write_text("nonsense")
    assert model_card.scores(folds[:1]) is None
    folds[0].with_name("predictions.csv").unlink()
    assert model_card.scores(folds[:1]) is None and model_card.scores([]) is None
