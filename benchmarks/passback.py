"""How long grades take on their way to a learning platform, and what it costs here.

    python -m benchmarks.passback [--grades 1000]

One class, its students of a platform's course, and a grade for each: published, then sent by one worker to the pretend
LMS of the tests over HTTP, one request after another as to a real one. Then the same after a change of every grade,
and compared. The LMS runs on the same machine; `processor` is what this side of it takes. The database is SQLite, in a
directory that is gone afterwards.
"""

from __future__ import annotations

import argparse
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lti.graded import Lectures


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--grades", type=int, default=1000)
    count: int = options.parse_args().grades
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    logging.disable(logging.ERROR)
    from django.conf import settings
    from django.core.management import call_command

    from tests.fakes.lms.client import running_lms
    from tests.lti.campus import enter
    from tests.lti.graded import lectures_at

    call_command("migrate", verbosity=0)
    settings.REPOSITORY_ALLOWED_HOSTS = ["127.0.0.1"]
    with running_lms() as lms:
        lectures = lectures_at(enter(lms))
        _fill(lectures, count)
        print(f"| {count} grades | seconds | processor | requests |\n|---|---|---|---|")
        measure(lectures, "publish", lectures.publish)
        measure(lectures, "send", lambda: _send(lectures))
        _change(lectures)
        measure(lectures, "publish again, all changed", lectures.publish)
        measure(lectures, "send again", lambda: _send(lectures))
        measure(lectures, "compare", lambda: _compare(lectures))


def measure(lectures: Lectures, what: str, do: Callable[[], object]) -> None:
    """Print a row about it."""
    lectures.campus.lms.do("clear_log")
    with _timed() as spent:
        do()
    requests = len(lectures.campus.lms.log("/mod/lti/"))
    print(f"| {what} | {spent[0]:.2f} | {spent[1]:.2f} | {requests} |")


@contextmanager
def _timed() -> Iterator[list[float]]:
    """Seconds by the clock, and of the processor, once it is over."""
    spent: list[float] = []
    clock, processor = time.perf_counter(), time.process_time()
    yield spent
    spent += [time.perf_counter() - clock, time.process_time() - processor]


def _fill(lectures: Lectures, count: int) -> None:
    from tests.lti.campus import COURSE

    for number, sub in enumerate(lectures.campus.lms.do("students", course=COURSE, count=count)):
        lectures.grade(lectures.student(f"student-{number}", sub=sub), number % 11)


def _change(lectures: Lectures) -> None:
    from django.db.models import F

    lectures.clock.now += timedelta(minutes=1)
    lectures.assignment.grades.update(points=F("points") / 2)


def _send(lectures: Lectures) -> None:
    """As a worker does, turn after turn."""
    from lti.models import Score
    from lti.passback.sending import send_grades

    while Score.objects.due(lectures.clock()).exists():
        send_grades(lectures.platform, clock=lectures.clock)


def _compare(lectures: Lectures) -> None:
    from lti.passback.drift import compare

    comparison = compare(lectures.column, now=lectures.clock())
    if comparison.differences:
        raise RuntimeError(f"{len(comparison.differences)} grades are not there")


if __name__ == "__main__":
    main()
