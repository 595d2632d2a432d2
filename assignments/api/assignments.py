"""Assignments over the API: drawing them up, and giving them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.response import Response

from assignments import arranging
from assignments.api.exchange import TAR, TarParser
from assignments.api.places import CHANGING, OVER, STAFF, OfAssignment
from assignments.authoring_forms import extension_rows
from assignments.models import Assignment, Extension, GateRun, Release, Source
from assignments.records import assignment_records, members_named
from assignments.releasing import authoring, gate, releases
from assignments.serializers.assignments import (
    AddAssignmentSerializer,
    AssignmentSearchSerializer,
    AssignmentSerializer,
    ChangeAssignmentSerializer,
    CheckSerializer,
    ExtensionSerializer,
    GiveExtensionSerializer,
    GiveOutSerializer,
    ReleaseSerializer,
    SourceSerializer,
    TakeFolderSerializer,
)
from classes.models import Course, Role
from classes.policies import standing_of
from environments.api.conventions import NOT_FOUND, Pages, errors, person_of
from environments.parsers import BoundedJSONParser

if TYPE_CHECKING:
    from rest_framework.request import Request

SETTING = "`dates_out_of_order`, `late_rule_invalid`"
TAKING = "`source_without_notebooks`, `folder_unknown`"


class AssignmentViewSet(OfAssignment[Assignment]):
    """The assignments of your classes."""

    queryset = Assignment.objects.none()
    serializer_class = AssignmentSerializer
    pagination_class = Pages

    @extend_schema(
        summary="The assignments of your classes",
        parameters=[AssignmentSearchSerializer],
        responses={200: AssignmentSerializer(many=True), **errors({400: "`invalid`."})},
    )
    def list(self, request: Request) -> Response:
        """Class by class, in their order: to students those that are open, to those who teach or grade all."""
        wish, person = self.asked(AssignmentSearchSerializer).validated_data, person_of(request)
        found = Assignment.objects.visible_to(person, now=timezone.now()).select_related("course", "release")
        if "course" in wish:
            found = found.filter(course__slug=wish["course"])
        if "name" in wish:
            found = found.filter(name=wish["name"])
        page = self.paginate_queryset(found.order_by("-course__created_at", "position", "due_at", "created_at", "pk"))
        return self.get_paginated_response(AssignmentSerializer(assignment_records(person, page or []), many=True).data)

    @extend_schema(summary="An assignment", responses={200: AssignmentSerializer, **errors({404: NOT_FOUND})})
    def retrieve(self, request: Request, pk: str) -> Response:
        """Its dates and rules, as they are for you."""
        self.standing_for()
        return self._answer()

    @extend_schema(
        summary="Make an assignment",
        request=AddAssignmentSerializer,
        responses={
            201: AssignmentSerializer,
            **errors(
                {code: words for code, words in CHANGING.items() if code != status.HTTP_404_NOT_FOUND}
                | {
                    409: f"{OVER}, `assignment_name_taken`, `class_files_not_ready`: they are being fetched.",
                    422: f"{SETTING}, {TAKING}.",
                }
            ),
        },
    )
    def create(self, request: Request) -> Response:
        """Students see nothing of it before it is released. With `folder` its notebooks are taken. For teachers."""
        asked = self.asked(AddAssignmentSerializer)
        wish, person, now = asked.validated_data, person_of(request), timezone.now()
        course = _course_of(person, wish["course"])
        if "folder" in wish:
            authoring.tree_of(course, now=now)  # Fetched even where nothing comes of this for want of it.
        with transaction.atomic():
            self.assignment = authoring.add_assignment(course, title=wish["title"], name=wish.get("name", ""))
            arranging.edit_assignment(self.assignment, asked.changes(self.assignment))
            if "folder" in wish:
                source = authoring.bring_from_class(self.assignment, wish["folder"], by=person, now=now)
                gate.ask_gate_run(source, by=person, now=now)
        return self._answer(status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change an assignment",
        request=ChangeAssignmentSerializer,
        responses={
            200: AssignmentSerializer,
            **errors(CHANGING | {409: f"{OVER}, `changed_meanwhile`.", 422: f"{SETTING}."}),
        },
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Changes what is given. Grades follow from new dates and rules. For teachers."""
        assignment = self.changing_for(Role.TEACHER)
        asked = self.asked(ChangeAssignmentSerializer)
        seen = asked.validated_data.get("seen")
        arranging.edit_assignment(assignment, asked.changes(assignment), seen=seen)
        return self._answer()

    @extend_schema(summary="Delete an assignment", responses={204: None, **errors({404: NOT_FOUND, 409: f"{OVER}."})})
    def destroy(self, request: Request, pk: str) -> Response:
        """What was submitted and graded is kept, and no longer shown. For teachers."""
        authoring.delete_assignment(self.changing_for(Role.TEACHER), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _answer(self, status_code: int = status.HTTP_200_OK) -> Response:
        (record,) = assignment_records(person_of(self.request), [self.assignment])
        return Response(AssignmentSerializer(record).data, status=status_code)


@dataclass(frozen=True, slots=True)
class Sent:
    """An archive as it was sent."""

    content: bytes


class ArchiveParser(TarParser):
    """The same, told from JSON."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """All of it. Raises AssignmentError `files_too_large`."""
        return Sent(b"".join(super().parse(stream, media_type, parser_context)))


class SourceViewSet(OfAssignment[Source]):
    """The notebooks that an assignment is made of, with solutions and tests."""

    queryset = Source.objects.none()
    serializer_class = SourceSerializer
    pagination_class = Pages
    parser_classes = [BoundedJSONParser, ArchiveParser]

    @extend_schema(
        summary="What an assignment was made of",
        responses={200: SourceSerializer(many=True), **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    def list(self, request: Request, pk: str) -> Response:
        """The newest first: the next release is made of that. For teachers."""
        self.standing_for(Role.TEACHER)
        sources = self.assignment.sources.select_related("brought_by").order_by("-brought_at", "pk")
        return self.get_paginated_response(SourceSerializer(self.paginate_queryset(sources), many=True).data)

    @extend_schema(
        summary="Bring notebooks for an assignment",
        request={"application/json": TakeFolderSerializer, TAR: OpenApiTypes.BINARY},
        responses={
            202: CheckSerializer,
            **errors(
                CHANGING
                | {
                    409: f"{OVER}, `class_files_not_ready`: they are being fetched.",
                    413: "`too_large`, `files_too_large`, `files_too_many`.",
                    415: "`unsupported_media_type`.",
                    422: f"{TAKING}, `files_unreadable`, `files_refused`.",
                }
            ),
        },
    )
    def create(self, request: Request, pk: str) -> Response:
        """From a folder of the class's repository, or sent as an uncompressed tar; the answer is their check.

        For teachers.
        """
        assignment, person, now = self.changing_for(Role.TEACHER), person_of(request), timezone.now()
        sent: Any = request.data
        if isinstance(sent, Sent):
            source = authoring.bring_uploaded(assignment, [("sent.tar", sent.content)], by=person, now=now)
        else:
            folder = self.asked(TakeFolderSerializer).validated_data["folder"]
            source = authoring.bring_from_class(assignment, folder, by=person, now=now)
        run = gate.ask_gate_run(source, by=person, now=now)
        return Response(CheckSerializer(run).data, status=status.HTTP_202_ACCEPTED)


class CheckViewSet(OfAssignment[GateRun]):
    """What came of checking notebooks."""

    queryset = GateRun.objects.none()
    serializer_class = CheckSerializer
    pagination_class = Pages

    @extend_schema(
        summary="The checks of an assignment",
        responses={200: CheckSerializer(many=True), **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    def list(self, request: Request, pk: str) -> Response:
        """The last first. For teachers."""
        self.standing_for(Role.TEACHER)
        return self.get_paginated_response(CheckSerializer(self.paginate_queryset(self._checks()), many=True).data)

    @extend_schema(summary="A check of an assignment", responses={200: CheckSerializer, **errors({404: NOT_FOUND})})
    def retrieve(self, request: Request, pk: str, check_id: str) -> Response:
        """Read it again while `state` is `waiting` or `running`. For teachers."""
        self.standing_for(Role.TEACHER)
        return Response(CheckSerializer(get_object_or_404(self._checks(), pk=check_id)).data)

    @extend_schema(
        summary="Check an assignment again",
        request=None,
        responses={
            202: CheckSerializer,
            **errors({404: NOT_FOUND, 409: f"{OVER}.", 422: "`source_without_notebooks`: bring some first."}),
        },
    )
    def create(self, request: Request, pk: str) -> Response:
        """Its newest notebooks. While that is under way, that is the one that is meant. For teachers."""
        source = authoring.newest_source(self.changing_for(Role.TEACHER))
        run = gate.ask_gate_run(source, by=person_of(request), now=timezone.now())
        return Response(CheckSerializer(run).data, status=status.HTTP_202_ACCEPTED)

    def _checks(self) -> Any:
        return GateRun.objects.filter(source__assignment=self.assignment).order_by("-asked_at", "pk")


class ReleaseViewSet(OfAssignment[Release]):
    """What students were given."""

    queryset = Release.objects.none()
    serializer_class = ReleaseSerializer
    pagination_class = Pages

    @extend_schema(
        summary="The releases of an assignment",
        responses={200: ReleaseSerializer(many=True), **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    def list(self, request: Request, pk: str) -> Response:
        """The last, which is given out now, first. For teachers and graders."""
        self.standing_for(*STAFF)
        found = self.assignment.releases.select_related("source", "released_by")
        return self.get_paginated_response(ReleaseSerializer(self.paginate_queryset(found), many=True).data)

    @extend_schema(
        summary="Release an assignment",
        request=GiveOutSerializer,
        responses={
            201: ReleaseSerializer,
            **errors(
                CHANGING
                | {409: f"{OVER}, `gate_not_done`, `gate_makes_nothing`, `gate_not_passed`, `gate_points_impossible`."}
            ),
        },
    )
    def create(self, request: Request, pk: str) -> Response:
        """Gives out what a check has made; once, however often it is sent. For teachers."""
        assignment = self.changing_for(Role.TEACHER)
        wish = self.asked(GiveOutSerializer).validated_data
        runs = GateRun.objects.filter(source__assignment=assignment).select_related("source")
        run = get_object_or_404(runs, pk=wish.pop("check_id"))
        made = releases.release(assignment, run, by=person_of(request), now=timezone.now(), **wish)
        return Response(ReleaseSerializer(made).data, status=status.HTTP_201_CREATED)


class ExtensionViewSet(OfAssignment[Extension]):
    """What single students have beyond the others. For teachers."""

    queryset = Extension.objects.none()
    serializer_class = ExtensionSerializer
    pagination_class = None

    @extend_schema(
        summary="The extensions of an assignment",
        responses={200: ExtensionSerializer(many=True), **errors({404: NOT_FOUND})},
    )
    def list(self, request: Request, pk: str) -> Response:
        """By name."""
        self.standing_for(Role.TEACHER)
        extensions = [row.extension for row in extension_rows(self.assignment)]
        return Response(ExtensionSerializer(extensions, many=True).data)

    @extend_schema(
        summary="Give a student an extension",
        request=GiveExtensionSerializer,
        responses={201: ExtensionSerializer, **errors(CHANGING | {422: "`member_unknown`."})},
    )
    def create(self, request: Request, pk: str) -> Response:
        """In place of what they had before; their grade follows."""
        assignment = self.changing_for(Role.TEACHER)
        asked = self.asked(GiveExtensionSerializer)
        (student,) = members_named(assignment.course, [asked.validated_data["username"]])
        given = arranging.give_extension(
            assignment,
            student,
            asked.allowance(),
            note=asked.validated_data["note"],
            by=person_of(request),
            now=timezone.now(),
        )
        return Response(ExtensionSerializer(given).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Take an extension back", responses={204: None, **errors({404: NOT_FOUND, 409: f"{OVER}."})})
    def destroy(self, request: Request, pk: str, extension_id: str) -> Response:
        """Their grade follows."""
        assignment = self.changing_for(Role.TEACHER)
        given = get_object_or_404(assignment.extensions, pk=extension_id)
        arranging.take_extension(assignment, given.pk, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _course_of(person: Any, slug: str) -> Course:
    course: Course | None = Course.objects.visible_to(person).filter(slug=slug).first()
    if course is None:
        raise ValidationError({"course": [_("You are in no such class.")]})
    standing = standing_of(person, course)
    if standing is None or not standing.is_teacher:
        raise PermissionDenied
    return course
