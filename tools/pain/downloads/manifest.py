"""The manifest of published weights, models/manifest.json."""
from pathlib import Path

from pain.errors import Problem
from pain.files import read_json
from pain.project import ROOT

MANIFEST = ROOT / "models" / "manifest.json"
FIELDS = "name", "file", "what", "source", "url", "licence", "loads_into"
KINDS = {**dict.fromkeys(FIELDS, str), "size": int, "sha256": str, "member": str, "archive": dict, "mirrors": list,
         "loads_into": list}


def read_manifest(path):
    """The manifest's cards: a dict, name -> card (a dict). Raises Problem when it is none."""
    try:
        cards = read_json(path)["files"]
        for card in cards:
            missing = [field for field in FIELDS if not card.get(field)]
            if card.get("archive") and not card["archive"].get("member"):
                missing.append("archive member")
            wrong = misfits(card) + misfits(card.get("archive") or {})
            if wrong:
                raise Problem("%s: %s: its %s is of the wrong kind" % (path, card.get("name", "a card"), wrong[0]))
            if missing:
                raise Problem("%s: %s has no %s" % (path, card.get("name", "a card"), ", ".join(missing)))
            if Path(card["file"]).name != card["file"] or card["file"].startswith("."):
                raise Problem("%s: %s: the file is called %r; give a name without a folder"
                              % (path, card["name"], card["file"]))
        return {card["name"]: card for card in cards}
    except FileNotFoundError:
        raise Problem("%s: no such manifest; it is part of the project" % path) from None
    except (ValueError, KeyError, TypeError, AttributeError):  # no JSON; JSON of something else
        raise Problem("%s: not a manifest: a JSON file of {\"files\": [a card, ...]}" % path) from None


def misfits(fields):
    """The names of the fields, a dict, whose values are of another kind than KINDS says; lists are of texts."""
    return [name for name, value in fields.items() if name in KINDS and value is not None and not (
        isinstance(value, KINDS[name]) and (KINDS[name] is not list or all(isinstance(part, str) for part in value)))]
