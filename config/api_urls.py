"""Everything under `/api/v1/`."""

from __future__ import annotations

from typing import Any

from django.urls import path
from django.views.generic import TemplateView
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

from classes.api.courses import CourseViewSet
from classes.api.members import CourseInvitationViewSet, MemberViewSet
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
    path("disk/", DiskUseView.as_view(), name="disk"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", TemplateView.as_view(template_name="config/api_docs.html"), name="docs"),
]
