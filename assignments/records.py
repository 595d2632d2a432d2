"""Assignments, submissions and grades as they are for one person, whatever class they are of: what a program reads.

Each is read with what belongs to it, with as many questions to the tables for many as for one, and says no more than
that person may know: no points before they are published, and no names where graders work without them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from assignments.arranging import version_of
from assignments.deadlines import NOTHING_EXTRA, Allowance, Dates, Standing, dates_for, standing
from assignments.grading.marking import latest_changes, pseudonym
from assignments.grading.points import CellKey
from assignments.grading.rubrics import chosen_by_cell
from assignments.models import Assignment, Autograding, Cell, CellGrade, Extension, Grade, RegradeRequest, Submission
from assignments.notebooks.doctoring import Repair
from assignments.policies import can_know_whose
from classes.errors import CourseError
from classes.models import Course, Membership, Role
from classes.policies import Standing as Place

_PERSON = "membership__person"


@dataclass(frozen=True, slots=True)
class AssignmentRecord:
    """An assignment, and its dates as they are for this person."""

    assignment: Assignment
    dates: Dates

    @property
    def version(self) -> str:
        """Of its settings."""
        return version_of(self.assignment)


@dataclass(frozen=True, slots=True)
class SubmissionRecord:
    """A submission, and how it stands."""

    submission: Submission
    place: Place
    """What this person is in its class."""
    stands: Standing
    grade: Grade | None
    """Where it is the one that counts."""

    @property
    def person(self) -> User | None:
        """Whose it is, if that may be known."""
        return self.submission.membership.person if can_know_whose(self.place, self.submission) else None

    @property
    def called(self) -> str:
        """A name for it, also where names are hidden."""
        person = self.person
        return person.get_full_name() if person is not None else pseudonym(self.submission)

    @property
    def points(self) -> Decimal | None:
        """Before lateness for those who grade; as published for whoever submitted it."""
        return self.submission.points if self.place.is_staff else self._told("published_points")

    @property
    def max_points(self) -> Decimal | None:
        """The same, of how many."""
        return self.submission.max_points if self.place.is_staff else self._told("published_max_points")

    @property
    def needs_manual(self) -> int | None:
        """How many cells wait for a person; for those who grade."""
        return self.submission.needs_manual if self.place.is_staff else None

    @property
    def feedback_at(self) -> datetime | None:
        """When feedback on it was last published."""
        feedback = getattr(self.submission, "feedback", None)
        return feedback.published_at if feedback is not None else None

    @property
    def receipt(self) -> str | None:
        """Signed, with a name in it."""
        return self.submission.receipt if self.person is not None else None

    @property
    def repairs(self) -> list[str]:
        """What was put right, in words."""
        return [str(Repair.from_json(stored)) for stored in self.submission.repairs]

    @property
    def run(self) -> Autograding | None:
        """The last run of its tests that was to count."""
        return self.submission.autogradings.filter(is_trial=False).first() if self.place.is_staff else None

    def _told(self, name: str) -> Decimal | None:
        """Of the grade, if it was published of this submission, and not of one that counted before."""
        is_told = self.grade is not None and self.feedback_at is not None
        value: Decimal | None = getattr(self.grade, name) if is_told else None
        return value


@dataclass(frozen=True, slots=True)
class CellRecord:
    """A cell of a submission that gives points, and what it has."""

    cell: Cell
    grade: CellGrade | None
    seen: int
    """The last thing a person did to it."""
    items: Sequence[Any] = ()
    """The rubric items that it has, by their keys."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A question about points, and whose it is."""

    request: RegradeRequest
    about: SubmissionRecord


# --- Reading -----------------------------------------------------------------------------------------------


def assignment_records(person: User, assignments: Sequence[Assignment]) -> list[AssignmentRecord]:
    """These assignments, for this person."""
    own = Extension.objects.filter(assignment__in=assignments, membership__in=person.memberships.present().order_by())
    allowances = {extension.assignment_id: extension.allowance for extension in own}
    return [
        AssignmentRecord(one, dates_for(one.schedule, allowances.get(one.pk, NOTHING_EXTRA))) for one in assignments
    ]


def submission_records(person: User, submissions: Sequence[Submission]) -> list[SubmissionRecord]:
    """These submissions, for this person. They are to be had with what `submissions_with_all` adds."""
    places = _places(person, (one.assignment.course for one in submissions))
    allowances = _allowances(submissions)
    grades = {grade.submission_id: grade for grade in Grade.objects.filter(submission__in=submissions)}
    return [
        SubmissionRecord(
            one,
            places[one.assignment.course_id],
            standing(
                one.assignment.schedule,
                one.submitted_at,
                allowances.get((one.assignment_id, one.membership_id), NOTHING_EXTRA),
            ),
            grades.get(one.pk),
        )
        for one in submissions
    ]


def submissions_with_all(submissions: QuerySet[Submission]) -> QuerySet[Submission]:
    """With what their records ask for."""
    return submissions.select_related("assignment__course", _PERSON, "release", "feedback", "autograding")


def cells_of(submission: Submission) -> list[CellRecord]:
    """The cells that give points, in their order, by the release that graded it."""
    release = submission.autograding.release_id if submission.autograding is not None else submission.release_id
    grades = {CellKey(row.notebook, row.grade_id): row for row in submission.cell_grades.select_related("graded_by")}
    seen, items = latest_changes(submission), chosen_by_cell(submission)
    cells = Cell.objects.filter(release=release, kind__in=("tests", "manual", "task"))
    keys = ((cell, CellKey(cell.notebook, cell.grade_id)) for cell in cells)
    return [CellRecord(cell, grades.get(key), seen.get(key, 0), items.get(key, ())) for cell, key in keys]


def request_records(person: User, requests: Sequence[RegradeRequest]) -> list[RequestRecord]:
    """These questions, for this person."""
    keys = {request.submission_id for request in requests}
    submissions = list(submissions_with_all(Submission.objects.filter(pk__in=keys)))
    records = {record.submission.pk: record for record in submission_records(person, submissions)}
    return [RequestRecord(request, records[request.submission_id]) for request in requests]


def members_named(course: Course, usernames: Collection[str]) -> list[Membership]:
    """The students of these names. Raises CourseError `member_unknown` for a name that none of them has."""
    students = course.memberships.present().students().filter(person__username__in=usernames).select_related("person")
    found = {student.person.username: student for student in students}
    for name in usernames:
        if name not in found:
            raise CourseError("member_unknown", who=name)
    return list(found.values())


# --- Steps -------------------------------------------------------------------------------------------------


def _places(person: User, courses: Iterable[Course]) -> Mapping[Any, Place]:
    """How this person stands in classes that they see something of: who is no member of one runs this Carrel."""
    known = {course.pk: course for course in courses}
    mine: dict[Any, Membership] = {
        membership.course_id: membership for membership in person.memberships.present().filter(course__in=known)
    }
    roles = {key: Role(mine[key].role) if key in mine else Role.TEACHER for key in known}
    return {key: Place(course, mine.get(key), roles[key]) for key, course in known.items()}


def _allowances(submissions: Sequence[Submission]) -> dict[tuple[Any, Any], Allowance]:
    extensions = Extension.objects.filter(
        assignment__in={one.assignment_id for one in submissions},
        membership__in={one.membership_id for one in submissions},
    )
    return {(extension.assignment_id, extension.membership_id): extension.allowance for extension in extensions}
