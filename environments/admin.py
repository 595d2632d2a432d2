"""What an administrator sees of environments, builds, servers, volumes and credentials; mostly to read.

Servers and builds are changed by the verbs, which know what runs; a row edited by hand would lie. What a private
repository's build said is for its owner alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from environments.models import (
    Build,
    BuildLogLine,
    Environment,
    GitCredential,
    NotebookServer,
    SharedVolume,
    Update,
    Volume,
    VolumeMember,
)

if TYPE_CHECKING:
    from django.contrib.admin.options import InlineModelAdmin
    from django.http import HttpRequest


class ReadOnly:
    """Lists and shows, changes nothing."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds one here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits one here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody removes one here."""
        return False


@admin.register(Environment)
class EnvironmentAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """The catalog. Adding one for everyone puts it on everybody's home page."""

    list_display = ["title", "provider", "repository", "ref", "visibility", "owner", "launch_count"]
    list_filter = ["visibility", "provider"]
    list_select_related = ["owner"]
    search_fields = ["title", "description", "repository"]
    autocomplete_fields = ["owner"]
    readonly_fields = ["launch_count", "created_at"]


class BuildLogInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs only
    """The log, line by line."""

    model = BuildLogLine
    fields = ["sequence", "phase", "text"]
    ordering = ["sequence"]


@admin.register(Build)
class BuildAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Builds and their logs."""

    list_display = ["repository_url", "commit", "state", "requested_by", "created_at", "finished_at", "failure_code"]
    list_filter = ["state", "builder", "failure_code"]
    list_select_related = ["requested_by"]
    search_fields = ["repository_url", "commit", "image_key"]
    date_hierarchy = "created_at"
    ordering = ["-created_at"]
    inlines = [BuildLogInline]

    def get_inlines(self, request: HttpRequest, obj: Build | None) -> list[type[InlineModelAdmin[Any, Any]]]:
        """The log, unless it tells what is in somebody else's private repository."""
        return [] if _is_confidential(request, obj) else list(super().get_inlines(request, obj))

    def get_exclude(self, request: HttpRequest, obj: Build | None = None) -> list[str]:
        """What the log gave away of why it failed goes with the log."""
        return ["failure_facts"] if _is_confidential(request, obj) else []


def _is_confidential(request: HttpRequest, build: Build | None) -> bool:
    return build is not None and build.is_private and build.requested_by_id != request.user.pk


@admin.register(NotebookServer)
class NotebookServerAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Everybody's servers: what state they are in, and why they failed."""

    list_display = ["name", "owner", "state", "repository", "ref", "last_activity_at", "failure_code", "deleted_at"]
    list_filter = ["state", "failure_code", ("deleted_at", admin.EmptyFieldListFilter)]
    list_select_related = ["owner"]
    search_fields = ["name", "subdomain", "owner__username", "owner__display_name", "repository"]
    date_hierarchy = "created_at"


@admin.register(Update)
class UpdateAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """What servers are to become, and what holds that up."""

    list_display = ["repository_url", "commit", "is_rollback", "was_running", "failure_code", "requested_at"]
    list_filter = ["failure_code"]
    search_fields = ["repository_url", "commit", "image_key"]
    ordering = ["-requested_at"]


@admin.register(Volume)
class VolumeAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Stored files: whose, and what for."""

    list_display = ["key", "owner", "purpose", "bytes", "measured_at", "created_at"]
    list_filter = ["purpose"]
    list_select_related = ["owner"]
    search_fields = ["id", "owner__username", "owner__display_name"]


class VolumeMemberInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs only
    """With whom files are shared."""

    model = VolumeMember
    fields = ["person", "group", "access", "created_at"]


@admin.register(SharedVolume)
class SharedVolumeAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Shared files: whose, with whom, and since when deleted."""

    list_display = ["name", "title", "owner", "created_at", "deleted_at"]
    list_filter = [("deleted_at", admin.EmptyFieldListFilter)]
    list_select_related = ["owner"]
    search_fields = ["name", "title", "owner__username", "owner__display_name"]
    inlines = [VolumeMemberInline]


@admin.register(GitCredential)
class GitCredentialAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Whose tokens are kept for which hosts, to take away where need be. The tokens themselves nobody sees."""

    list_display = ["origin", "owner", "created_at", "last_used_at"]
    list_select_related = ["owner"]
    search_fields = ["origin", "owner__username", "owner__display_name"]
    fields = ["origin", "owner", "created_at", "last_used_at"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An administrator may forget one in its owner's stead."""
        return True
