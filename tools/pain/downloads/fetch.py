"""A published file fetched, unpacked and checked."""
from pathlib import Path

from pain import files
from pain.downloads.checks import fault
from pain.downloads.download import discard, download
from pain.downloads.unpack import unpack
from pain.errors import Problem
from pain.files import replacing


def fetch(card, folder, force=False):
    """Have the card's file in the folder. Returns, in a line, what is there now. Raises Problem if it cannot be had.

    force: also if there is one already that is another.
    """
    out, size, sha256 = Path(folder) / card["file"], card.get("size"), card.get("sha256")
    wrong = fault(out, size, sha256) if out.exists() else "is not there"
    if wrong and out.exists() and not force:
        raise Problem("%s: %s; remove it, or have it replaced with --force" % (out, wrong))
    if wrong and card.get("by_hand"):
        raise Problem("%s: open %s in a browser and save the file as %s"
                      % (card["name"], " or ".join([card["url"], *card.get("mirrors", [])]), out))
    if wrong:
        out.parent.mkdir(parents=True, exist_ok=True)
        part, archive = out.with_name(".%s.partial" % out.name), card.get("archive")
        with replacing(out) as whole:
            download(card["url"], part, *((archive.get("size"), archive.get("sha256")) if archive else (size, sha256)))
            try:
                if archive:
                    unpack(part, archive["member"], whole, size)
                    wrong = fault(whole, size, sha256)
                    if wrong:
                        raise Problem("%s: its %s %s" % (card["url"], archive["member"], wrong))
                else:
                    part.replace(whole)
            finally:
                discard(part)
    state = "as published" if sha256 else (
        "there; nobody says which SHA-256 it should have, it has %s" % files.sha256(out))
    return "%s: %s. What it fills: tools/check_weights.py %s --net %s" % (
        out, state, out, " or ".join(card["loads_into"]))


def describe(card, folder):
    """The card for people, three lines."""
    path, size = Path(folder) / card["file"], card.get("size")
    return "%s: %s\n    %s, %s bytes, %s; licence: %s\n    from %s%s" % (
        card["name"], card["what"], path, size or "an unknown number of", "there" if path.exists() else "not there",
        card["licence"], card["source"], ", by hand" if card.get("by_hand") else "")
