"""What has changed from one text to another, line by line, so that a person can read it. Pure.

Lines that stayed the same far from any change are left out. Where a line became another one, the words that changed
are marked in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

MAX_CHARACTERS = 20_000
MAX_LINES = 400
"""So much of each text is compared."""
MAX_WORDS = 200
"""Longer lines are not compared word by word."""
AROUND = 3
"""So many lines are shown before a change, and behind it."""
LIKE = 0.4
"""How much two lines must have in common for their words to be compared."""

_WORD = re.compile(r"\w+|\s+|[^\w\s]")


class Became(StrEnum):
    """What became of a line."""

    SAME = "same"
    GONE = "gone"
    NEW = "new"
    LEFT_OUT = "left-out"
    """Lines that are the same and are not shown."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line, and whether that is what has changed in it."""

    text: str
    is_changed: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the comparison."""

    became: Became
    pieces: tuple[Piece, ...] = ()
    count: int = 1
    """How many lines were left out."""

    @property
    def text(self) -> str:
        """The line as it stands there."""
        return "".join(piece.text for piece in self.pieces)


def compared(before: str, after: str) -> list[Line]:
    """What led from one to the other; empty where they are the same but for blanks at the ends of lines."""
    old, new = _lines(before), _lines(after)
    if old == new:
        return []
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    found: list[Line] = []
    for number, (step, i, j, k, end) in enumerate(steps):
        if step == "equal":
            found += _same(old[i:j], is_first=number == 0, is_last=number == len(steps) - 1)
        else:
            found += _changed(old[i:j], new[k:end])
    return found


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text[:MAX_CHARACTERS].strip("\n").splitlines()[:MAX_LINES]]


def _same(lines: Sequence[str], *, is_first: bool, is_last: bool) -> Iterator[Line]:
    head, tail = 0 if is_first else AROUND, 0 if is_last else AROUND
    left_out = len(lines) - head - tail
    if left_out < 2:
        yield from (Line(Became.SAME, (Piece(line),)) for line in lines)
        return
    yield from (Line(Became.SAME, (Piece(line),)) for line in lines[:head])
    yield Line(Became.LEFT_OUT, count=left_out)
    yield from (Line(Became.SAME, (Piece(line),)) for line in lines[len(lines) - tail :])


def _changed(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    gone = [Line(Became.GONE, (Piece(line),)) for line in old]
    come = [Line(Became.NEW, (Piece(line),)) for line in new]
    if len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            words = _words(one, other)
            if words is not None:
                gone[number], come[number] = Line(Became.GONE, words[0]), Line(Became.NEW, words[1])
    yield from gone
    yield from come


def _words(one: str, other: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]] | None:
    """Both lines in pieces; None where they have too little in common for that to help."""
    old, new = _WORD.findall(one), _WORD.findall(other)
    if max(len(old), len(new)) > MAX_WORDS:
        return None
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < LIKE:
        return None
    steps = matcher.get_opcodes()
    before = tuple(Piece("".join(old[i:j]), step != "equal") for step, i, j, _, _ in steps if i < j)
    after = tuple(Piece("".join(new[k:end]), step != "equal") for step, _, _, k, end in steps if k < end)
    return before, after
