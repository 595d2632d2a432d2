"""What people fill in to publish an environment, and to find one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

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
FIELD_OF_CODE_PREFIX = {"ref": "ref", "path": "path", "tag": "tags", "tags": "tags", "volume": "mounts"}
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
            "Everyone: it is listed in the catalog. People who have its link: it is not listed, and its address cannot "
            "be guessed."
        ),
        choices=Visibility,
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
