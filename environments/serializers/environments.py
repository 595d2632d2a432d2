"""How the catalog looks from outside, and what a program may say of an environment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from accounts.models import User
from environments import references
from environments.catalog import ORDERS, Recipe
from environments.errors import Explanation, UserError
from environments.links import MAX_MOUNTS, read_mount
from environments.models import Environment, Outcome, Rebuild, Visibility
from environments.models.environment import MAX_DESCRIPTION
from environments.rebuilding import Freshness, freshness_of
from environments.references.addresses import shown
from environments.serializers.conventions import (
    MAX_CPUS,
    MAX_MEMORY_MB,
    MAX_MINUTES,
    ReasonSerializer,
    StrictSerializer,
    refuse_not_finite,
)
from environments.values import LaunchSpec, Reference

_MINUTES = ("idle_minutes", "lifetime_minutes")
_WORDS = ("title", "description", "visibility", "rebuild")


class EnvironmentSerializer(serializers.ModelSerializer[Environment]):
    """An environment of the catalog: what a launch by its `id` or `slug` gives, and how fresh that is."""

    url = serializers.SerializerMethodField()
    repository = serializers.SerializerMethodField()
    tags = serializers.SerializerMethodField()
    mounts = serializers.SerializerMethodField()
    owner = serializers.SerializerMethodField()
    is_mine = serializers.SerializerMethodField()
    visibility = serializers.ChoiceField(choices=Visibility.choices, read_only=True)
    group = serializers.SerializerMethodField()
    freshness = serializers.SerializerMethodField()
    commit = serializers.SerializerMethodField()
    newest_commit = serializers.SerializerMethodField()
    made_by = serializers.SerializerMethodField()
    rebuild = serializers.ChoiceField(choices=Rebuild.choices, read_only=True)
    rebuild_outcome = serializers.ChoiceField(
        source="outcome",
        choices=Outcome.choices,
        read_only=True,
        help_text="What came of it when its image was last asked for.",
    )
    reason = serializers.SerializerMethodField()

    class Meta:
        model = Environment
        fields = [
            "id",
            "slug",
            "url",
            "title",
            "description",
            "tags",
            "repository",
            "ref",
            "urlpath",
            "memory_mb",
            "cpus",
            "idle_minutes",
            "lifetime_minutes",
            "mounts",
            "visibility",
            "group",
            "owner",
            "is_mine",
            "is_featured",
            "forked_from",
            "launch_count",
            "freshness",
            "is_private",
            "commit",
            "newest_commit",
            "made_at",
            "made_by",
            "builder",
            "builder_version",
            "rebuild",
            "rebuild_outcome",
            "looked_at",
            "reason",
            "created_at",
        ]
        read_only_fields = fields

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_url(self, environment: Environment) -> str:
        """Its page."""
        request = self.context.get("request")
        return str(reverse("environments:environment-detail", args=[environment.slug], request=request))

    def get_repository(self, environment: Environment) -> str:
        """The reference it launches, `provider/spec`, without `ref`."""
        return references.path_of(Reference(environment.provider, environment.repository))

    def get_tags(self, environment: Environment) -> list[str]:
        """The words it is found by."""
        return [tag.name for tag in environment.tags.all()]

    def get_mounts(self, environment: Environment) -> list[str]:
        """Shared files, as a launch link names them, for those who may use them."""
        return environment.mounts.splitlines()

    def get_owner(self, environment: Environment) -> str | None:
        """Who published it; null for whoever runs this Carrel."""
        return environment.owner.get_full_name() if environment.owner else None

    def get_group(self, environment: Environment) -> str | None:
        """The class or group it is for, where `visibility` is `group`."""
        return environment.group.name if environment.group else None

    def get_is_mine(self, environment: Environment) -> bool:
        """Whether you may change it."""
        request = self.context.get("request")
        return request is not None and environment.owner_id == request.user.pk

    @extend_schema_field(serializers.ChoiceField(choices=[each.value for each in Freshness]))
    def get_freshness(self, environment: Environment) -> str:
        """`ready` in seconds; `preparing`; `unprepared`: made for whoever launches it first, in minutes."""
        return freshness_of(environment).value

    def get_commit(self, environment: Environment) -> str | None:
        """What is launched: the last version that could be prepared. Null if there is none, or it is not for you."""
        return self._told(environment, environment.commit)

    def get_newest_commit(self, environment: Environment) -> str | None:
        """What its reference meant at `looked_at`. Null if that is not known, or it is not for you."""
        return self._told(environment, environment.newest_commit)

    def get_made_by(self, environment: Environment) -> str | None:
        """For whom that version was prepared."""
        return environment.made_by.get_full_name() if environment.made_by else None

    @extend_schema_field(ReasonSerializer(allow_null=True))
    def get_reason(self, environment: Environment) -> dict[str, Any] | None:
        """Why its newest version could not be prepared, for its owner; people still get the one before."""
        failure: Explanation | None = environment.failure if self.get_is_mine(environment) else None
        return dict(ReasonSerializer(failure).data) if failure else None

    def _told(self, environment: Environment, commit: str) -> str | None:
        """A commit, unless it is of somebody else's private repository."""
        is_hidden = environment.is_private and not self.get_is_mine(environment)
        return None if is_hidden else commit or None


class RecipeSerializer(StrictSerializer):
    """What is published or changed. Every other field is refused."""

    title = serializers.CharField(max_length=120)
    description = serializers.CharField(
        max_length=MAX_DESCRIPTION, required=False, allow_blank=True, help_text="Plain text; its lines are kept."
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=100),
        max_length=50,
        required=False,
        help_text="At most ten words, without commas.",
    )
    repository = serializers.CharField(
        max_length=2000, required=False, help_text="What it launches, in any way a launch may name it."
    )
    ref = serializers.CharField(max_length=250, required=False, allow_blank=True)
    server = serializers.UUIDField(
        required=False,
        help_text="One of your servers, in place of `repository` and `ref`: what it is made from is what is published. "
        "Not for changes.",
    )
    urlpath = serializers.CharField(max_length=500, required=False, allow_blank=True)
    memory_mb = serializers.IntegerField(min_value=1, max_value=MAX_MEMORY_MB, required=False, allow_null=True)
    cpus = serializers.FloatField(
        min_value=0.01, max_value=MAX_CPUS, required=False, allow_null=True, validators=[refuse_not_finite]
    )
    idle_minutes = serializers.IntegerField(min_value=1, max_value=MAX_MINUTES, required=False, allow_null=True)
    lifetime_minutes = serializers.IntegerField(min_value=1, max_value=MAX_MINUTES, required=False, allow_null=True)
    mounts = serializers.ListField(
        child=serializers.CharField(max_length=500),
        max_length=MAX_MOUNTS,
        required=False,
        help_text="Shared files, each as a launch link names it: `name:folder` or `name:folder:ro`.",
    )
    visibility = serializers.ChoiceField(choices=Visibility.choices, required=False)
    group = serializers.CharField(
        max_length=150,
        required=False,
        help_text="The name of one of your classes or groups, for the `visibility` `group`.",
    )
    rebuild = serializers.ChoiceField(
        choices=Rebuild.choices, required=False, help_text="How often a newer version is looked for and prepared."
    )

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        """It is of a repository or of a server."""
        if self.partial:
            wrong = "server" if "server" in values else ""
        elif "server" in values:
            wrong = next((name for name in ("repository", "ref") if name in values), "")
        elif "repository" not in values:
            raise serializers.ValidationError({"repository": [self.fields["repository"].error_messages["required"]]})
        else:
            wrong = ""
        if wrong:
            raise serializers.ValidationError({wrong: [_("Leave this out.")]})
        return values

    def to_recipe(self, owner: User, before: Recipe | None = None) -> Recipe:
        """What was said; of what was not, what it was before.

        Raises whatever parsing the reference raises, and UserError `group_unknown` for no group of the owner's.
        """
        values = self.validated_data
        spec = self._spec(before.spec if before else None)
        recipe = replace(before, spec=spec) if before else Recipe(values["title"], spec)
        words: dict[str, Any] = {name: values[name] for name in _WORDS if name in values}
        if "tags" in values:
            words["tags"] = tuple(values["tags"])
        if "group" in values:
            words["group"] = _group_of(owner, values["group"])
        return replace(recipe, **words)

    def _spec(self, before: LaunchSpec | None) -> LaunchSpec:
        values = self.validated_data
        if "repository" in values:
            reference, urlpath = references.parse_with_path(values["repository"], values.get("ref", ""))
            spec = replace(before, reference=reference) if before else LaunchSpec(reference, urlpath=urlpath)
        elif before is not None:
            bare = Reference(before.reference.provider, before.reference.repository)
            has_ref = "ref" in values
            reference = references.parse(references.path_of(bare), ref=values["ref"]) if has_ref else before.reference
            spec = replace(before, reference=reference)
        else:
            raise TypeError("a recipe needs a repository")
        if "urlpath" in values:
            spec = replace(spec, urlpath=references.check_urlpath(values["urlpath"]))
        limits = {name: values[name] for name in ("memory_mb", "cpus") if name in values}
        others: dict[str, Any] = {name: values[name] for name in _MINUTES if name in values}
        if "mounts" in values:
            others["mounts"] = tuple(map(read_mount, values["mounts"]))
        return replace(spec, limits=replace(spec.limits, **limits), **others)


def _group_of(owner: User, name: str) -> Group:
    group = owner.groups.filter(name=name).first()
    if group is None:
        raise UserError("group_unknown", who=shown(name))
    return group


class SearchSerializer(serializers.Serializer[Any]):
    """What is looked for in the catalog."""

    q = serializers.CharField(
        max_length=200,
        required=False,
        allow_blank=True,
        help_text="Words, each in a title, a description, a tag or the name of a repository.",
    )
    tag = serializers.CharField(max_length=200, required=False, allow_blank=True, help_text="Only those with this tag.")
    sort = serializers.ChoiceField(choices=list(ORDERS), required=False, help_text="`used` if nothing is said.")
