"""Everything under `/api/v1/`."""

from __future__ import annotations

from typing import Any

from django.urls import path
from django.views.generic import TemplateView
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

from environments import api
from environments.collaborator_api import CollaboratorViewSet, InvitationViewSet, SharedServerViewSet

app_name = "api"

router = SimpleRouter(use_regex_path=False)
router.register("servers", api.ServerViewSet, basename="server")
router.register("builds", api.BuildViewSet, basename="build")
router.register("environments", api.EnvironmentViewSet, basename="environment")
router.register("shared-servers", SharedServerViewSet, basename="shared-server")
router.register("usage", api.UsageViewSet, basename="usage")
router.register("volumes", api.VolumeViewSet, basename="volume")

MANY: dict[str, Any] = {"get": "list", "post": "create"}
ONE: dict[str, Any] = {"delete": "destroy"}


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
    path("disk/", api.DiskUseView.as_view(), name="disk"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", TemplateView.as_view(template_name="config/api_docs.html"), name="docs"),
]
