"""Classes over the API: those of whoever asks."""

from __future__ import annotations

from typing import Generic, TypeVar

from django.db import models
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.exceptions import PermissionDenied
from rest_framework.viewsets import GenericViewSet

from accounts.models import Scope
from classes.models import Course, Role
from classes.policies import Standing, standing_of
from classes.querysets import CourseQuerySet
from classes.serializers import CourseDetailSerializer, CourseSerializer
from environments.api.conventions import NOT_FOUND, NOT_JSON, TOO_LARGE, Pages, errors, person_of
from environments.parsers import BoundedJSONParser

Row = TypeVar("Row", bound=models.Model)

CHANGING = {400: "`invalid`, `parse_error`.", 404: NOT_FOUND, 413: TOO_LARGE, 415: NOT_JSON}
"""How what sends something can be refused."""


@extend_schema_view(
    list=extend_schema(
        summary="Your classes", responses={200: CourseSerializer(many=True), **errors({400: "`invalid`."})}
    ),
    retrieve=extend_schema(
        summary="A class of yours", responses={200: CourseDetailSerializer, **errors({404: NOT_FOUND})}
    ),
)
class CourseViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Course]):
    """The classes you are in, the newest first; all of them for whoever runs this Carrel."""

    required_scopes = {"GET": Scope.CLASSES_READ}
    queryset = Course.objects.none()
    pagination_class = Pages
    lookup_field = "slug"
    lookup_value_converter = "slug"

    def get_serializer_class(self) -> type[CourseSerializer]:
        """More is told of one."""
        return CourseSerializer if self.action == "list" else CourseDetailSerializer

    def get_queryset(self) -> CourseQuerySet:
        """Those of whoever asks."""
        return Course.objects.visible_to(person_of(self.request))


class OfCourse(GenericViewSet[Row], Generic[Row]):
    """What lies below one class."""

    required_scopes = {
        "GET": Scope.CLASSES_READ,
        "POST": Scope.CLASSES_WRITE,
        "PATCH": Scope.CLASSES_WRITE,
        "DELETE": Scope.CLASSES_WRITE,
    }
    parser_classes = [BoundedJSONParser]

    def standing_for(self, *roles: Role) -> Standing:
        """What whoever asks is in the class; 404 for strangers to it, 403 for members of other roles than these.

        Without roles it is for all members.
        """
        person = person_of(self.request)
        courses = Course.objects.visible_to(person).select_related("environment", "teacher_environment")
        course = get_object_or_404(courses, slug=self.kwargs["slug"])
        standing = standing_of(person, course)
        if standing is None or (roles and standing.role not in roles):
            raise PermissionDenied
        return standing

    def course_for(self, *roles: Role) -> Course:
        """The class, for members of these roles; refused as `standing_for` says."""
        return self.standing_for(*roles).course
