"""Learning platforms in the admin, for whoever runs this Carrel; nobody else sees them."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from environments.views.requests import PageRequest
from lti.models import Deployment, Platform
from lti.platforms import add_platform


class DeploymentInline(admin.TabularInline[Deployment, Platform]):
    """Where it has put us, as far as that is approved."""

    model = Deployment
    extra = 1


@admin.register(Platform)
class PlatformAdmin(admin.ModelAdmin[Platform]):
    """What is copied from the platform's own settings."""

    list_display = ("name", "issuer", "client_id", "state")
    list_filter = ("state",)
    inlines = (DeploymentInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Platform | None = None) -> tuple[str, ...]:
        """It is approved and switched off on its own page, where that is noted."""
        return ("state",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Platform, form: Any, change: bool) -> None:
        """A new one gets a key of ours towards it."""
        if change:
            obj.save()
        else:
            add_platform(obj, by=cast("PageRequest", request).user, now=timezone.now())
