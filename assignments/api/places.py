"""Where in the API something of an assignment stands, and who may ask for it there."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from django.db import models
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.viewsets import GenericViewSet

from assignments.models import Assignment, Submission
from assignments.records import SubmissionRecord, submission_records, submissions_with_all
from classes.api.courses import CHANGING as OF_CLASSES
from classes.api.courses import OfCourse
from classes.members import check_going_on
from classes.models import Role
from classes.policies import Standing, standing_of
from environments.api.conventions import person_of
from environments.parsers import BoundedJSONParser

Row = TypeVar("Row", bound=models.Model)

OVER = "`course_over`"
STAFF = (Role.TEACHER, Role.GRADER)
CHANGING = OF_CLASSES | {409: f"{OVER}."}
"""How what sends something can be refused."""


class OfAssignments(GenericViewSet[Row], Generic[Row]):
    """What is of assignments, in whatever class."""

    required_scopes = OfCourse.required_scopes
    parser_classes = [BoundedJSONParser]

    def asked(self, kind: type[serializers.Serializer[Any]]) -> Any:
        """What was sent, or stands in the address, as far as it can be used."""
        data = self.request.query_params.dict() if self.request.method == "GET" else self.request.data
        sent = kind(data=data)
        sent.is_valid(raise_exception=True)
        return sent


class OfAssignment(OfAssignments[Row], Generic[Row]):
    """What lies below one assignment."""

    assignment: Assignment

    def standing_for(self, *roles: Role) -> Standing:
        """What whoever asks is in its class; 404 for who does not find it, 403 for members of other roles than these.

        Without roles it is for all who find it.
        """
        person = person_of(self.request)
        assignments = Assignment.objects.visible_to(person, now=timezone.now())
        self.assignment = get_object_or_404(
            assignments.select_related("course__environment", "lesson", "release__source"), pk=self.kwargs["pk"]
        )
        return _known(standing_of(person, self.assignment.course), *roles)

    def changing_for(self, *roles: Role) -> Assignment:
        """The assignment, for these roles, as long as its class goes on. Raises CourseError `course_over` else."""
        self.standing_for(*roles)
        check_going_on(self.assignment.course)
        return self.assignment


class OfSubmission(OfAssignments[Row], Generic[Row]):
    """What lies below one submission."""

    record: SubmissionRecord

    def submission_for(self, *roles: Role) -> Submission:
        """The submission, for these roles; 404 for who does not find it, 403 for whoever submitted it else.

        Without roles it is for all who find it.
        """
        person = person_of(self.request)
        found = submissions_with_all(Submission.objects.visible_to(person))
        submission = get_object_or_404(found, pk=self.kwargs["pk"])
        (self.record,) = submission_records(person, [submission])
        _known(self.record.place, *roles)
        return submission

    def changing_for(self, *roles: Role) -> Submission:
        """The same, as long as its class goes on. Raises CourseError `course_over` else."""
        submission = self.submission_for(*roles)
        check_going_on(submission.assignment.course)
        return submission


def _known(standing: Standing | None, *roles: Role) -> Standing:
    if standing is None or (roles and standing.role not in roles):
        raise PermissionDenied
    return standing
