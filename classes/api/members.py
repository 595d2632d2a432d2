"""The people of a class over the API, and the codes by which more come."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.response import Response

from accounts.models import Scope
from classes.api.courses import CHANGING, OfCourse
from classes.invitations import make_invitation, revoke_invitation
from classes.members import remove
from classes.models import Course, Invitation, Membership, Role, Section
from classes.people import add_by_name, change_member, find_members, section_named, state_of
from classes.serializers import (
    AddMemberSerializer,
    ChangeMemberSerializer,
    CourseInvitationSerializer,
    CourseMemberSerializer,
    MakeCourseInvitationSerializer,
    MemberSearchSerializer,
)
from environments.api.conventions import NOT_FOUND, Pages, errors, person_of

if TYPE_CHECKING:
    from rest_framework.request import Request


class MemberViewSet(OfCourse[Membership]):
    """Who is in a class."""

    queryset = Membership.objects.none()
    serializer_class = CourseMemberSerializer
    pagination_class = Pages

    @extend_schema(
        summary="The members of a class",
        parameters=[MemberSearchSerializer],
        responses={200: CourseMemberSerializer(many=True), **errors({400: "`invalid`.", 404: NOT_FOUND})},
    )
    def list(self, request: Request, slug: str) -> Response:
        """Those who are in it now, by name; for its teachers and graders."""
        course = self.course_for(Role.TEACHER, Role.GRADER)
        asked = MemberSearchSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wish = asked.validated_data
        members = find_members(course, text=wish.get("q", ""), role=wish.get("role", ""))
        if "section" in wish:
            members = members.filter(section__name__iexact=wish["section"])
        return self.get_paginated_response(CourseMemberSerializer(self.paginate_queryset(members), many=True).data)

    @extend_schema(
        summary="Add somebody to a class",
        request=AddMemberSerializer,
        responses={
            201: CourseMemberSerializer,
            **errors(
                CHANGING
                | {
                    409: "`course_over`, `member_there_already`.",
                    422: "`member_unknown`, `section_name_invalid`.",
                    429: "`people_guessed_too_often`, `throttled`.",
                }
            ),
        },
    )
    def create(self, request: Request, slug: str) -> Response:
        """By username or confirmed address; who left or was removed comes back to their work. For teachers."""
        course, now = self.course_for(Role.TEACHER), timezone.now()
        asked = AddMemberSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wish = asked.validated_data
        with transaction.atomic():
            section = _section(course, wish.get("section"))
            role, by = Role(wish["role"]), person_of(request)
            member = add_by_name(course, wish["username"], role=role, section=section, by=by, now=now)
        return Response(CourseMemberSerializer(member).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Give a member another role or section",
        request=ChangeMemberSerializer,
        responses={
            200: CourseMemberSerializer,
            **errors(CHANGING | {409: "`course_over`, `course_needs_teacher`.", 422: "`section_name_invalid`."}),
        },
    )
    def partial_update(self, request: Request, slug: str, pk: str) -> Response:
        """Changes what is given. For teachers."""
        course = self.course_for(Role.TEACHER)
        asked = ChangeMemberSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wish, member = asked.validated_data, self._member(course)
        with transaction.atomic():
            section = _section(course, wish["section"]) if "section" in wish else member.section
            role = Role(wish.get("role", member.role))
            change_member(member, role=role, section=section, seen=state_of(member), now=timezone.now())
        return Response(CourseMemberSerializer(self._member(course)).data)

    @extend_schema(
        summary="Take a member out of a class",
        responses={204: None, **errors({404: NOT_FOUND, 409: "`course_needs_teacher`."})},
    )
    def destroy(self, request: Request, slug: str, pk: str) -> Response:
        """Their work and grades stay; no link lets them in again. For teachers."""
        member = self._member(self.course_for(Role.TEACHER))
        remove(member, by=person_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _member(self, course: Course) -> Membership:
        members = course.memberships.present().select_related("person", "section", "course")
        return get_object_or_404(members, pk=self.kwargs["pk"])


class CourseInvitationViewSet(OfCourse[Invitation]):
    """Codes by which people let themselves into a class. For its teachers."""

    required_scopes = OfCourse.required_scopes | {"GET": Scope.CLASSES_WRITE}
    queryset = Invitation.objects.none()
    serializer_class = CourseInvitationSerializer
    pagination_class = None

    @extend_schema(
        summary="The open invitations to a class",
        responses={200: CourseInvitationSerializer(many=True), **errors({404: NOT_FOUND})},
    )
    def list(self, request: Request, slug: str) -> Response:
        """With their codes: whoever has one can come in, so a token that only reads gets none of them."""
        invitations = self.course_for(Role.TEACHER).invitations.open(timezone.now()).select_related("section")
        return Response(CourseInvitationSerializer(invitations, many=True).data)

    @extend_schema(
        summary="Make an invitation to a class",
        request=MakeCourseInvitationSerializer,
        responses={
            201: CourseInvitationSerializer,
            **errors(
                CHANGING
                | {
                    409: "`course_over`, `invitations_too_many`.",
                    422: "`invitation_too_wide`, `section_name_invalid`.",
                }
            ),
        },
    )
    def create(self, request: Request, slug: str) -> Response:
        """For students as long and for as many as you say; for teachers and graders few and short."""
        course, now = self.course_for(Role.TEACHER), timezone.now()
        asked = MakeCourseInvitationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        invitation = _make(course, asked.validated_data, by=person_of(request), now=now)
        return Response(CourseInvitationSerializer(invitation).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Withdraw an invitation to a class", responses={204: None, **errors({404: NOT_FOUND})})
    def destroy(self, request: Request, slug: str, pk: str) -> Response:
        """Nobody comes by it any more; who has come stays."""
        invitation = get_object_or_404(self.course_for(Role.TEACHER).invitations, pk=pk)
        revoke_invitation(invitation, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


@transaction.atomic
def _make(course: Course, wish: dict[str, Any], **facts: Any) -> Invitation:
    lifetime, section = timedelta(days=wish["days"]), _section(course, wish.get("section"))
    return make_invitation(
        course, role=Role(wish["role"]), section=section, lifetime=lifetime, uses=wish["uses"], **facts
    )


def _section(course: Course, name: str | None) -> Section | None:
    return section_named(course, name) if name is not None else None
