"""What people fill in: what to launch, how long to keep it running, a token for private repositories."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any, TypeVar

from django import forms
from django.core.validators import RegexValidator
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from environments.differences import mount_words
from environments.errors import EnvironmentsError, UserError
from environments.hubs import hubs
from environments.links import (
    MAX_COLLABORATORS,
    mount_path,
    read_limits,
    read_minutes,
    read_mount,
    read_person,
    write_mount,
)
from environments.models import SharedVolume
from environments.references import check_urlpath, parse_with_path, urlpath_to
from environments.references.addresses import shown
from environments.servers import max_keep
from environments.values import LaunchSpec, Limits, MountWish, Reference

T = TypeVar("T")

_ADDRESS_IN_JUPYTER = re.compile(
    r"(?:lab|tree)/?(?:[?#].*)?|(?:lab/tree|lab/workspaces|doc/tree|tree)/.*|proxy/(?:absolute/)?[0-9]+(?:/.*)?|[^/]*\?.*"
)
"""What is meant as an address inside JupyterLab rather than as a file of the repository."""
_ADDRESS_OF_APPLICATION = re.compile(r"/[^/]+.*/")
"""What is meant as the address of another application: between slashes, as no file is."""

KEEP_HOURS = (1, 2, 4, 8)
MORNING = time(8)
AN_HOUR = timedelta(hours=1)
FIELD_OF_CODE_PREFIX: dict[str, str | None] = {
    "ref": "ref",
    "path": "path",
    "name": "name",
    "server": "name",
    "copy": "public",
    "credentials": "credentials",
    "mount": "mounts",
    "volume": "mounts",
    **dict.fromkeys(("collaborator", "collaborators", "people"), "collaborators"),
    "memory": "memory",
    "cpus": "cpus",
    "idle": "idle",
    "lifetime": "lifetime",
    **dict.fromkeys(("copies", "disk", "servers")),
}
"""Which field an error belongs to, by the first word of its code, or none; all others are about the repository."""


class RepositoryForm(forms.Form):
    """What a server is made from, and what it may use. `spec` is what came of it once the form is valid."""

    repository = forms.CharField(
        label=_("Address of the repository"),
        help_text=_(
            "Copy it from your browser, for example https://github.com/binder-examples/requirements. "
            "A DOI such as 10.5281/zenodo.3242074 works too."
        ),
        max_length=1000,
        error_messages={"required": _("Paste the address of a repository first.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "inputmode": "url"}
        ),
    )
    path = forms.CharField(
        label=_("What to open"),
        help_text=_("A file or folder in the repository, for example notebooks/first.ipynb."),
        max_length=400,
        required=False,
    )
    ref = forms.CharField(
        label=_("Version"),
        help_text=_("A branch or tag. Leave it empty for the newest."),
        max_length=250,
        required=False,
    )

    memory = forms.CharField(
        label=_("Memory"),
        help_text=_("For example 4G or 512M. Leave it empty for the usual."),
        max_length=10,
        required=False,
    )
    cpus = forms.CharField(
        label=_("Processors"),
        help_text=_("For example 2 or 0.5. Leave it empty for the usual."),
        max_length=10,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    idle = forms.CharField(
        label=_("Stop it when nobody has used it for"),
        help_text=_("Minutes. Your files are kept, and it starts again when you want it."),
        max_length=9,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )
    lifetime = forms.CharField(
        label=_("Stop it in any case after"),
        help_text=_("Minutes from its start, even if something computes in it."),
        max_length=9,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )

    spec: LaunchSpec

    @property
    def has_more(self) -> bool:
        """Whether anything but the repository is filled in or wrong, so that it must not stay folded away."""
        return self._has("path", "ref") or self.has_resources

    @property
    def has_resources(self) -> bool:
        """The same of what the server may use."""
        return self._has("memory", "cpus", "idle", "lifetime")

    def clean_path(self) -> str:
        """The path as an address inside the server."""
        return self._understood(lambda: urlpath_of(self.cleaned_data["path"]))

    def clean_memory(self) -> int | None:
        """Megabytes."""
        return self._understood(lambda: read_limits(memory=self.cleaned_data["memory"].strip(), cpus="").memory_mb)

    def clean_cpus(self) -> float | None:
        """Processors, written with a point or a comma."""
        text = self.cleaned_data["cpus"].strip().replace(",", ".")
        return self._understood(lambda: read_limits(memory="", cpus=text).cpus)

    def clean_idle(self) -> int | None:
        """Minutes."""
        return self._understood(lambda: read_minutes("idle", self.cleaned_data["idle"].strip()))

    def clean_lifetime(self) -> int | None:
        """Minutes."""
        return self._understood(lambda: read_minutes("lifetime", self.cleaned_data["lifetime"].strip()))

    def clean(self) -> dict[str, Any]:
        """Understand the repository as it was typed or pasted."""
        data = super().clean() or {}
        if "repository" in data and "ref" in data:
            try:
                reference, pasted_path = parse_with_path(data["repository"], data["ref"])
            except UserError as error:
                self.add_launch_error(error)
            else:
                self.spec = self._spec(reference, pasted_path)
        return data

    def _spec(self, reference: Reference, pasted_path: str) -> LaunchSpec:
        data = self.cleaned_data
        return LaunchSpec(
            reference,
            urlpath=data.get("path") or pasted_path,
            limits=Limits(data.get("memory"), data.get("cpus")),
            idle_minutes=data.get("idle"),
            lifetime_minutes=data.get("lifetime"),
        )

    def _has(self, *names: str) -> bool:
        return any(self[name].value() or self[name].errors for name in names)

    def _understood(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except UserError as error:
            raise forms.ValidationError(error.explain().lines) from error

    def add_launch_error(self, error: EnvironmentsError) -> None:
        """Say what went wrong at the field that can be changed."""
        self.add_error(FIELD_OF_CODE_PREFIX.get(error.code.split("_")[0], "repository"), error.explain().lines)


class MountsField(forms.MultipleChoiceField):
    """Shared files to place in a server, each as a launch link spells it."""

    widget = forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"})

    def offer(self, volumes: Iterable[SharedVolume], asked: Iterable[str]) -> None:
        """Offer what the person may use, in its usual place, and what was asked for besides."""
        usual = {write_mount(_usual_mount(volume)): volume.title for volume in volumes}
        others = {text: _words_of(text) for text in asked if text not in usual}
        self.choices = [*usual.items(), *others.items()]

    def clean(self, value: Any) -> tuple[MountWish, ...]:
        """The mounts. Whether the person may have them is looked at when they are launched."""
        try:
            return tuple(map(read_mount, self.to_python(value)))
        except UserError as error:
            raise forms.ValidationError(error.explain().lines) from error


class LaunchForm(RepositoryForm):
    """All that can be asked for in a launch."""

    name = forms.CharField(
        label=_("Name of the server"),
        help_text=_("For your own list. Lower-case letters, digits and hyphens."),
        max_length=40,
        required=False,
    )
    mounts = MountsField(
        label=_("Shared files"),
        help_text=_("They appear in the folder “shared”."),
        required=False,
    )
    collaborators = forms.CharField(
        label=_("People who may enter it too"),
        help_text=_("Their user names, separated by commas. They can work with your files in it."),
        max_length=2000,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )
    public = forms.BooleanField(
        label=_("Only a copy to try"),
        help_text=_("It has none of your personal files, and is thrown away with its own when it stops."),
        required=False,
    )
    credentials = forms.BooleanField(
        label=_("Give it a key to act in my name here"),
        help_text=_(
            "Its programs can then start, stop and see all your servers, until it stops. They find the key in the "
            "environment variable CARREL_TOKEN."
        ),
        required=False,
    )
    hub = forms.ChoiceField(
        label=_("Where"),
        help_text=_("Another hub has none of your files here. You are shown what is lost before you leave."),
        required=False,
    )

    def __init__(
        self,
        data: QueryDict | Mapping[str, Any] | None = None,
        *,
        initial: dict[str, Any] | None = None,
        volumes: Iterable[SharedVolume] = (),
    ) -> None:
        super().__init__(data, initial=initial)
        mounts = self.fields["mounts"]
        assert isinstance(mounts, MountsField)  # noqa: S101 - for the type checker
        mounts.offer(volumes, self["mounts"].value() or ())
        choices = [("", _("Here")), *((hub.name, hub.label) for hub in hubs())]
        self.fields["hub"].choices = choices  # type: ignore[attr-defined]

    @property
    def has_more(self) -> bool:
        """Whether anything but the repository is filled in or wrong, so that it must not stay folded away."""
        return super().has_more or self._has("name", "hub") or self.has_gifts

    @property
    def has_gifts(self) -> bool:
        """The same of what the server is given, and who may enter it."""
        return self._has("mounts", "collaborators", "public", "credentials")

    def clean_collaborators(self) -> tuple[str, ...]:
        """The names, each once."""
        names = [name.strip() for name in self.cleaned_data["collaborators"].split(",")]
        return self._understood(lambda: tuple(dict.fromkeys(map(read_person, filter(None, names)))))

    def _spec(self, reference: Reference, pasted_path: str) -> LaunchSpec:
        data = self.cleaned_data
        return replace(
            super()._spec(reference, pasted_path),
            name=data.get("name", ""),
            mounts=data.get("mounts", ()),
            collaborators=data.get("collaborators", ()),
            with_credentials=data.get("credentials", False),
            is_public=data.get("public", False),
        )


class MountsForm(forms.Form):
    """The shared files that a server should have: all that are chosen, and no others."""

    mounts = MountsField(
        label=_("Shared files"), help_text=_("Those that are new appear in the folder “shared”."), required=False
    )

    def __init__(
        self, data: QueryDict | None = None, *, present: Iterable[MountWish], volumes: Iterable[SharedVolume]
    ) -> None:
        texts = list(map(write_mount, present))
        super().__init__(data, initial={"mounts": texts})
        mounts = self.fields["mounts"]
        assert isinstance(mounts, MountsField)  # noqa: S101 - for the type checker
        mounts.offer(volumes, texts)

    def add_refusal(self, error: UserError) -> None:
        """Say what went wrong."""
        self.add_error("mounts", error.explain().lines)


class GitCredentialForm(forms.Form):
    """A token for the private repositories of one git host."""

    address = forms.CharField(
        label=_("Git host"),
        help_text=_("For example github.com, or the address of one of your private repositories there."),
        max_length=1000,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "inputmode": "url"}
        ),
    )
    username = forms.CharField(
        label=_("Username"),
        help_text=_("Yours on that host, or the one that was shown to you with the token."),
        max_length=200,
        validators=[RegexValidator(r"^[^:\s\x00-\x1f\x7f]+\Z", _("A username has no spaces and no colon."))],
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )
    token = forms.CharField(
        label=_("Token"),
        help_text=_("It is stored encrypted, shown to that host alone, and never shown again."),
        max_length=2000,
        validators=[RegexValidator(r"^[^\s\x00-\x1f\x7f]+\Z", _("A token has no spaces: copy it once more."))],
        # As a new password: “off” browsers disregard, and would fill in the one they know for Carrel itself.
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )

    def add_address_error(self, error: UserError) -> None:
        """Say what is wrong with the host."""
        self.add_error("address", error.explain().lines)


class KeepForm(forms.Form):
    """How much longer a server should be kept running; nothing chosen takes back what was asked before."""

    until = forms.ChoiceField(required=False)

    def __init__(self, data: Mapping[str, Any] | None = None, *, now: datetime) -> None:
        super().__init__(data)
        possible = [n for n in KEEP_HOURS if timedelta(hours=n) <= max_keep()]
        hours = [(str(n), ngettext("for %(n)d hour", "for %(n)d hours", n) % {"n": n}) for n in possible]
        is_early = _next_morning(now).date() == timezone.localdate(now)
        morning = _("until 8:00 this morning") if is_early else _("until 8:00 tomorrow morning")
        has_morning = bool(max_keep()) and _next_morning(now) <= now + max_keep() + AN_HOUR
        self.fields["until"].choices = [*hours, *([("morning", morning)] if has_morning else [])]  # type: ignore[attr-defined]
        self._now = now

    def clean_until(self) -> datetime | None:
        """The moment that was chosen, in the reader's own zone."""
        chosen: str = self.cleaned_data["until"]
        if chosen == "morning":
            # On the day the clocks go back there are 25 hours between two mornings.
            return min(_next_morning(self._now), self._now + max_keep())
        return self._now + timedelta(hours=int(chosen)) if chosen else None


class InviteForm(forms.Form):
    """Whom to let into a server."""

    name = forms.CharField(
        label=_("User name or e-mail address"),
        help_text=_("The name they sign in with here."),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )


class InvitationForm(forms.Form):
    """For how long a link is good, and for how many people."""

    DAYS = (1, 7, 30)

    lifetime = forms.ChoiceField(label=_("Good for"))
    uses = forms.IntegerField(label=_("For how many people"), min_value=1, max_value=MAX_COLLABORATORS)

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial={"lifetime": "7", "uses": 1}, auto_id="invitation_%s")
        days = [(str(n), ngettext("%(n)d day", "%(n)d days", n) % {"n": n}) for n in self.DAYS]
        self.fields["lifetime"].choices = days  # type: ignore[attr-defined]

    @property
    def days(self) -> int:
        """As it was chosen."""
        return int(self.cleaned_data["lifetime"])


def _next_morning(now: datetime) -> datetime:
    local = timezone.localtime(now)
    day = local.date() if local.time() < MORNING else local.date() + timedelta(days=1)
    return datetime.combine(day, MORNING, tzinfo=local.tzinfo)


def urlpath_of(path: str) -> str:
    """Where to open a server, from what a person writes: a file of the repository, or an address of the server.

    That is Jupyter's own, or another application's, `/rstudio/`. Raises UserError `path_invalid` for what is neither,
    and `path_elsewhere` for the address of another host.
    """
    typed = path.strip()
    clean = typed.lstrip("/")
    if typed.startswith("//") or "://" in typed.partition("?")[0]:
        raise UserError("path_elsewhere", path=shown(path))
    is_address = _ADDRESS_IN_JUPYTER.fullmatch(clean) or _ADDRESS_OF_APPLICATION.fullmatch(typed)
    return check_urlpath(clean) if is_address else urlpath_to(clean)


def typed_for(urlpath: str) -> str:
    """What a person writes for this address, where it can be written: `urlpath_of` of it leads to the same place."""
    if not urlpath or _ADDRESS_IN_JUPYTER.fullmatch(urlpath):
        return urlpath
    return f"/{urlpath.strip('/')}/"


def _words_of(text: str) -> str:
    """What a mount is called that is not in its usual place; as it is where nobody can understand it."""
    try:
        return mount_words(read_mount(text))
    except UserError:
        return text


def _usual_mount(volume: SharedVolume) -> MountWish:
    """As they are offered: to be changed by whoever may."""
    can_write = bool(getattr(volume, "can_write", True))
    return MountWish(volume.name, mount_path("", volume=volume.name), read_only=not can_write)
