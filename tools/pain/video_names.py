"""What the names of videos say: of sub-01_ses-2_task-arm.mp4, as BIDS has it, that sub is 01, ses 2 and task arm.

Names of another kind are read by a pattern of one's own, {sub}_{task}: a name in braces is what stands there, and *
stands for anything. A pattern is of the whole name, without the ending, and of as many folders as it names.
"""
from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from pain.errors import Problem

BIDS = re.compile(r"(?:^|[/\\_])(sub-[^/\\_].*)", re.DOTALL)  # all that follows the first sub-
ENTITY = re.compile(r"([A-Za-z][A-Za-z0-9]*)-(.+)", re.DOTALL)
NOTHING = "", "n/a"  # what BIDS writes where there is none
ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}$")


def parts_of(path: str) -> list[str]:
    """The folders and the name of a path, of any system, the name without its ending."""
    parts = [part for part in re.split(r"[/\\]", path) if part not in ("", ".")]
    return [*parts[:-1], ENDING.sub("", parts[-1]) or parts[-1]] if parts else []


def bids_entities(path: str) -> dict[str, str]:
    """What a BIDS-like path says: {"sub": "01", "ses": "2"}, nothing without sub-. What comes last in it counts."""
    name = BIDS.search("/".join(parts_of(path)))
    found = [ENTITY.fullmatch(part) for part in re.split("[/_]", name.group(1))] if name else []
    return {entity.group(1).lower(): entity.group(2) for entity in found if entity}


class NamePattern(NamedTuple):
    """What --pattern asks for."""

    expression: re.Pattern  # of the name without its ending, and the folders before it
    depth: int  # how many parts of a path that is


def name_pattern(pattern: str) -> NamePattern:
    """The NamePattern of a text such as {sub}_{task}. Raises Problem when it is none."""
    texts = re.split(r"\{([^{}]*)\}", pattern.lower())
    names = texts[1::2]
    if not names or "" in texts[2:-1:2] or len(set(names)) < len(names) or not all(
            re.fullmatch("[a-z][a-z0-9_]*", name) for name in names):
        raise Problem("--pattern %s: write it as {sub}_{ses}, each name once and with something between them" % pattern)
    expression = "".join("(?P<%s>[^/]+?)" % text if i % 2 else re.escape(text).replace(r"\*", "[^/]*?")
                         for i, text in enumerate(texts))
    return NamePattern(re.compile(expression, re.IGNORECASE), 1 + pattern.count("/"))


def folded(text: str) -> str:
    """A text without what capitals, blanks around it, and the ways to write an accent make of it."""
    return unicodedata.normalize("NFC", text.strip()).casefold()


def plain(text: str) -> str:
    """What is the same for everybody: sub-01, 01 and 1 of a participant, in any capitals and accents of any system."""
    text = folded(text)
    text = re.sub("^(sub|ses)-", "", text) if text not in NOTHING else ""
    return text.lstrip("0") or "0" if text.isdecimal() else text


def alike(name: str, path: str) -> int:
    """How much of a path's end a name repeats: 0 unless it is all of the name, or the name ends in all of the path."""
    one, other = ([plain(part) for part in parts_of(text)] for text in (name, path))
    shorter = min(len(one), len(other))
    if not shorter or one[-shorter:] != other[-shorter:]:
        return 0
    same_ending = re.split(r"[/\\]", name)[-1].casefold() == re.split(r"[/\\]", path)[-1].casefold()
    return 2 * shorter + same_ending


def said_by(path: str, pattern: NamePattern | None = None) -> dict[str, str]:
    """What a video's path says, {name: text}: by the pattern, or as BIDS has it; nothing if it is no such path."""
    if pattern is None:
        return bids_entities(path)
    match = pattern.expression.fullmatch("/".join(parts_of(path)[-pattern.depth:]))
    return match.groupdict() if match else {}
