"""Students of a platform's course and their grades, by rows; and what the platform has of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts.models import User
from assignments.grading.gradebook import publish_grades
from assignments.models import Assignment, Grade
from classes.members import admit
from classes.models import Course, Joined, Membership, Role
from lti.models import Context, KeyPair, LineItem, LtiPerson, Platform, Score
from lti.passback.sending import send_grades
from lti.services import LINE_ITEM, LINE_ITEM_READ, RESULT, SCORE
from tests.factories import AssignmentFactory, CourseFactory, UserFactory
from tests.lti.campus import COURSE, Campus

SCORES = "/scores"


@dataclass
class Clock:
    """The time, as a test has it go."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **span: float) -> datetime:
        """Later."""
        self.now += timedelta(**span)
        return self.now


@dataclass
class Lectures:
    """A class that is the course of the campus, with its teacher, an assignment, and a clock near the campus's."""

    campus: Campus
    course: Course
    context: Context
    assignment: Assignment
    teacher: User
    clock: Clock

    def student(self, username: str, *, role: Role = Role.STUDENT, sub: str | None = None) -> Membership:
        """Somebody whom the campus knows, in the class as what they are in the course."""
        user = UserFactory.create(username=username)
        person = LtiPerson.objects.create(
            platform=self.campus.platform, sub=sub or self.campus.sub(username), user=user, has_made_account=False
        )
        self.context.enrolments.create(person=person, role=role)
        return admit(self.course, user, role=role, joined_by=Joined.LTI, now=self.clock())

    def grade(self, membership: Membership, points: float, **facts: Any) -> Grade:
        """What they have for the assignment, told to nobody yet; out of 10."""
        has = {"points": Decimal(str(points)), "max_points": Decimal(10), "changed_at": self.clock()}
        of_them = {"assignment": facts.pop("assignment", self.assignment), "membership": membership}
        grade, _is_new = Grade.objects.update_or_create(**of_them, defaults=has | facts)
        return grade

    def publish(self, assignment: Assignment | None = None) -> None:
        """Tell all of whom there is news."""
        publish_grades(assignment or self.assignment, None, by=self.teacher, now=self.clock())

    def graded(self, username: str, points: float = 8) -> Score:
        """A student with a published grade, on its way."""
        self.grade(self.student(username), points)
        self.publish()
        return self.score(username)

    def send(self, jitter: Callable[[], float] = lambda: 1.0) -> None:
        """What a worker would do now."""
        send_grades(self.platform, clock=self.clock, jitter=jitter)

    def score(self, username: str) -> Score:
        """How far their grade is."""
        scores = Score.objects.select_related("line_item__context__deployment__platform")
        return scores.get(person__user__username=username, line_item__assignment=self.assignment)

    @property
    def platform(self) -> Platform:
        """The campus, as it is registered now."""
        return Platform.objects.get(pk=self.campus.platform.pk)

    @property
    def column(self) -> LineItem:
        """That of the assignment."""
        return LineItem.objects.get(assignment=self.assignment)

    def columns(self) -> list[dict[str, Any]]:
        """The gradebook over there."""
        found: list[dict[str, Any]] = self.campus.lms.do("grades", course=COURSE)
        return found

    def shown(self, username: str) -> float | None:
        """The grade that people see there."""
        shown: float | None = self.columns()[0]["shown"].get(username)
        return shown

    def posts(self) -> list[dict[str, Any]]:
        """The scores it was sent."""
        return self.campus.lms.log(SCORES, "POST")

    def link(self, **facts: Any) -> dict[str, Any]:
        """A link to the assignment in the course, with a column of its own, as a launch would have described it."""
        made = self.campus.activity(**facts)
        self.context.resource_links.create(
            resource_link_id=str(made["link_id"]), assignment=self.assignment, line_item_url=made["line_item"]
        )
        return made


def lectures_at(campus: Campus) -> Lectures:
    """The class, and its course."""
    now = timezone.now().astimezone(UTC).replace(microsecond=0)
    KeyPair.objects.update(signs_from=now - timedelta(days=1))
    teacher = UserFactory.create(username="tess")
    course = CourseFactory.create(slug="computing", title="Computing", owner=teacher)
    admit(course, teacher, role=Role.TEACHER, now=now)
    scopes = [LINE_ITEM, LINE_ITEM_READ, RESULT, SCORE]
    context = campus.context(course=course, scopes=scopes)
    assignment = AssignmentFactory.create(course=course, name="loops", title="Loops")
    return Lectures(campus, course, context, assignment, teacher, Clock(now))
