"""The class a new installation is filled with: in its third lesson, with a teacher, a grader and twenty students."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.db import transaction

from accounts.models import Role as SiteRole
from accounts.models import User
from classes.courses import Plan, make_course
from classes.invitations import make_invitation
from classes.members import admit
from classes.models import (
    Announcement,
    Colour,
    Course,
    Joined,
    Lesson,
    LessonVisit,
    Membership,
    Role,
    Section,
)
from environments.values import Reference

REPOSITORY = "statistics-course"
"""The example that its material and its environment are."""
CODE = "STAT-101"
TITLE = "Statistics by doing"
TEACHER, GRADER, STUDENT = "teacher", "grader", "student"
"""Those of the demo's accounts that are in it."""
CLASSMATES = (
    "Amina Rahal",
    "Benoît Lefèvre",
    "Chloe Okafor",
    "Daniel Kim",
    "Elif Yıldız",
    "Farid Haddad",
    "Giulia Romano",
    "Hanna Lindqvist",
    "Ivan Petrov",
    "Jasmine Clarke",
    "Kofi Mensah",
    "Lucía Fernández",
    "Mateusz Nowak",
    "Nora Byrne",
    "Oscar Silva",
    "Priya Nair",
    "Quentin Dubois",
    "Rosa Delgado",
    "Tomoko Sato",
)
"""They are there to be seen: nobody can sign in as one of them."""
SECTIONS = ("Group A", "Group B")
LESSONS = (
    ("1-looking-at-data.ipynb", "Looking at data", "The middle of some numbers, how far they spread, and a picture."),
    ("2-chance.ipynb", "Chance", "What chance alone would have done, by playing it ten thousand times."),
    ("3-how-sure.ipynb", "How sure are we?", "Standard errors, the bootstrap and confidence intervals."),
    ("4-a-line-through-points.ipynb", "A line through points", "The line that fits best, and what it leaves over."),
)
"""A week apart; the third has just begun."""
PRESENT_LESSON = 2
WEEK = timedelta(weeks=1)
LESSON_LASTS = timedelta(minutes=90)
ANNOUNCEMENTS = (
    (
        2 * WEEK,
        "Welcome",
        "Each lesson opens a notebook of your own, with your own copy of the files. Nothing you do there can break "
        "anything, so try things. If you are stuck, press “Ask for help” on a page of the class.",
    ),
    (
        timedelta(hours=3),
        "Today: bring your result of lesson 2",
        "We begin with the café and its sixteen cups. If you have not finished that exercise, ten minutes before the "
        "lesson are enough.",
    ),
)
_SEED = 7


@dataclass(frozen=True, slots=True)
class Work:
    """How many cells a notebook has that can be run, and how many of them test an answer."""

    cells: int
    tests: int


@transaction.atomic
def load_class(material: Path, *, now: datetime) -> None:
    """Make the class, unless it was made before or somebody took its teacher's name. `material` is the example.

    Its environment is prepared by whoever opens a lesson first: a first start has enough to do.
    """
    teacher = find_person(TEACHER)
    if teacher is None or Course.objects.filter(owner=teacher, code=CODE).exists():
        return
    course = make_course(teacher, _plan(now), resolved=None, now=now - 3 * WEEK)
    Course.objects.filter(pk=course.pk).update(
        description="Four lessons for people who have written a little Python and never liked formulas."
    )
    lessons = _make_lessons(course, now=now)
    students = _let_in(course, now=now)
    _make_announcements(course, now=now)
    make_invitation(course, by=teacher, lifetime=10 * WEEK, now=now - 2 * WEEK)
    _do_some_work(students, [(lesson, work_in(material / lesson.path)) for lesson in lessons], now=now)


def find_class() -> Course | None:
    """The class, where it is and goes on."""
    teacher = find_person(TEACHER)
    course = Course.objects.present().filter(owner=teacher, code=CODE).first() if teacher is not None else None
    return None if course is None or course.is_over else course


def find_grader() -> User | None:
    """Who grades in it."""
    return find_person(GRADER)


def work_in(notebook: Path) -> Work:
    """What there is to run in a notebook of the course; cells that test an answer have the tag `check`."""
    cells = [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]
    return Work(len(cells), sum("check" in cell["metadata"].get("tags", ()) for cell in cells))


# --- Steps -------------------------------------------------------------------------------------------------


def _plan(now: datetime) -> Plan:
    season = "Spring" if now.month < 7 else "Autumn"
    return Plan(
        title=TITLE,
        reference=Reference("example", REPOSITORY),
        code=CODE,
        term=f"{season} {now.year}",
        starts_on=(now - 2 * WEEK).date(),
        ends_on=(now + 8 * WEEK).date(),
        colour=Colour.TEAL,
    )


def _make_lessons(course: Course, *, now: datetime) -> list[Lesson]:
    """The lessons, a week apart, at the hour at which the third has just begun. Each is seen from a week before."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    lessons = []
    for position, (path, title, summary) in enumerate(LESSONS):
        starts_at = this_hour + (position - PRESENT_LESSON) * WEEK
        lessons.append(
            Lesson(
                course=course,
                position=position,
                path=path,
                title=title,
                summary=summary,
                starts_at=starts_at,
                ends_at=starts_at + LESSON_LASTS,
                published_at=starts_at - timedelta(days=2),
            )
        )
    return Lesson.objects.bulk_create(lessons)


def _let_in(course: Course, *, now: datetime) -> list[Membership]:
    """The grader, and the students in two sections; the memberships of the students."""
    joined_at = now - 2 * WEEK
    sections = [Section.objects.create(course=course, name=name) for name in SECTIONS]
    if grader := find_person(GRADER):
        admit(course, grader, role=Role.GRADER, now=joined_at)
    people = [person for person in (find_person(STUDENT), *map(_classmate, CLASSMATES)) if person is not None]
    return [
        admit(course, person, section=sections[number % len(sections)], joined_by=Joined.ROSTER, now=joined_at)
        for number, person in enumerate(people)
    ]


def _classmate(name: str) -> User | None:
    """The person of this name, who cannot sign in; None where somebody else has their username."""
    username = name.split()[0].lower().translate(str.maketrans("îí", "ii"))
    user, is_new = User.objects.get_or_create(
        username=username, defaults={"display_name": name, "role": SiteRole.MEMBER, "email": _address(username)}
    )
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user if user.email == _address(username) else None


def find_person(username: str) -> User | None:
    """The demo's own person of this name: somebody else may be called so too."""
    return User.objects.filter(username=username, email=_address(username)).first()


def _address(username: str) -> str:
    return f"{username}@example.org"


def _make_announcements(course: Course, *, now: datetime) -> None:
    Announcement.objects.bulk_create(
        Announcement(
            course=course,
            author=course.owner,
            title=title,
            text=text,
            created_at=now - before,
            published_at=now - before,
        )
        for before, title, text in ANNOUNCEMENTS
    )


def _do_some_work(students: list[Membership], lessons: list[tuple[Lesson, Work]], *, now: datetime) -> None:
    """What each student did until now: the same in every installation. One of them asks for help."""
    chance = random.Random(_SEED)  # noqa: S311
    visits = [visit for student in students for visit in _visits(student, lessons, chance, now=now)]
    LessonVisit.objects.bulk_create(visits)
    for student in students:
        own = [visit.last_opened_at for visit in visits if visit.membership == student]
        student.last_seen_at = max(own, default=None)
    stuck = max(
        (visit for visit in visits if visit.lesson == lessons[PRESENT_LESSON][0]), key=lambda it: it.executed_cells
    )
    stuck.membership.hand_raised_at = now - timedelta(minutes=4)
    Membership.objects.bulk_update(students, ["last_seen_at", "hand_raised_at"])


def _visits(
    student: Membership, lessons: list[tuple[Lesson, Work]], chance: random.Random, *, now: datetime
) -> Iterator[LessonVisit]:
    """This student's way through the lessons there have been; some missed one, and some are slower than others."""
    pace = chance.uniform(0.55, 1.15)
    for number, (lesson, work) in enumerate(lessons[: PRESENT_LESSON + 1]):
        is_present_one = number == PRESENT_LESSON
        if chance.random() < (0.2 if is_present_one else 0.08):
            continue
        share = min(1.0, pace * chance.uniform(0.25, 0.6)) if is_present_one else min(1.0, pace + 0.3)
        last = now - timedelta(minutes=chance.randint(0, 12)) if is_present_one else lesson.ends_at
        assert lesson.starts_at is not None, "every lesson of the demo has a time"  # noqa: S101
        assert last is not None, "and an end"  # noqa: S101
        yield LessonVisit(
            membership=student,
            lesson=lesson,
            opened_at=min(lesson.starts_at + timedelta(minutes=chance.randint(0, 6)), last),
            last_opened_at=last,
            cells=work.cells,
            executed_cells=round(share * work.cells),
            tests=work.tests,
            validated_cells=int(share * work.tests * chance.uniform(0.7, 1.0) + 0.5),
            measured_at=last,
            progressed_at=last,
        )
