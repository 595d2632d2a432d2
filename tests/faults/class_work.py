"""A class that has submitted its homework, written into the rows of a stack, whose notebooks wait at a hold."""

from __future__ import annotations

import json

from django.utils import timezone

from assignments.files import Bundle, File
from assignments.grading.autograding import ask_autograding
from assignments.models import Way
from assignments.submitting.submissions import receive
from tests.assignments.grading import graded_release, notebook
from tests.factories import AssignmentFactory, member
from tests.faults.holds import Hold
from tests.stack import Stack

ANSWER = "set_a"
"""The cell of the student's that runs before the tests."""
CELL_SECONDS = 150


def submit_held(stack: Stack, hold: Hold, *, name: str, image_key: str, students: int) -> None:
    """Have so many students of a new class submit, and what they submitted graded."""
    arguments = f"{name!r}, {image_key!r}, {students}, {hold.python()!r}"
    stack.manage("shell", "--command", f"from tests.faults import class_work; class_work.submit({arguments})")


def submit(name: str, image_key: str, students: int, waiting: str) -> None:
    """The same, inside."""
    assignment = AssignmentFactory.create(
        name=name, course__slug=name, course__owner__username=name, cell_seconds=CELL_SECONDS
    )
    release = graded_release(assignment)
    release.image_key = image_key
    release.save(update_fields=["image_key"])
    for number in range(students):
        ada = member(assignment.course, f"{name}-{number}")
        now = timezone.now()
        submission = receive(assignment, ada, _answered(waiting), way=Way.LAB, by=ada.person, now=now)
        ask_autograding(submission, by=None, now=now)


def _answered(waiting: str) -> Bundle:
    """Right by the tests, once somebody has let it go on."""
    answers = json.loads(notebook("submitted-changed.ipynb"))
    [answer] = [cell for cell in answers["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == ANSWER]
    answer["source"] = waiting + "".join(answer["source"])
    return Bundle((File("problem1.ipynb", json.dumps(answers).encode()),))
