"""What an administrator sees of environments, builds, servers, volumes and credentials, mostly to read, and quotas.

Servers and builds are changed by the verbs, which know what runs; a row edited by hand would lie. What a private
repository's build said is for its owner alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from environments.catalog import forget_version
from environments.models import (
    Build,
    BuildLogLine,
    Environment,
    EnvironmentTag,
    GitCredential,
    NotebookServer,
    Quota,
    SharedVolume,
    Update,
    Volume,
    VolumeMember,
)
from environments.naming import MAX_TAGS

if TYPE_CHECKING:
    from django.contrib.admin.options import InlineModelAdmin
    from django.db.models import QuerySet
    from django.forms import ModelForm
    from django.http import HttpRequest


LAUNCH_DEFAULTS = ["urlpath", "memory_mb", "cpus", "idle_minutes", "lifetime_minutes", "mounts"]
VERSION = ["repository_url", "commit", "has_image", "made_at", "made_by", "builder", "builder_version"]


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


class EnvironmentTagInline(admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs only
    """The words it is found by."""

    model = EnvironmentTag
    fields = ["name"]
    extra = 0
    max_num = MAX_TAGS


@admin.register(Environment)
class EnvironmentAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """The catalog. Adding one for everyone puts it there; a featured one comes first, and is launched unasked."""

    list_display = [
        "title",
        "provider",
        "repository",
        "ref",
        "visibility",
        "is_featured",
        "owner",
        "launch_count",
        "outcome",
        "failure_code",
    ]
    list_filter = ["visibility", "is_featured", "rebuild", "outcome", "provider"]
    list_select_related = ["owner"]
    search_fields = ["title", "description", "repository", "slug", "owner__username", "owner__display_name"]
    autocomplete_fields = ["owner", "group"]
    fieldsets = [
        (None, {"fields": ["title", "description", "owner", "visibility", "group", "is_featured", "slug"]}),
        (_("Launches"), {"fields": ["provider", "repository", "ref", *LAUNCH_DEFAULTS]}),
        (_("Kept fresh"), {"fields": ["rebuild", "outcome", "outcome_at", "failure_code", "looked_at"]}),
        (_("Version people get"), {"fields": list(VERSION)}),
        (_("Use"), {"fields": ["launch_count", "last_used_at", "forked_from", "created_at"]}),
    ]
    readonly_fields = [
        *VERSION,
        "slug",
        "outcome",
        "outcome_at",
        "failure_code",
        "looked_at",
        "launch_count",
        "last_used_at",
        "forked_from",
        "created_at",
    ]
    inlines = [EnvironmentTagInline]
    actions = ["feature", "stop_featuring"]

    def save_model(self, request: HttpRequest, obj: Environment, form: ModelForm[Environment], change: bool) -> None:
        """Another repository or version is prepared anew, in the owner's name and when it is needed."""
        if change and {"provider", "repository", "ref", "owner"} & set(form.changed_data):
            forget_version(obj)
        super().save_model(request, obj, form, change)

    @admin.action(description=_("Recommend these to everybody"))
    def feature(self, request: HttpRequest, queryset: QuerySet[Environment]) -> None:
        """Put them first."""
        queryset.update(is_featured=True)

    @admin.action(description=_("Stop recommending these"))
    def stop_featuring(self, request: HttpRequest, queryset: QuerySet[Environment]) -> None:
        """Leave them where their use puts them."""
        queryset.update(is_featured=False)


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


@admin.register(Quota)
class QuotaAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Who may have more or less than the site's settings say."""

    list_display = ["__str__", "running_servers", "servers", "memory_mb", "cpus", "disk_mb", "group_running_servers"]
    list_select_related = ["person", "group"]
    search_fields = ["person__username", "person__display_name", "group__name"]
    autocomplete_fields = ["person", "group"]
    fieldsets = [
        (_("For whom"), {"fields": ["person", "group"]}),
        (
            _("Limits"),
            {
                "description": _(
                    "Where a field is empty, the largest of what the person's groups give counts, or else the site's "
                    "setting. 0 is no limit. A person's own quota counts before those of their groups."
                ),
                "fields": [
                    "running_servers",
                    "servers",
                    "memory_mb",
                    "cpus",
                    "disk_mb",
                    "idle_minutes",
                    "lifetime_minutes",
                ],
            },
        ),
        (
            _("All servers of the group together"),
            {
                "description": _(
                    "For a class or group only: how much the servers that are run for it may take at once. Beyond that "
                    "a server waits for its turn. Empty or 0 is no limit."
                ),
                "fields": ["group_running_servers", "group_memory_mb", "group_cpus"],
            },
        ),
    ]
