"""Whatever students do to a notebook before they hand it in, it is kept as it came and ends with a grade."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from assignments import artefacts
from assignments.errors import AssignmentError
from assignments.files import Bundle, File, Limits, from_tar
from assignments.grading.autograding import ask_autograding, carry_out_next
from assignments.models import Assignment, Autograding, Submission, Way
from assignments.submitting.submissions import receive
from environments.builders.fake import FakeBuilder
from environments.values import Image
from tests.assignments.grading import graded_release, notebook
from tests.factories import AssignmentFactory, member

pytestmark = pytest.mark.django_db

Notebook = dict[str, Any]
TESTED = {"foo", "bar"}
"""The cells that tests grade. In a kernel where nothing fails they get everything, whatever was handed in for them."""


class FakeImages(FakeBuilder):
    """Has whatever the fake sandbox runs."""

    def find(self, image_key: str) -> Image | None:
        return Image(image_key, f"fake:{image_key}")


@pytest.fixture
def assignment(use_backends: Callable[..., None]) -> Assignment:
    """One whose kernels do nothing, and do that well."""
    use_backends(builder=FakeImages)
    assignment = AssignmentFactory.create(name="homework")
    graded_release(assignment)
    return assignment


def honest() -> Notebook:
    """What somebody hands in who only wrote answers."""
    made: Notebook = json.loads(notebook("submitted-changed.ipynb"))
    return made


def cell_of(given: Notebook, grade_id: str) -> Notebook:
    """The cell nbgrader knows by this name."""
    found: Notebook = next(cell for cell in given["cells"] if about(cell).get("grade_id") == grade_id)
    return found


def about(cell: Notebook) -> Notebook:
    """What nbgrader has written into the cell."""
    found: Notebook = cell["metadata"].get("nbgrader", {})
    return found


def copies_cells(given: Notebook) -> None:
    given["cells"] += copy.deepcopy(given["cells"])


def splits_a_cell(given: Notebook) -> None:
    given["cells"].insert(1, {**copy.deepcopy(cell_of(given, "foo")), "source": "half of it"})


def deletes_cells(given: Notebook) -> None:
    given["cells"] = given["cells"][:1]


def deletes_everything(given: Notebook) -> None:
    given["cells"] = []


def reorders_cells(given: Notebook) -> None:
    given["cells"].reverse()


def tags_cells(given: Notebook) -> None:
    for cell in given["cells"]:
        cell["metadata"]["tags"] = ["skip-execution", "raises-exception", "raises-exception"]


def writes_nonsense_beside(given: Notebook) -> None:
    given["metadata"].update(language_info={"name": 3}, title=[], authors="me", orig_nbformat="x")
    for cell in given["cells"]:
        cell["metadata"].update(name="", collapsed="yes", scrolled=7, jupyter=[], execution=3, format={})
        cell.update(attachments=3, anything={"else": []})
        if cell["cell_type"] == "code":
            cell.update(outputs=[3, {"output_type": "forged"}], execution_count="x")


def edits_locked_cells(given: Notebook) -> None:
    for cell in given["cells"]:
        if about(cell).get("locked"):
            cell["source"] = "assert True"


def forges_metadata(given: Notebook) -> None:
    for cell in given["cells"]:
        about(cell).update(points=1000, grade=True, solution=True, locked=False, checksum="0" * 32, extra={})


def repeats_identities(given: Notebook) -> None:
    given["nbformat_minor"] = 5
    for cell in given["cells"]:
        cell["id"] = "same"


def renames_cells(given: Notebook) -> None:
    for number, cell in enumerate(given["cells"]):
        about(cell)["grade_id"] = f"mine {number}"


def strips_metadata(given: Notebook) -> None:
    for cell in given["cells"]:
        cell["metadata"] = {}


def claims_an_old_schema(given: Notebook) -> None:
    for cell in given["cells"]:
        about(cell)["schema_version"] = 1


def claims_a_new_schema(given: Notebook) -> None:
    for cell in given["cells"]:
        about(cell)["schema_version"] = 99


def names_another_kernel(given: Notebook) -> None:
    given["metadata"]["kernelspec"] = {"name": "../../bin/sh", "display_name": "R", "language": "R"}


def is_of_another_format(given: Notebook) -> None:
    given["nbformat"] = 99


def is_no_notebook(given: Notebook) -> None:
    given.clear()


MISCHIEF = [
    copies_cells,
    splits_a_cell,
    deletes_cells,
    deletes_everything,
    reorders_cells,
    tags_cells,
    writes_nonsense_beside,
    edits_locked_cells,
    forges_metadata,
    repeats_identities,
    renames_cells,
    strips_metadata,
    claims_an_old_schema,
    claims_a_new_schema,
    names_another_kernel,
    is_of_another_format,
    is_no_notebook,
]


@pytest.mark.parametrize("mischief", MISCHIEF, ids=lambda mischief: mischief.__name__)
def test_submission_that_was_tampered_with_is_graded_by_the_release(
    mischief: Callable[[Notebook], None], assignment: Assignment, now: datetime
) -> None:
    given = honest()
    mischief(given)
    handed_in = json.dumps(given).encode()

    submission = graded(assignment, File("problem1.ipynb", handed_in), now)

    kept = from_tar([artefacts.read(submission.bundle)], limits=Limits()).bundle
    assert kept.read("problem1.ipynb") == handed_in
    assert (submission.state, submission.max_points) == (Submission.State.GRADED, Decimal(7))
    assert earned(submission).keys() >= TESTED
    assert {points for cell, points in earned(submission).items() if cell in TESTED} == {1}


@pytest.mark.parametrize(
    "content", [b"", b"not JSON", b"\xff\xfe", b"[]", b'{"cells": 3}', b"[" * 100_000], ids=lambda content: content[:9]
)
def test_submission_that_cannot_be_read_is_graded_as_unanswered_and_says_so(
    content: bytes, assignment: Assignment, now: datetime
) -> None:
    submission = graded(assignment, File("problem1.ipynb", content), now)

    assert submission.state == Submission.State.GRADED
    assert submission.repairs != []


def test_submission_of_another_notebook_is_graded_as_unanswered_and_says_so(
    assignment: Assignment, now: datetime
) -> None:
    submission = graded(assignment, File("other.ipynb", b'{"cells": [], "nbformat": 4, "metadata": {}}'), now)

    assert submission.state == Submission.State.GRADED
    assert submission.repairs != []


def test_submission_without_any_notebook_is_refused_in_words(assignment: Assignment, now: datetime) -> None:
    with pytest.raises(AssignmentError) as raised:
        graded(assignment, File("essay.txt", b"my essay"), now)

    assert raised.value.code == "submission_without_notebooks"
    assert raised.value.facts["expected"] == "problem1.ipynb"


def graded(assignment: Assignment, file: File, now: datetime) -> Submission:
    """What becomes of this, handed in by somebody."""
    ada = member(assignment.course, "ada")
    submission = receive(assignment, ada, Bundle((file,)), way=Way.PAGE, by=ada.person, now=now)
    ask_autograding(submission, by=None, now=now)
    carry_out_next(clock=lambda: now)
    submission.refresh_from_db()
    return submission


def earned(submission: Submission) -> dict[str, float]:
    """What its tests gave."""
    scores = Autograding.objects.get(submission=submission).scores
    return {cell["grade_id"]: cell["auto_points"] for cell in scores}
