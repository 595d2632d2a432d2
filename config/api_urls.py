"""Everything under `/api/v1/`."""

from __future__ import annotations

from typing import Any

from django.urls import path
from django.views.generic import TemplateView
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

from assignments.api.exchange import (
    ExchangeFeedbackView,
    ExchangeFilesView,
    ExchangeSubmissionFilesView,
    ExchangeSubmissionsView,
    ExchangeView,
)
from assignments.api.urls import urlpatterns as of_assignments
from classes.api.courses import CourseViewSet
from classes.api.environments import CourseEnvironmentViewSet
from classes.api.exports import ExportViewSet
from classes.api.files import AreaViewSet, HandInViewSet
from classes.api.lessons import AnnouncementViewSet, LessonViewSet
from classes.api.members import CourseInvitationViewSet, MemberViewSet
from classes.api.seats import SeatViewSet
from environments.api.accounts import DiskUseView, UsageViewSet
from environments.api.builds import BuildViewSet
from environments.api.company import CollaboratorViewSet, InvitationViewSet, SharedServerViewSet
from environments.api.environments import EnvironmentViewSet
from environments.api.servers import ServerViewSet
from environments.api.volumes import VolumeViewSet

app_name = "api"

router = SimpleRouter(use_regex_path=False)
router.register("courses", CourseViewSet, basename="course")
router.register("servers", ServerViewSet, basename="server")
router.register("builds", BuildViewSet, basename="build")
router.register("environments", EnvironmentViewSet, basename="environment")
router.register("shared-servers", SharedServerViewSet, basename="shared-server")
router.register("usage", UsageViewSet, basename="usage")
router.register("volumes", VolumeViewSet, basename="volume")

MANY: dict[str, Any] = {"get": "list", "post": "create"}
ONE: dict[str, Any] = {"delete": "destroy"}
CHANGED: dict[str, Any] = {"patch": "partial_update", "delete": "destroy"}
SEEN: dict[str, Any] = {"get": "list"}
KEPT: dict[str, Any] = {"get": "retrieve", "delete": "destroy"}
WHOLE: dict[str, Any] = {"get": "retrieve"} | CHANGED


def posts(action: str) -> dict[str, Any]:
    """What a button does."""
    return {"post": action}


urlpatterns = [
    *router.urls,
    path("servers/<uuid:pk>/collaborators/", CollaboratorViewSet.as_view(MANY), name="collaborator-list"),
    path(
        "servers/<uuid:pk>/collaborators/<uuid:collaborator_id>/",
        CollaboratorViewSet.as_view(ONE),
        name="collaborator-detail",
    ),
    path("servers/<uuid:pk>/invitations/", InvitationViewSet.as_view(MANY), name="invitation-list"),
    path(
        "servers/<uuid:pk>/invitations/<uuid:invitation_id>/",
        InvitationViewSet.as_view(ONE),
        name="invitation-detail",
    ),
    path("courses/<slug:slug>/members/", MemberViewSet.as_view(MANY), name="member-list"),
    path("courses/<slug:slug>/members/<uuid:pk>/", MemberViewSet.as_view(CHANGED), name="member-detail"),
    path("courses/<slug:slug>/invitations/", CourseInvitationViewSet.as_view(MANY), name="course-invitation-list"),
    path(
        "courses/<slug:slug>/invitations/<uuid:pk>/",
        CourseInvitationViewSet.as_view(ONE),
        name="course-invitation-detail",
    ),
    path("courses/<slug:slug>/lessons/", LessonViewSet.as_view(MANY), name="lesson-list"),
    path("courses/<slug:slug>/lessons/<uuid:pk>/", LessonViewSet.as_view(WHOLE), name="lesson-detail"),
    path(
        "courses/<slug:slug>/lessons/<uuid:pk>/publish/",
        LessonViewSet.as_view({"post": "publish"}),
        name="lesson-publish",
    ),
    path("courses/<slug:slug>/lessons/<uuid:pk>/move/", LessonViewSet.as_view(posts("move")), name="lesson-move"),
    path("courses/<slug:slug>/announcements/", AnnouncementViewSet.as_view(MANY), name="announcement-list"),
    path(
        "courses/<slug:slug>/announcements/<uuid:pk>/", AnnouncementViewSet.as_view(CHANGED), name="announcement-detail"
    ),
    path("courses/<slug:slug>/environments/", CourseEnvironmentViewSet.as_view(SEEN), name="course-environment-list"),
    *(
        path(
            f"courses/<slug:slug>/environments/<slug:audience>/{action}/",
            CourseEnvironmentViewSet.as_view(methods),
            name=f"course-environment-{action}",
        )
        for action, methods in {
            "versions": {"get": "versions"},
            "prepare": posts("prepare"),
            "use": posts("use"),
            "back": posts("back"),
        }.items()
    ),
    path("courses/<slug:slug>/files/", AreaViewSet.as_view(SEEN), name="area-list"),
    path("courses/<slug:slug>/files/<slug:area>/", AreaViewSet.as_view({"post": "create"} | ONE), name="area-detail"),
    path("courses/<slug:slug>/hand-ins/", HandInViewSet.as_view(MANY), name="hand-in-list"),
    path("courses/<slug:slug>/hand-ins/<uuid:pk>/", HandInViewSet.as_view({"get": "retrieve"}), name="hand-in-detail"),
    path("courses/<slug:slug>/live/", SeatViewSet.as_view(SEEN), name="seat-list"),
    path("courses/<slug:slug>/exports/", ExportViewSet.as_view(MANY), name="export-list"),
    path("courses/<slug:slug>/exports/<uuid:pk>/", ExportViewSet.as_view(KEPT), name="export-detail"),
    *of_assignments,
    path("exchange/", ExchangeView.as_view(), name="exchange"),
    path(
        "exchange/submissions/<uuid:pk>/files/",
        ExchangeSubmissionFilesView.as_view(),
        name="exchange-submission-files",
    ),
    path("exchange/submissions/<uuid:pk>/feedback/", ExchangeFeedbackView.as_view(), name="exchange-feedback"),
    path("exchange/<slug:course>/<str:name>/files/", ExchangeFilesView.as_view(), name="exchange-files"),
    path(
        "exchange/<slug:course>/<str:name>/submissions/", ExchangeSubmissionsView.as_view(), name="exchange-submissions"
    ),
    path("disk/", DiskUseView.as_view(), name="disk"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", TemplateView.as_view(template_name="config/api_docs.html"), name="docs"),
]
