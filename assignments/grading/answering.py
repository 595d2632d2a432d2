"""What students have answered at a cell, out of the notebooks they gave back.

What a cell asks for need not stand in the cell itself: tests look at the answer before them, and a task is worked on
in cells behind it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache

from assignments import artefacts, files
from assignments.errors import AssignmentError
from assignments.files import SUFFIX
from assignments.grading.points import CellKey
from assignments.models import Submission
from assignments.notebooks.cells import Notebook, grade_id_of, is_answer, is_test, read

MAX_CHARACTERS = 20_000
KEPT_SECONDS = 600
"""How long what was found in a notebook is kept: while somebody looks at answers to one cell, one after another."""
_LIMITS = files.Limits(max_bytes=500_000_000)


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody has answered."""

    source: str
    is_code: bool


NONE = Answer("", is_code=False)


def notebook_of(submission: Submission, notebook: str) -> bytes:
    """As its tests were run; as it was received where none were. Raises AssignmentError `notebook_missing`."""
    bundle = files.from_tar([artefacts.read(_kept(submission))], limits=_LIMITS).bundle
    found = bundle.read(f"{notebook}{SUFFIX}")
    if found is None:
        raise AssignmentError("notebook_missing", notebook=notebook)
    return found


def answers_of(submissions: Sequence[Submission], key: CellKey) -> dict[Any, Answer]:
    """The answers to a cell by submission, an empty one where there is none that can be read."""
    names = {submission.pk: _name(submission, key) for submission in submissions}
    known = cache.get_many(names.values())
    found, read_now = {}, {}
    for submission in submissions:
        name = names[submission.pk]
        if name not in known:
            answer = _read(submission, key)
            known[name] = read_now[name] = (answer.source, answer.is_code)
        found[submission.pk] = Answer(*known[name])
    cache.set_many(read_now, KEPT_SECONDS)
    return found


def answer_in(notebook: Notebook, grade_id: str) -> Answer:
    """What stands in a notebook for this cell."""
    cells = notebook["cells"]
    here = next((place for place, cell in enumerate(cells) if grade_id_of(cell) == grade_id), None)
    if here is None:
        return NONE
    if is_test(cells[here]):
        given = [cell for cell in cells[:here] if is_answer(cell)][-1:]
    elif is_answer(cells[here]):
        given = [cells[here]]
    else:
        after = cells[here + 1 :]
        end = next((place for place, cell in enumerate(after) if grade_id_of(cell)), len(after))
        given = after[:end]
    source = "\n\n".join(cell["source"] for cell in given)[:MAX_CHARACTERS]
    return Answer(source, is_code=any(cell["cell_type"] == "code" for cell in given))


def _read(submission: Submission, key: CellKey) -> Answer:
    try:
        raw = notebook_of(submission, key.notebook)
        return answer_in(read(raw, name=key.notebook), key.grade_id)
    except AssignmentError:
        return NONE


def _kept(submission: Submission) -> str:
    run = submission.autograding
    return (run.bundle if run is not None else "") or submission.repaired or submission.bundle


def _name(submission: Submission, key: CellKey) -> str:
    """By what was kept, which never changes."""
    cell = hashlib.sha256(f"{key.notebook}\n{key.grade_id}".encode()).hexdigest()
    return f"answer:{_kept(submission)}:{cell}"
