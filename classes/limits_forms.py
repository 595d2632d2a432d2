"""What teachers fill in to say how much the servers of their class may use."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from classes.limits import CourseLimits
from environments.errors import EnvironmentsError, UserError
from environments.links import read_limits
from environments.values import Limits

FIELDS = {"memory": "memory", "cpus": "cpus", "idle": "idle_minutes", "class": "running_servers"}
"""Which field an error belongs to, by the first word of its code."""


class LimitsForm(forms.Form):
    """The limits of a class; what is left empty is as it is usual on this site."""

    memory = forms.CharField(
        label=_("Memory of a server"),
        help_text=_("For example 4G or 512M. A notebook that needs more is stopped."),
        max_length=10,
        required=False,
    )
    cpus = forms.CharField(
        label=_("Processors of a server"),
        help_text=_("For example 2 or 0.5."),
        max_length=10,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    idle_minutes = forms.IntegerField(
        label=_("Minutes unused until a server sleeps"),
        help_text=_("Files are kept, and it wakes when somebody opens the class."),
        min_value=1,
        max_value=60 * 24 * 30,
        required=False,
    )
    running_servers = forms.IntegerField(
        label=_("Servers of the class running at once"),
        help_text=_("Whoever comes when that many run waits until somebody has stopped."),
        min_value=1,
        max_value=100_000,
        required=False,
    )

    @staticmethod
    def initial_of(limits: CourseLimits) -> dict[str, Any]:
        """The form as it would have been filled in for these."""
        server = limits.server
        return {
            "memory": f"{server.memory_mb}M" if server.memory_mb else "",
            "cpus": f"{server.cpus:g}" if server.cpus else "",
            "idle_minutes": limits.idle_minutes,
            "running_servers": limits.running_servers,
        }

    @property
    def limits(self) -> CourseLimits:
        """What was filled in."""
        data = self.cleaned_data
        server = Limits(data["memory"].memory_mb, data["cpus"].cpus)
        return CourseLimits(server, data["idle_minutes"], data["running_servers"])

    def clean_memory(self) -> Limits:
        """Megabytes."""
        return _read(memory=self.cleaned_data["memory"].strip())

    def clean_cpus(self) -> Limits:
        """Processors, or parts of one."""
        return _read(cpus=self.cleaned_data["cpus"].strip())

    def add_limits_error(self, error: EnvironmentsError) -> None:
        """Say what went wrong at the field that can be changed."""
        self.add_error(FIELDS.get(error.code.partition("_")[0]), error.explain().lines)


def _read(*, memory: str = "", cpus: str = "") -> Limits:
    try:
        return read_limits(memory=memory, cpus=cpus)
    except UserError as error:
        raise forms.ValidationError(error.explain().lines) from error
