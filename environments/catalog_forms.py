"""What people fill in to publish an environment, and to find one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from environments.catalog import ORDERS, Recipe
from environments.errors import EnvironmentsError, UserError
from environments.forms import RepositoryForm, typed_for
from environments.links import MAX_MOUNTS, read_mount, write_mount
from environments.models import Rebuild, Visibility
from environments.models.environment import MAX_DESCRIPTION, MAX_MOUNTS_TEXT
from environments.naming import check_tags
from environments.references import path_of
from environments.values import MountWish, Reference

MAX_SEARCH = 200
MAX_TAGS_TEXT = 400
FIELD_OF_CODE_PREFIX = {
    "ref": "ref",
    "path": "path",
    "tag": "tags",
    "tags": "tags",
    "volume": "mounts",
    "group": "group",
}
"""Which field an error belongs to, by the first word of its code; all others are about the repository."""


class SearchForm(forms.Form):
    """What somebody looks for in the catalog. What makes no sense is passed over."""

    q = forms.CharField(required=False, max_length=MAX_SEARCH)
    tag = forms.CharField(required=False, max_length=MAX_SEARCH)
    sort = forms.ChoiceField(required=False, choices=[(order, order) for order in ORDERS])

    def asked(self, name: str, default: str = "") -> str:
        """The value of one field, if it is one."""
        self.is_valid()
        return str(self.cleaned_data.get(name) or default)


class EnvironmentForm(RepositoryForm):
    """What to publish. `recipe` is what came of it once the form is valid."""

    title = forms.CharField(
        label=_("Title"),
        help_text=_("What people will look for, for example “Statistics, first term”."),
        max_length=120,
    )
    description = forms.CharField(
        label=_("Description"),
        help_text=_("What it is for, and what one needs to know. Plain text."),
        max_length=MAX_DESCRIPTION,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    tags = forms.CharField(
        label=_("Tags"),
        help_text=_("At most ten, with commas between them, for example: statistics, first term, R."),
        max_length=MAX_TAGS_TEXT,
        required=False,
    )
    visibility = forms.ChoiceField(
        label=_("Who may see it"),
        help_text=_(
            "Everyone, or a class or group: it is listed in their catalog. People who have its link: it is not "
            "listed, and its address cannot be guessed."
        ),
        choices=Visibility,
    )
    group = forms.ModelChoiceField(
        label=_("Class or group"),
        help_text=_("Whoever joins it later finds it too."),
        queryset=Group.objects.none(),
        empty_label=_("none"),
        required=False,
    )
    rebuild = forms.ChoiceField(
        label=_("When to look for a newer version"),
        help_text=_(
            "It is prepared before anybody gets it. If that fails, its page tells you why, and people get the version "
            "before."
        ),
        choices=Rebuild,
    )
    mounts = forms.CharField(
        label=_("Shared files"),
        help_text=_(
            "One a line: name:folder, and :ro behind that if they are only to be read. Only people who may use them "
            "get them."
        ),
        max_length=MAX_MOUNTS_TEXT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        owner: User,
        group: Group | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial)
        groups = Group.objects.filter(Q(pk__in=owner.groups.values("pk")) | Q(pk=group and group.pk)).order_by("name")
        if groups:
            self.fields["group"].queryset = groups  # type: ignore[attr-defined]
        else:
            del self.fields["group"]
            known = [choice for choice in Visibility.choices if choice[0] != Visibility.GROUP]
            self.fields["visibility"].choices = known  # type: ignore[attr-defined]

    @property
    def recipe(self) -> Recipe:
        """What was filled in."""
        data = self.cleaned_data
        return Recipe(
            title=data["title"],
            spec=replace(self.spec, mounts=data["mounts"]),
            description=data["description"].replace("\r\n", "\n"),
            tags=data["tags"],
            visibility=data["visibility"],
            group=data.get("group"),
            rebuild=data["rebuild"],
        )

    @property
    def has_resources(self) -> bool:
        """Whether any of what is folded away is filled in or wrong."""
        return super().has_resources or self._has("mounts")

    def clean_tags(self) -> tuple[str, ...]:
        """The tags one by one."""
        return self._understood(lambda: check_tags(self.cleaned_data["tags"].split(",")))

    def clean_mounts(self) -> tuple[MountWish, ...]:
        """The shared files one by one."""
        lines = [line.strip() for line in self.cleaned_data["mounts"].splitlines() if line.strip()]
        return self._understood(lambda: _mounts_in(lines))

    def add_launch_error(self, error: EnvironmentsError) -> None:
        """Say what went wrong at the field that can be changed."""
        field = FIELD_OF_CODE_PREFIX.get(error.code.split("_")[0], "repository")
        self.add_error(field, error.explain().lines)


def initial_of(recipe: Recipe) -> dict[str, Any]:
    """The form as it would have been filled in for this."""
    spec = recipe.spec
    return {
        "title": recipe.title,
        "description": recipe.description,
        "tags": ", ".join(recipe.tags),
        "repository": path_of(Reference(spec.reference.provider, spec.reference.repository)),
        "ref": spec.reference.ref,
        "path": typed_for(spec.urlpath),
        "visibility": recipe.visibility,
        "group": recipe.group,
        "rebuild": recipe.rebuild,
        "memory": f"{spec.limits.memory_mb}M" if spec.limits.memory_mb else "",
        "cpus": f"{spec.limits.cpus:g}" if spec.limits.cpus else "",
        "idle": spec.idle_minutes,
        "lifetime": spec.lifetime_minutes,
        "mounts": "\n".join(map(write_mount, spec.mounts)),
    }


def _mounts_in(lines: list[str]) -> tuple[MountWish, ...]:
    if len(lines) > MAX_MOUNTS:
        raise UserError("option_too_often", option="mount", most=MAX_MOUNTS)
    return tuple(map(read_mount, lines))
