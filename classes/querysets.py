"""Who sees which classes, members and lessons: the questions asked of the tables."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import OuterRef, Q, Subquery

from accounts.models import Role as SiteRole

if TYPE_CHECKING:
    from accounts.models import User
    from classes.models import (  # noqa: F401 - named in a base class
        Announcement,
        Course,
        CourseExport,
        CourseMaterial,
        ExpectedMember,
        Invitation,
        Knock,
        Lesson,
        LessonVisit,
        Membership,
    )


class CourseQuerySet(models.QuerySet["Course"]):
    """Questions about classes."""

    def present(self) -> CourseQuerySet:
        """Those that nobody has deleted."""
        return self.filter(deleted_at=None)

    def visible_to(self, user: User) -> CourseQuerySet:
        """Those this person is in; whoever runs this Carrel sees all."""
        if user.role == SiteRole.ADMINISTRATOR:
            return self.present()
        return self.present().filter(pk__in=user.memberships.present().order_by().values("course"))

    def taught_by(self, user: User) -> CourseQuerySet:
        """Those this person may change; whoever runs this Carrel may change all."""
        if user.role == SiteRole.ADMINISTRATOR:
            return self.present()
        taught = user.memberships.present().filter(role="teacher").order_by()
        return self.present().filter(pk__in=taught.values("course"))

    def deleted_for(self, user: User) -> CourseQuerySet:
        """Deleted ones that this person may bring back: those they taught; whoever runs this Carrel, all."""
        deleted = self.filter(deleted_at__isnull=False)
        if user.role == SiteRole.ADMINISTRATOR:
            return deleted
        taught = user.memberships.present().filter(role="teacher").order_by()
        return deleted.filter(pk__in=taught.values("course"))

    def gone_for_good(self, *, deleted_before: datetime) -> CourseQuerySet:
        """Those deleted so long ago that they cannot be brought back."""
        return self.filter(deleted_at__lte=deleted_before)


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Questions about members."""

    def present(self) -> MembershipQuerySet:
        """Those who are in the class now."""
        return self.filter(left_at=None)

    def students(self) -> MembershipQuerySet:
        """Those who learn."""
        return self.filter(role="student")


class CourseInvitationQuerySet(models.QuerySet["Invitation"]):
    """Questions about invitations."""

    def open(self, now: datetime) -> CourseInvitationQuerySet:
        """Those by which somebody may still come."""
        has_room = Q(uses_left=None) | Q(uses_left__gt=0)
        return self.filter(has_room, revoked_at=None, expires_at__gt=now)


class ExpectedMemberQuerySet(models.QuerySet["ExpectedMember"]):
    """Questions about whom classes wait for."""

    def waited_for(self) -> ExpectedMemberQuerySet:
        """Those whose class goes on."""
        return self.filter(course__deleted_at=None, course__archived_at=None)


class LessonQuerySet(models.QuerySet["Lesson"]):
    """Questions about lessons."""

    def published(self, now: datetime) -> LessonQuerySet:
        """Those that students see."""
        return self.filter(published_at__lte=now)


class AnnouncementQuerySet(models.QuerySet["Announcement"]):
    """Questions about announcements."""

    def published(self, now: datetime) -> AnnouncementQuerySet:
        """Those that students read."""
        return self.filter(published_at__lte=now)


class CourseExportQuerySet(models.QuerySet["CourseExport"]):
    """Questions about archives of classes."""

    def under_way(self) -> CourseExportQuerySet:
        """Those that a worker has something to do for."""
        return self.filter(state__in=("waiting", "working"))


class LessonVisitQuerySet(models.QuerySet["LessonVisit"]):
    """Questions about the work on lessons."""

    def opened_last(self) -> LessonVisitQuerySet:
        """Of each member the one they opened last."""
        theirs = self.model._default_manager.filter(membership=OuterRef("membership")).order_by("-last_opened_at", "pk")
        return self.filter(pk=Subquery(theirs.values("pk")[:1]))


class KnockQuerySet(models.QuerySet["Knock"]):
    """Questions about requests to come in."""

    def open(self, now: datetime) -> KnockQuerySet:
        """Those that wait for an answer, and those that were agreed to and still last."""
        return self.filter(ended_at=None, ends_at__gt=now)


class CourseMaterialQuerySet(models.QuerySet["CourseMaterial"]):
    """Questions about the material of classes."""

    def going_on(self) -> CourseMaterialQuerySet:
        """Those of classes that are neither over nor deleted."""
        return self.filter(course__deleted_at=None, course__archived_at=None)

    def due(self, *, before: datetime) -> CourseMaterialQuerySet:
        """Those for which nobody has looked since, and somebody is to; the longest ago first."""
        turn = Q(looked_at=None) | Q(looked_at__lte=before)
        return self.filter(turn, looks="daily").order_by(models.F("looked_at").asc(nulls_first=True))
