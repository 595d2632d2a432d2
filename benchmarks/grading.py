"""Run by benchmarks.autograde with an installation's settings: fills it with submissions, and grades them.

    python -m benchmarks.grading fill SUBMISSIONS
    python -m benchmarks.grading work < words

A worker does what each line says: `ask` has all graded, `work` grades until none waits, `check` counts the right ones.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from environments.builders.fake import FakeBuilder
from environments.values import Image

NAME = "ps1"
RELEASED = "submitted-unchanged.ipynb"
SUBMITTED = "submitted-changed.ipynb"
"""Two points of seven by tests; two cells are for a person."""
POINTS = 2
ENGINE = "assignments.nbgrader_engine"


class OneImage(FakeBuilder):
    """Has one image: that of Docker's tests, or a folder with the Python that runs this."""

    def find(self, image_key: str) -> Image | None:
        """The same for every key."""
        from django.conf import settings

        from tests.engine import base_image

        return base_image() if settings.RUNTIME == "docker" else Image("here", str(_folder()))


def _folder() -> Path:
    from django.conf import settings

    return Path(settings.CARREL_DATA) / "image"


def fill(submissions: int) -> None:
    """A released assignment, and so many students who have submitted."""
    from django.core.management import call_command
    from django.utils import timezone

    from assignments.models import Way
    from assignments.submitting.submissions import receive
    from tests.assignments.grading import bundle_of, graded_release
    from tests.factories import AssignmentFactory, member

    call_command("migrate", verbosity=0)
    _folder().mkdir()
    (_folder() / "venv").symlink_to(sys.prefix)
    assignment = AssignmentFactory.create(name=NAME, is_graded_on_submit=False)
    graded_release(assignment, RELEASED)
    for number in range(submissions):
        student = member(assignment.course, f"student-{number}")
        receive(assignment, student, bundle_of(SUBMITTED), way=Way.LAB, by=student.person, now=timezone.now())


def warm_up() -> str:
    """Grade one on trial: a worker that has been there for a while has its engine."""
    from django.utils import timezone

    from assignments.grading.autograding import ask_autograding, carry_out_next
    from assignments.models import Submission

    ask_autograding(Submission.objects.all()[0], by=None, now=timezone.now(), is_trial=True)
    return "ready" if carry_out_next() else "idle"


def ask() -> str:
    """Ask for all."""
    from django.utils import timezone

    from assignments.grading.autograding import ask_autograding
    from assignments.models import Submission

    Submission.objects.update(state=Submission.State.RECEIVED, points=None)
    for submission in Submission.objects.all():
        ask_autograding(submission, by=None, now=timezone.now())
    return "asked"


def work() -> str:
    """Grade until none waits."""
    from assignments.grading.autograding import carry_out_next

    while carry_out_next():
        pass
    return "done"


def check() -> str:
    """How many were given the points they earned."""
    from assignments.models import Submission

    right = Submission.objects.filter(state=Submission.State.GRADED, points=POINTS).count()
    return f"{right} right"


COMMANDS: dict[str, Callable[[], str]] = {"ask": ask, "work": work, "check": check}


def main() -> None:
    """Do what the command line says."""
    import django

    django.setup()
    if sys.argv[1] == "fill":
        fill(int(sys.argv[2]))
        return
    print(warm_up(), flush=True)
    for word in sys.stdin:
        print(COMMANDS[word.strip()](), flush=True)


if __name__ == "__main__":
    main()
