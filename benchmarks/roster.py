"""How long it takes to bring a class together with its platform's list of people, over real HTTP.

    python -m benchmarks.roster [--people 1000] [--page 0] [--json FILE]

The pretend platform runs as a process of its own. First everybody comes; then nothing has changed; then a tenth has
gone; then they come back. Seconds, also of the processor, and queries; once more, traced, for the memory it takes. The
database is SQLite, in a directory that is gone afterwards.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
import tracemalloc
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lti.models import Context
    from tests.lti.campus import Campus


@dataclass(frozen=True)
class Figure:
    """What one of them took."""

    name: str
    seconds: float
    processor: float
    """Seconds of it, of this side."""
    queries: int


def main() -> None:
    """Measure and print."""
    options = _options()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    logging.disable(logging.ERROR)
    from django.conf import settings
    from django.core.management import call_command

    from tests.fakes.lms.client import running_lms
    from tests.lti.campus import enter

    settings.REPOSITORY_ALLOWED_HOSTS = ["127.0.0.1"]
    call_command("migrate", verbosity=0)
    with running_lms() as lms:
        if options.page:
            lms.do("quirk", page_size=options.page)
        figures, megabytes = measure(enter(lms), options.people)
    for one in figures:
        times = f"{one.seconds:>8.2f} s{one.processor:>8.2f} s"
        print(f"{one.name:<24}{times}{one.queries:>7} queries")
    print(f"{'memory':<24}{megabytes:>8.1f} MB")
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in figures], indent=2))


def measure(campus: Campus, people: int) -> tuple[list[Figure], float]:
    """The four, one after the other, in one class; and the megabytes of one more, which tracing makes slow."""
    from lti.models import Roster
    from tests.factories import CourseFactory
    from tests.lti.campus import COURSE

    def gone(is_suspended: bool) -> None:
        for number in range(people // 10):
            campus.lms.do("enrol", course=COURSE, username=names[number], is_suspended=is_suspended)

    context = campus.context(course=CourseFactory.create())
    campus.lms.do("students", course=COURSE, count=people)
    names = [one["username"] for one in campus.lms.do("state")["people"].values() if one["username"].startswith("stu")]
    figures = [_figure("everybody comes", context), _figure("nothing has changed", context)]
    gone(True)
    figures.append(_figure("a tenth has gone", context))
    gone(False)
    figures.append(_figure("they come back", context))
    tracemalloc.start()
    _figure("nothing has changed", context)
    megabytes = tracemalloc.get_traced_memory()[1] / 1_000_000
    tracemalloc.stop()
    assert not Roster.objects.get().failure_code, Roster.objects.get().failure_code
    return figures, megabytes


def _figure(name: str, context: Context) -> Figure:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    from lti.rosters import syncing

    began, of_processor = time.perf_counter(), time.process_time()
    with CaptureQueriesContext(connection) as queries:
        syncing.sync(context, now=timezone.now())
    seconds, processor = time.perf_counter() - began, time.process_time() - of_processor
    return Figure(name, seconds, processor, len(queries))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--page", type=int, default=0, help="people on a page of the list; 0 is all")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
