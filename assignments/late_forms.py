"""What lateness costs, as a teacher fills it in: nothing, in steps, or for each day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db import models
from django.forms.boundfield import BoundField
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from assignments.deadlines import MAX_MINUTES, MAX_STEPS, LateRule, Step
from assignments.errors import AssignmentError
from assignments.late_words import DAY, HOUR, MINUTE, in_units

LINES = 4
"""So many steps can be filled in at least; two more than there are."""
UNIT_CHOICES = ((MINUTE, _("minutes")), (HOUR, _("hours")), (DAY, _("days")))


class Costs(models.TextChoices):
    """How the cost of lateness is counted."""

    NOTHING = "nothing", _("Nothing")
    STEPS = "steps", _("More and more, in steps")
    DAILY = "daily", _("So much for each day")


@dataclass(frozen=True, slots=True)
class StepFields:
    """One line of the form: whoever is later than this loses so much."""

    number: int
    after: BoundField
    unit: BoundField
    lost: BoundField

    @property
    def fields(self) -> tuple[BoundField, ...]:
        """All of the line."""
        return self.after, self.unit, self.lost


class LateForm(forms.Form):
    """A rule for lateness. `rule` is what was filled in; what does not belong to the chosen way is left aside."""

    way = forms.ChoiceField(
        label=_("What being late costs"),
        choices=Costs,
        error_messages={"required": _("Choose what being late costs.")},
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    per_day = forms.IntegerField(
        label=_("Percent lost for each day late"),
        help_text=_("A day counts as soon as it has begun."),
        min_value=1,
        max_value=100,
        required=False,
    )
    keeps = forms.IntegerField(
        label=_("Percent kept in any case"),
        help_text=_("Left empty, all points can be lost."),
        min_value=0,
        max_value=99,
        required=False,
    )
    grace = forms.IntegerField(
        label=_("Minutes of grace"),
        help_text=_("Work that comes within them is in time."),
        min_value=0,
        max_value=MAX_MINUTES,
        required=False,
    )

    rule: LateRule

    def __init__(self, data: Any = None, *, rule: LateRule) -> None:
        """`rule` is what is shown."""
        super().__init__(data, prefix="late", initial=_shown(rule))
        sent = sum(f"late-after_{number}" in data for number in range(MAX_STEPS)) if data is not None else 0
        self._lines = max(sent, min(MAX_STEPS, max(LINES, len(rule.steps) + 2)))
        for number in range(self._lines):
            line = {"number": number + 1}
            self.fields |= {
                f"after_{number}": forms.IntegerField(
                    label=gettext("Step %(number)d: later than") % line,
                    min_value=0,
                    required=False,
                    widget=forms.NumberInput(attrs={"class": "form-control"}),
                ),
                f"unit_{number}": forms.TypedChoiceField(
                    label=gettext("Step %(number)d: unit of time") % line,
                    choices=UNIT_CHOICES,
                    coerce=int,
                    empty_value=None,
                    required=False,
                    initial=DAY,
                    widget=forms.Select(attrs={"class": "form-select"}),
                ),
                f"lost_{number}": forms.IntegerField(
                    label=gettext("Step %(number)d: percent lost") % line,
                    min_value=1,
                    max_value=100,
                    required=False,
                    widget=forms.NumberInput(attrs={"class": "form-control"}),
                ),
            }

    @property
    def steps(self) -> Iterator[StepFields]:
        """The lines to be filled in."""
        for number in range(self._lines):
            yield StepFields(number + 1, self[f"after_{number}"], self[f"unit_{number}"], self[f"lost_{number}"])

    def clean(self) -> dict[str, Any]:
        """A rule that can be understood."""
        data = super().clean() or {}
        match data.get("way"):
            case Costs.STEPS:
                self._forget("per_day", "keeps")
                steps = self._steps(data)
                facts: dict[str, Any] = {"steps": steps}
            case Costs.DAILY:
                self._forget(*(name for name in self.fields if name.startswith(("after_", "unit_", "lost_"))))
                facts = self._daily(data)
            case _nothing:
                self._forget(*(name for name in self.fields if name not in ("way", "grace")))
                facts = {}
        if not self.errors:
            try:
                self.rule = LateRule(grace_minutes=data.get("grace") or 0, **facts)
            except AssignmentError as error:
                raise forms.ValidationError(error.explain().lines) from error
        return data

    def _steps(self, data: dict[str, Any]) -> tuple[Step, ...]:
        """The lines that are filled in, each later and dearer than the one before."""
        found: list[Step] = []
        for number in range(self._lines):
            after, lost = data.get(f"after_{number}"), data.get(f"lost_{number}")
            if {f"after_{number}", f"unit_{number}", f"lost_{number}"} & self.errors.keys():
                continue
            if (after is None) != (lost is None):
                self.add_error(f"after_{number}", gettext("Fill in both, the time and the percent, or neither."))
            if after is None or lost is None:
                continue
            minutes = after * (data[f"unit_{number}"] or DAY)
            if minutes > MAX_MINUTES:
                self.add_error(f"after_{number}", gettext("A year is the most."))
            elif found and minutes <= found[-1].after_minutes:
                self.add_error(f"after_{number}", gettext("This has to be later than the step before."))
            elif found and 100 - lost >= found[-1].percent:
                self.add_error(f"lost_{number}", gettext("Whoever is later has to lose more than in the step before."))
            else:
                found.append(Step(minutes, 100 - lost))
        if not found and not self.errors:
            self.add_error("after_0", gettext("Fill in at least one step, or choose another answer."))
        return tuple(found)

    def _daily(self, data: dict[str, Any]) -> dict[str, Any]:
        per_day, keeps = data.get("per_day"), data.get("keeps") or 0
        if per_day is None and "per_day" not in self.errors:
            self.add_error("per_day", gettext("Say how much is lost each day, or choose another answer."))
        return {"percent_per_day": per_day or 0, "keeps_percent": keeps}

    def _forget(self, *names: str) -> None:
        """Whatever is wrong with fields that were not asked for does not matter."""
        for name in names:
            self.errors.pop(name, None)


def _shown(rule: LateRule) -> dict[str, Any]:
    """How the form shows a rule."""
    way = Costs.STEPS if rule.steps else Costs.DAILY if rule.percent_per_day else Costs.NOTHING
    shown: dict[str, Any] = {
        "way": way.value,
        "grace": rule.grace_minutes or None,
        "per_day": rule.percent_per_day or None,
        "keeps": rule.keeps_percent or None,
    }
    for number, step in enumerate(rule.steps):
        after, unit = in_units(step.after_minutes)
        shown |= {f"after_{number}": after, f"unit_{number}": unit, f"lost_{number}": 100 - step.percent}
    return shown
