"""What students see of tests that were kept from them: their source, and whatever quotes it. Pure.

Hidden are the lines of a cell as it is graded that are not in it as it was given out. Where they are not to be seen,
the source is what was given out, and of the outputs stays what does not quote a hidden line: of a traceback that does
only the kind of the error, for its message is written by the hidden test as well.

A student's code runs in one kernel with the tests, so it can read them, and can spell what it has read in any way it
likes. What is found here is what was printed as it is, in colours, in HTML, escaped, or cut into pieces. That is worth
a look at how it came there (`leaks`); what is found nowhere is no proof of anything.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from assignments.notebooks.cells import Cell, Notebook, by_grade_id, copy_of, grade_id_of

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

FEWEST_LETTERS = 8
"""A line of fewer says nothing that is worth hiding, and is found everywhere."""
MAX_SCANNED = 2_000_000
"""An output of more is left out rather than looked through."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_ARROW = re.compile(r"\s*-+>\s*\d+\s(?P<code>.*)$")
_NUMBERED = re.compile(r"\s*(?:-+>)?\s*\d+\s(?P<code>.*)$")
_TAG = re.compile(r"<[^<>]*>")
_BESIDE_WORDS = re.compile(r"[\W_]+")
_MARKER = re.compile(r"^\s*#+\s*(BEGIN|END)\s+(HIDDEN\s+TESTS?|MARK\s+SCHEME)\b.*$", re.IGNORECASE)


class Tier(StrEnum):
    """When students see the hidden tests of a cell."""

    SHOWN = "shown"
    POINTS = "points"
    LATER = "later"
    NEVER = "never"


class Sees(StrEnum):
    """What is seen of the hidden tests of a cell now."""

    EVERYTHING = "everything"
    POINTS = "points"
    """That there is such a test, and what it gave."""
    NOTHING = "nothing"
    """Not even the points of the cell."""


TIER_WORDS: dict[Tier, _StrPromise] = {
    Tier.SHOWN: _("Shown with the feedback"),
    Tier.POINTS: _("Only their names and points"),
    Tier.LATER: _("Names and points, and all of it from a date on"),
    Tier.NEVER: _("Nothing, not even their points"),
}

HIDDEN_ERROR: _StrPromise = _("A hidden test has failed.")
LEFT_OUT: _StrPromise = _("Left out: it shows parts of hidden tests.")


@dataclass(frozen=True, slots=True)
class Hidden:
    """The lines of one cell that were kept from students."""

    lines: tuple[str, ...] = ()
    quotes: frozenset[str] = field(default=frozenset(), repr=False)
    """The same as they are looked for."""
    public: frozenset[str] = field(default=frozenset(), repr=False)
    """The lines that were given out, as they are looked for."""

    @classmethod
    def between(cls, graded: str, given_out: str) -> Hidden:
        """What is in the source of a cell as it is graded and not in it as it was given out."""
        public = {_squashed(line) for line in given_out.splitlines()}
        lines = tuple(
            line
            for line in graded.splitlines()
            if line.strip() and not _MARKER.match(line) and _squashed(line) not in public
        )
        squashed = {_squashed(line) for line in lines}
        whole = _squashed(given_out)
        quotes = frozenset(one for one in squashed if len(one) >= FEWEST_LETTERS and one not in whole)
        return cls(lines, quotes, frozenset(public))

    def is_quoted_in(self, text: str) -> bool:
        """Whether a hidden line stands in this text, however it is set."""
        settings = {_squashed(text), _squashed(_without_tags(text))}
        return any(quote in squashed for squashed in settings for quote in self.quotes)

    def is_in(self, outputs: object) -> bool:
        """Whether a hidden line stands anywhere in these outputs, in one text of them or in several together."""
        return any(self.is_quoted_in("".join(_strings(outputs, with_keys=with_keys))) for with_keys in (True, False))

    def is_one(self, code: str) -> bool:
        """Whether this is one of the hidden lines, however short, or what marks them."""
        return bool(_MARKER.match(code)) or code.strip() in {line.strip() for line in self.lines}


@dataclass(frozen=True, slots=True)
class Leak:
    """An output in which hidden tests are to be read."""

    position: int
    """Of the cell in the notebook."""
    grade_id: str
    """Empty for a cell of the student's own."""
    of: str
    """The cell whose tests these are."""


def sees(tier: Tier, *, shows_at: datetime | None, now: datetime) -> Sees:
    """What students see of hidden tests of this tier. Without a date, later is never later."""
    if tier == Tier.SHOWN or (tier == Tier.LATER and shows_at is not None and now >= shows_at):
        return Sees.EVERYTHING
    return Sees.NOTHING if tier == Tier.NEVER else Sees.POINTS


def hidden_of(graded: Notebook, *, given_out: Notebook) -> dict[str, Hidden]:
    """What each cell of a notebook keeps from students, by its `grade_id`; those with nothing to hide are left out.

    `graded` has the tests as they are run, and `given_out` is the release as students got it.
    """
    released = by_grade_id(given_out["cells"])
    found = {}
    for grade_id, cell in by_grade_id(graded["cells"]).items():
        if grade_id in released and (cell["metadata"]["nbgrader"].get("solution") is not True):
            hidden = Hidden.between(cell["source"], released[grade_id]["source"])
            if hidden.lines:
                found[grade_id] = hidden
    return found


def redact(
    executed: Notebook, *, given_out: Notebook, hidden: Mapping[str, Hidden], what: Callable[[str], Sees]
) -> Notebook:
    """The notebook as a student may see it. `what` says what they see of the cell with this `grade_id`.

    Every output is looked through for the hidden lines of every cell of which not everything is seen, for a student's
    own cells can print them too. Nothing that is given is changed.
    """
    released = by_grade_id(given_out["cells"])
    kept = {grade_id: one for grade_id, one in hidden.items() if what(grade_id) != Sees.EVERYTHING}
    if not kept:
        return {**executed, "cells": [copy_of(cell) for cell in executed["cells"]]}
    everything = Hidden(quotes=frozenset().union(*(one.quotes for one in kept.values())))
    cells = []
    for cell in executed["cells"]:
        cell, grade_id = copy_of(cell), grade_id_of(cell)
        if grade_id in kept:
            cell["source"] = released[grade_id]["source"] if grade_id in released else ""
        if "outputs" in cell:
            is_nothing = grade_id in kept and what(grade_id) == Sees.NOTHING
            cell["outputs"] = [] if is_nothing else _redacted(cell["outputs"], everything, kept.get(grade_id))
        cells.append(cell)
    return {**executed, "cells": cells}


def leaks(executed: Notebook, *, hidden: Mapping[str, Hidden]) -> tuple[Leak, ...]:
    """The outputs in which hidden tests are to be read, other than what running these tests themselves says.

    To be shown to whoever grades, who can see how it came there. It accuses nobody.
    """
    found = []
    for position, cell in enumerate(executed["cells"]):
        grade_id, outputs = grade_id_of(cell), cell.get("outputs", [])
        found += [Leak(position, grade_id, of) for of, one in hidden.items() if of != grade_id and one.is_in(outputs)]
    return tuple(found)


# --- Outputs -----------------------------------------------------------------------------------------------


def _redacted(outputs: Iterable[Cell], hidden: Hidden, own: Hidden | None) -> list[Cell]:
    """The outputs without what is hidden; none if several quote it together. `own` is what their cell hides."""
    kept = [_output(output, hidden, own) for output in outputs]
    return [_left_out()] if hidden.is_in(kept) else kept


def _output(output: Cell, hidden: Hidden, own: Hidden | None) -> Cell:
    kind = output.get("output_type")
    if sum(map(len, _strings(output))) > MAX_SCANNED:
        return _left_out()
    if kind == "error":
        return _error(output, hidden, own)
    if not hidden.is_in(output):
        return output
    if kind != "stream":
        return _left_out()
    lines = _joined(output.get("text")).splitlines(keepends=True)
    rest = "".join(line for line in lines if not hidden.is_quoted_in(line))
    kept = {"output_type": "stream", "name": "stdout", "text": rest + f"{LEFT_OUT}\n"}
    return _left_out() if hidden.is_in(kept) else kept


def _error(output: Cell, hidden: Hidden, own: Hidden | None) -> Cell:
    """An error without colours, and without the lines of its traceback that are hidden.

    In a cell with hidden tests it is believed to be of a line that was given out only if its traceback points at one;
    otherwise only its kind is left, for a short line of a test is nowhere quoted, and its message says what it knows.
    """
    lines = [_ANSI.sub("", line) for line in _joined(output.get("traceback"), between="\n").splitlines()]
    name, value = (_ANSI.sub("", _joined(output.get(key))) for key in ("ename", "evalue"))
    is_public = own is None or _points_at(own.public, lines)
    if own is not None and is_public:
        lines = [line for line in lines if not (hidden.is_quoted_in(line) or own.is_one(_code_in(line)))]
    shown = {"output_type": "error", "ename": name, "evalue": value, "traceback": lines}
    if is_public and not hidden.is_in(shown):
        return shown
    name = name if name.isidentifier() and not hidden.is_quoted_in(name) else "Error"
    words = str(LEFT_OUT if own is None else HIDDEN_ERROR)
    return {"output_type": "error", "ename": name, "evalue": words, "traceback": [f"{name}: {words}"]}


def _points_at(public: frozenset[str], traceback: Iterable[str]) -> bool:
    """Whether the line of the cell itself, which is the first that a traceback points at, was given out."""
    first = next((match["code"] for line in traceback if (match := _ARROW.match(line))), "")
    return bool(first.strip()) and _squashed(first) in public


def _code_in(line: str) -> str:
    """A line of code in a traceback without its number."""
    match = _NUMBERED.match(line)
    return match["code"] if match else line


def _left_out() -> Cell:
    return {"output_type": "stream", "name": "stdout", "text": f"{LEFT_OUT}\n"}


def _strings(value: object, *, with_keys: bool = True) -> Iterable[str]:
    """Every text in an output, or only what somebody reads of it; pictures, which are none, left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(key, str) and key.startswith("image/") and key != "image/svg+xml":
                continue
            if with_keys:
                yield str(key)
            elif key in ("output_type", "name", "execution_count"):
                continue
            yield from _strings(inner, with_keys=with_keys)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, with_keys=with_keys)


def _joined(parts: object, *, between: str = "") -> str:
    if isinstance(parts, list):
        return between.join(part for part in parts if isinstance(part, str))
    return parts if isinstance(parts, str) else ""


def _without_tags(text: str) -> str:
    return html.unescape(_TAG.sub("", text))


def _squashed(text: str) -> str:
    """A text as it is compared: letters and digits only, so that no blank, quote, colour or escape is in the way."""
    plain = _ANSI.sub("", text).replace("\\n", " ").replace("\\t", " ")
    return _BESIDE_WORDS.sub("", plain).casefold()
