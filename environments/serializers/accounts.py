"""How a person's use of the site looks from outside."""

from __future__ import annotations

from datetime import date
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from environments import references
from environments.models import MonthlyUse
from environments.querysets import MonthlyUseQuerySet
from environments.quotas import DiskUse


class DiskUseSerializer(serializers.Serializer[DiskUse]):
    """How much your files take, and how much they may."""

    used_bytes = serializers.IntegerField(
        help_text="As last measured: every hour while a server runs, and when it stops. Deleted servers do not count."
    )
    limit_bytes = serializers.SerializerMethodField()
    is_exceeded = serializers.BooleanField(help_text="Whether a new server would be refused.")

    def get_limit_bytes(self, use: DiskUse) -> int | None:
        """From where on no new server can be launched; null is no limit."""
        return use.limit_bytes or None


class UsagePositionSerializer(serializers.Serializer[Any]):
    """Which part of the accounts is wanted."""

    month = serializers.RegexField(
        r"\A[12][0-9]{3}-(0[1-9]|1[0-2])\Z", required=False, help_text="As `2026-03`; all of them if it is left out."
    )
    person = serializers.CharField(
        max_length=150, required=False, help_text="A username, or a part of a name. You see others as an administrator."
    )
    repository = serializers.CharField(max_length=1000, required=False, help_text="A part of an address.")
    group = serializers.CharField(
        max_length=150, required=False, help_text="A part of the name of a class or group that servers were run for."
    )

    def validate_month(self, month: str) -> date:
        """Its first day."""
        return date.fromisoformat(f"{month}-01")


class UsageSerializer(serializers.ModelSerializer[MonthlyUse]):
    """What one server used in one month; without a `server`, what building or the personal files did."""

    month = serializers.SerializerMethodField()
    person = serializers.CharField(
        source="person.username", default=None, allow_null=True, help_text="Null for somebody who is no longer here."
    )
    repository_url = serializers.SerializerMethodField()
    server = serializers.SerializerMethodField()
    server_name = serializers.CharField(help_text="The name it had; the server may be deleted.")
    group = serializers.CharField(
        source="group_name", help_text="The class or group that the server was run for; empty for none."
    )

    class Meta:
        model = MonthlyUse
        fields = ["month", "person", "repository_url", "server", "server_name", "group", *MonthlyUseQuerySet.AMOUNTS]
        read_only_fields = fields

    def get_month(self, use: MonthlyUse) -> str:
        """By the site's own time zone, as `2026-03`."""
        return f"{use.month:%Y-%m}"

    def get_repository_url(self, use: MonthlyUse) -> str:
        """Where the repository is; empty for personal files."""
        return references.unmarked(use.repository_url)

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_server(self, use: MonthlyUse) -> str | None:
        """The server's id, be it deleted or not."""
        return use.server_key or None
