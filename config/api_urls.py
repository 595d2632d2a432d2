"""Everything under `/api/v1/`."""

from __future__ import annotations

from django.urls import path
from django.views.generic import TemplateView
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

from environments import api

app_name = "api"

router = SimpleRouter(use_regex_path=False)
router.register("servers", api.ServerViewSet, basename="server")
router.register("builds", api.BuildViewSet, basename="build")
router.register("environments", api.EnvironmentViewSet, basename="environment")
router.register("volumes", api.VolumeViewSet, basename="volume")


urlpatterns = [
    *router.urls,
    path("disk/", api.DiskUseView.as_view(), name="disk"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", TemplateView.as_view(template_name="config/api_docs.html"), name="docs"),
]
