"""Learning platforms in the admin, for whoever runs this Carrel; nobody else sees them.

It calls what their own pages call, so that the audit log has it. What it cannot do is done there.
"""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from environments.views.requests import PageRequest
from lti import platforms
from lti.models import Deployment, Platform


class DeploymentInline(admin.TabularInline[Deployment, Platform]):
    """Where it has put us, as far as that is approved. One more can be; one is withdrawn on the platform's page."""

    model = Deployment
    extra = 1

    def has_change_permission(self, request: HttpRequest, obj: Platform | None = None) -> bool:
        """What was approved is what launches name."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Platform | None = None) -> bool:
        """Courses may have come from there."""
        return False


@admin.register(Platform)
class PlatformAdmin(admin.ModelAdmin[Platform]):
    """What is copied from the platform's own settings."""

    list_display = ("name", "issuer", "client_id", "state")
    list_filter = ("state",)
    inlines = (DeploymentInline,)
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}

    def has_delete_permission(self, request: HttpRequest, obj: Platform | None = None) -> bool:
        """People and courses may have come from it, and would go with it."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Platform | None = None) -> tuple[str, ...]:
        """It is approved and switched off on its own page, where that is noted."""
        return ("state",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Platform, form: Any, change: bool) -> None:
        """A new one gets a key of ours towards it."""
        by, now = cast("PageRequest", request).user, timezone.now()
        if change:
            facts = {name: form.cleaned_data[name] for name in form.changed_data}
            platforms.change(Platform.objects.get(pk=obj.pk), facts, by=by, now=now)
        else:
            platforms.add_platform(obj, by=by, now=now)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Places that are new are approved."""
        by, now = cast("PageRequest", request).user, timezone.now()
        for deployment in formset.save(commit=False):
            platforms.approve_deployment(form.instance, deployment.deployment_id, by=by, now=now)
