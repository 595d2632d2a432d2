"""What students have answered at a cell, out of the notebooks they gave back.

What a cell asks for need not stand in the cell itself: tests look at the answer before them, and a task is worked on
in cells behind it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import QuerySet

from assignments import artefacts, files
from assignments.errors import AssignmentError
from assignments.files import SUFFIX
from assignments.grading.points import CellKey
from assignments.models import Submission
from assignments.notebooks.cells import Notebook, grade_id_of, is_answer, is_test, read

MAX_CHARACTERS = 20_000
KEPT_SECONDS = 600
"""How long what was found in a notebook is kept: while somebody looks at answers to one cell, one after another."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody has answered."""

    source: str
    is_code: bool


NONE = Answer("", is_code=False)


def notebook_of(submission: Submission, notebook: str) -> bytes:
    """As its tests were run; as it was received where none were. Raises AssignmentError `notebook_missing`."""
    return _notebook_in(_kept(submission), notebook)


def answers_of(submissions: Sequence[Submission], key: CellKey) -> dict[Any, Answer]:
    """The answers to a cell by submission, an empty one where there is none that can be read."""
    return _answers_in({submission.pk: _kept(submission) for submission in submissions}, key)


def answers_among(submissions: QuerySet[Submission], key: CellKey) -> dict[UUID, Answer]:
    """The same of submissions that need not be read whole for it. One question to the tables."""
    columns = submissions.values_list("pk", "autograding__bundle", "repaired", "bundle")
    return _answers_in({pk: run or repaired or received for pk, run, repaired, received in columns}, key)


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


def _answers_in(kept: Mapping[Any, str], key: CellKey) -> dict[Any, Answer]:
    """By what was kept, which never changes."""
    cell = hashlib.sha256(f"{key.notebook}\n{key.grade_id}".encode()).hexdigest()
    names = {artefact: f"answer:{artefact}:{cell}" for artefact in set(kept.values())}
    known = cache.get_many(names.values())
    read_now = {}
    for artefact, name in names.items():
        if name not in known:
            answer = _read(artefact, key)
            known[name] = read_now[name] = (answer.source, answer.is_code)
    cache.set_many(read_now, KEPT_SECONDS)
    return {one: Answer(*known[names[artefact]]) for one, artefact in kept.items()}


def _read(artefact: str, key: CellKey) -> Answer:
    try:
        raw = _notebook_in(artefact, key.notebook)
        return answer_in(read(raw, name=key.notebook), key.grade_id)
    except AssignmentError:
        return NONE


def _notebook_in(artefact: str, notebook: str) -> bytes:
    found = files.file_in(artefacts.read(artefact), f"{notebook}{SUFFIX}")
    if found is None:
        raise AssignmentError("notebook_missing", notebook=notebook)
    return found


def _kept(submission: Submission) -> str:
    run = submission.autograding
    return (run.bundle if run is not None else "") or submission.repaired or submission.bundle
