"""A submission's notebook as graders see it: cells and outputs as text and pictures, and what is said of each.

A notebook is whatever its student made it. Nothing of it becomes part of a page but as text, or as a picture that was
spelt anew (`classes.notebooks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from assignments.errors import AssignmentError
from assignments.grading.answering import notebook_of
from assignments.models import CellComment, Submission
from assignments.notebooks.cells import grade_id_of, names_of, read
from assignments.running.executing import ENDING_WORDS, EXIT_WORDS, FLAG_WORDS, Ending, Flag
from classes.errors import CourseError
from classes.notebooks import Cell, read_notebook
from environments.sandboxes.base import ExitReason

CELLS_AROUND = 100
"""So many are shown before the one that is graded, and behind it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A cell, and what belongs to it."""

    name: str
    """Its `grade_id`, else its id in the notebook, else its place."""
    cell: Cell
    is_graded: bool
    is_here: bool
    """Whether it is the one that is graded on this page."""
    comments: Sequence[CellComment]
    flags: Sequence[str | Promise]


def shown_cells(
    submission: Submission, notebook: str, grade_id: str, *, comments: Iterable[CellComment]
) -> list[Shown]:
    """The cells around the one that is graded. Raises AssignmentError where the notebook cannot be shown."""
    raw = notebook_of(submission, notebook)
    found = read(raw, name=notebook)
    names, graded = names_of(found), [bool(grade_id_of(cell)) for cell in found["cells"]]
    try:
        cells = read_notebook(raw)
    except CourseError as error:
        raise AssignmentError("notebook_too_large", notebook=notebook, most=8) from error
    said: dict[str, list[CellComment]] = {}
    for comment in comments:
        said.setdefault(comment.cell, []).append(comment)
    here = names.index(grade_id) if grade_id in names else 0
    first = max(0, here - CELLS_AROUND)
    flags = flags_of(submission, notebook)
    everything = list(zip(names, cells, graded, strict=True))
    return [
        Shown(
            name,
            cell,
            is_graded,
            name == grade_id,
            said.get(name, ()),
            flags.get(name if is_graded else f"#{place}", ()),
        )
        for place, (name, cell, is_graded) in enumerate(everything)
        if first <= place <= here + CELLS_AROUND
    ]


def flags_of(submission: Submission, notebook: str) -> dict[str, list[str | Promise]]:
    """What running it has shown, in words, by `grade_id`, or by place where a cell has none (`#3`).

    What concerns the whole notebook stands under an empty name.
    """
    found: dict[str, list[str | Promise]] = {}
    for flag in submission.autograding.flags if submission.autograding is not None else ():
        if flag.get("notebook") == notebook:
            name = flag.get("cell") or (f"#{flag['position']}" if "position" in flag else "")
            found.setdefault(name, []).extend(_words_of_cell(flag) if name else _words_of_notebook(flag))
    return found


def _words_of_cell(flag: Mapping[str, Any]) -> list[str | Promise]:
    code = flag.get("code", "")
    return [FLAG_WORDS[Flag(code)]] if code in set(Flag) else []


def _words_of_notebook(flag: Mapping[str, Any]) -> list[str | Promise]:
    code, reason = flag.get("code", ""), flag.get("facts", {}).get("exit", "")
    if code == "missing":
        return [_("This notebook was not among what was handed in.")]
    words: list[str | Promise] = [ENDING_WORDS[Ending(code)]] if code in set(Ending) else []
    return [*words, EXIT_WORDS[ExitReason(reason)]] if reason in set(ExitReason) else words
