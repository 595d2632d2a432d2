"""How long Carrel takes to answer with each page of a class, small and large, and how many queries that takes.

    python -m benchmarks.pages [--members 1000] [--lessons 20] [--assignments 20] [--rounds 9] [--only TEXT] [--json]

Every page of a class and of its assignments that is read by GET, and what the API says of assignments, as a teacher
and as a student see it, asked of the whole application in one process: middleware, queries and templates, without the
network. Each page is asked for in a small class and in a large one, in turn, with nothing cached; the table shows
medians, and of the large one the processor time beside it, which is what to believe on a machine that does other
things too. The database is SQLite, in a directory that is gone afterwards.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.test import Client

    from classes.models import Course

BAR_MS = 200
SMALL = (10, 3, 3)
"""Members, lessons and assignments of the class that a large one is compared with."""
ASKED_FOR = {
    "assignments:submission-file": "?path=problem1.ipynb",
    "assignments:cell-alike": "?notebook=problem1&cell=question-5",
}
"""What pages are asked for beside where they are."""


@dataclass
class Page:
    """One page, as one person sees it: milliseconds of each round, of the processor too, and how many queries."""

    name: str
    who: str
    milliseconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    queries: int = 0

    @property
    def median(self) -> float:
        """The usual time."""
        return statistics.median(self.milliseconds)


def main() -> None:
    """Measure and print."""
    options = _options()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    logging.disable(logging.ERROR)  # Pages that this person may not see are passed over.
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    _leave_out_of_garbage_collection()
    small = fill("small", *SMALL)
    large = fill("large", options.members, options.lessons, options.assignments)
    pages = [measured for who in ("teacher", "student") for measured in measure(who, small, large, options)]
    report(pages, options)


def fill(name: str, members: int, lessons: int, assignments: int) -> Course:
    """A class with so many students, who have been in half of its lessons and done all assignments, and a grader."""
    from django.utils import timezone

    from accounts.models import User
    from benchmarks.assignment_rows import add_assignments
    from classes.models import Announcement, Lesson, LessonVisit, Membership, Role
    from tests.factories import CourseFactory, member

    now = timezone.now()
    course = CourseFactory.create(slug=name, title=name)
    member(course, f"{name}-teacher", Role.TEACHER)
    member(course, f"{name}-grader", Role.GRADER)
    member(course, f"{name}-student")
    sections = [course.sections.create(name=f"Group {number}") for number in range(1, 6)]
    people = User.objects.bulk_create(
        User(username=f"{name}-{number}", display_name=f"Student {number}") for number in range(members - 3)
    )
    course.everybody.user_set.add(*people)
    Membership.objects.bulk_create(
        Membership(course=course, person=person, section=sections[number % 5], last_seen_at=now)
        for number, person in enumerate(people)
    )
    planned = Lesson.objects.bulk_create(
        Lesson(
            course=course,
            title=f"Lesson {number}",
            position=number,
            path=f"lesson-{number}.ipynb",
            starts_at=now + timedelta(days=7 * (number - lessons // 2)),
            published_at=now - timedelta(days=1),
        )
        for number in range(lessons)
    )
    LessonVisit.objects.bulk_create(
        LessonVisit(
            membership=membership,
            lesson=lesson,
            opened_at=now,
            last_opened_at=now,
            cells=20,
            executed_cells=number % 20,
        )
        for number, membership in enumerate(course.memberships.filter(role=Role.STUDENT))
        for lesson in planned[: lessons // 2]
    )
    Announcement.objects.bulk_create(Announcement(course=course, title=f"News {number}") for number in range(5))
    add_assignments(course, assignments, now=now)
    return course


def measure(who: str, small: Course, large: Course, options: argparse.Namespace) -> Iterator[Page]:
    """Each page of a class that this person may see, in both classes in turn."""
    clients = {course.slug: _signed_in(f"{course.slug}-{who}") for course in (small, large)}
    for name, arguments in _pages():
        if options.only not in name:
            continue
        pages = {course.slug: Page(name, f"{who}, {course.slug}") for course in (small, large)}
        addresses = {course.slug: _address(name, arguments, course) for course in (small, large)}
        if any(clients[slug].get(address).status_code not in (200, 302) for slug, address in addresses.items()):
            continue
        for _round in range(options.rounds):
            for slug, address in addresses.items():
                _ask(pages[slug], clients[slug], address)
        yield from pages.values()


def report(pages: list[Page], options: argparse.Namespace) -> None:
    """Print the table: each page small and large, and what is wrong with it."""
    if options.json:
        print(
            json.dumps(
                [
                    {"page": page.name, "who": page.who, "ms": page.median, "cpu_ms": statistics.median(page.processor)}
                    for page in pages
                ],
                indent=2,
            )
        )
        return
    size = f"{options.members} members, {options.lessons} lessons, {options.assignments} assignments"
    print(f"{size}, {options.rounds} rounds; milliseconds and queries")
    print(f"{'page':38}{'who':10}{'small':>8}{'large':>8}{'cpu':>8}{'queries':>10}")
    for small, large in zip(pages[::2], pages[1::2], strict=True):
        faults = ["slow"] * (large.median > BAR_MS) + ["more queries"] * (large.queries > small.queries)
        counts = f"{small.queries}, {large.queries}"
        who = small.who.split(",")[0]
        times = f"{small.median:8.0f}{large.median:8.0f}{statistics.median(large.processor):8.0f}"
        print(f"{small.name:38}{who:10}{times}{counts:>10}  {' '.join(faults)}")


def _ask(page: Page, client: Client, address: str) -> None:
    from django.core.cache import cache
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    cache.clear()  # As whoever comes first sees it.
    began, used = time.perf_counter(), time.process_time()
    client.get(address)
    page.milliseconds.append(1000 * (time.perf_counter() - began))
    page.processor.append(1000 * (time.process_time() - used))
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    page.queries = len(queries)


def _leave_out_of_garbage_collection() -> None:
    """As `config.asgi` does with what pages consist of."""
    import config.asgi  # noqa: F401


def _signed_in(username: str) -> Client:
    from django.test import Client

    from accounts.models import User

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username=username))
    return client


def _pages() -> Iterator[tuple[str, dict[str, str]]]:
    """The name of each page of a class and its assignments, and of what its address says by which name it is known."""
    from assignments.api.urls import urlpatterns as of_assignments_for_programs
    from assignments.urls import urlpatterns as of_assignments
    from classes.urls import urlpatterns as of_classes

    for pattern in of_classes:
        yield f"classes:{pattern.name}", {argument: argument for argument in pattern.pattern.converters}
    for pattern in of_assignments:
        yield f"assignments:{pattern.name}", {argument: argument for argument in ("slug", *pattern.pattern.converters)}
    for pattern in of_assignments_for_programs:
        of_what = str(pattern.pattern).split("/")[0]
        named = {argument: of_what if argument == "pk" else argument for argument in pattern.pattern.converters}
        yield f"api:{pattern.name}", named


def _address(name: str, arguments: Mapping[str, str], course: Course) -> str:
    from django.urls import reverse

    given = course.assignments.get(name="given-1")
    own = given.submissions.get(membership__person__username=f"{course.slug}-student")
    known: dict[str, Any] = {
        "name": given.name,
        "submission_id": own.pk,
        "grade_id": own.grade_of.get().pk,
        "notebook": "problem1",
        "directory_id": course.course_directories.get().pk,
        "assignments": given.pk,
        "submissions": own.pk,
        "grades": own.grade_of.get().pk,
        "slug": course.slug,
        "lesson_id": course.lessons.first().pk,  # type: ignore[union-attr]
        "membership_id": course.memberships.filter(role="student").last().pk,  # type: ignore[union-attr]
        "section_id": course.sections.first().pk,  # type: ignore[union-attr]
        "announcement_id": course.announcements.first().pk,  # type: ignore[union-attr]
    }
    if set(arguments.values()) - known.keys():
        return "/classes/not-measured/"
    where = reverse(name, kwargs={argument: known[key] for argument, key in arguments.items()})
    return f"{where}{ASKED_FOR.get(name, '')}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--lessons", type=int, default=20)
    parser.add_argument("--assignments", type=int, default=20)
    parser.add_argument("--only", default="", help="pages whose name has this in it, such as assignments:")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
