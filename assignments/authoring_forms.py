"""What teachers fill in for an assignment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from assignments.arranging import version_of
from assignments.deadlines import (
    MAX_MINUTES,
    MAX_TIME_PERCENT,
    Allowance,
    Dates,
    LateRule,
    Schedule,
    dates_for,
    most_attempts,
)
from assignments.errors import AssignmentError
from assignments.late_forms import LateForm
from assignments.late_words import words_of
from assignments.models import Assignment, Extension
from assignments.models.assignment import MAX_TITLE
from assignments.releasing.authoring import LIMITS
from classes.edit_forms import EditForm, MomentField, to_the_minute
from classes.models import Membership, Role
from environments.errors import EnvironmentsError


class AssignmentAddForm(forms.Form):
    """A new assignment: its title is enough."""

    title = forms.CharField(
        label=_("Title"), help_text=_("As students know it, for example “Week 3: loops”."), max_length=MAX_TITLE
    )

    def add_refusal(self, error: EnvironmentsError) -> None:
        """Say why it was not made."""
        self.add_error(None, " ".join(error.explain().lines))


class _Files(forms.FileField):
    """Any number of files."""

    widget = type("FilesInput", (forms.FileInput,), {"allow_multiple_selected": True})

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[bytes]]:
        if not data:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        return [super(_Files, self).clean(one, initial) for one in data]


class UploadForm(forms.Form):
    """Notebooks from a teacher's computer."""

    sent = _Files(
        label=_("Notebooks, and data beside them"),
        help_text=_("With solutions and tests, as you wrote them for nbgrader. Or one .zip file of their folder."),
        error_messages={"required": _("Choose the notebooks first.")},
        widget=_Files.widget(attrs={"multiple": True}),
    )

    def clean_sent(self) -> list[UploadedFile[bytes]]:
        """No more than is taken."""
        files: list[UploadedFile[bytes]] = self.cleaned_data["sent"]
        if sum(file.size or 0 for file in files) > LIMITS.max_bytes:
            error = AssignmentError("files_too_large", megabytes=LIMITS.max_bytes // 1_000_000)
            raise forms.ValidationError(error.explain().lines)
        return files

    @property
    def uploads(self) -> list[tuple[str, bytes]]:
        """What was sent, by name."""
        return [(file.name or "", file.read()) for file in self.cleaned_data["sent"]]


class FolderForm(forms.Form):
    """A folder of the class's files."""

    folder = forms.ChoiceField(label=_("Folder"))

    def __init__(self, *args: Any, folders: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(folder, gettext("the top") if folder == "." else folder) for folder in folders]
        self.fields["folder"].choices = choices  # type: ignore[attr-defined]


class ReleaseForm(forms.Form):
    """Giving out what was checked."""

    note = forms.CharField(
        label=_("What has changed"),
        help_text=_("Students read it when they are offered the corrected version."),
        max_length=500,
        required=False,
    )
    is_knowing = forms.BooleanField(label=_("Release it although the check found errors"), required=False)


class SettingsForm(EditForm, forms.ModelForm):  # type: ignore[type-arg]
    """What can be set of an assignment. `changes` is what was filled in, `late_form` the part about lateness."""

    attempts = forms.IntegerField(
        label=_("Submissions at most"),
        help_text=_("Left empty, as often as they like."),
        min_value=1,
        max_value=1000,
        required=False,
    )
    cell_seconds = forms.IntegerField(label=_("Seconds for one cell"), min_value=1, max_value=600)
    total_seconds = forms.IntegerField(label=_("Seconds for everything"), min_value=1, max_value=840)
    memory_mb = forms.IntegerField(label=_("Memory, in MB"), min_value=128, max_value=65_536)

    class Meta:
        model = Assignment
        fields = (
            "title",
            "summary",
            "lesson",
            "opens_at",
            "due_at",
            "closes_at",
            "attempts",
            "counts",
            "is_submitted_at_deadline",
            "is_graded_on_submit",
            "is_anonymous",
            "hidden_tests",
            "hidden_tests_from",
            "cell_seconds",
            "total_seconds",
            "memory_mb",
        )
        widgets = {
            "summary": forms.Textarea(attrs={"rows": 4}),
        }
        field_classes = dict.fromkeys(("opens_at", "due_at", "closes_at", "hidden_tests_from"), MomentField)
        help_texts = {
            "summary": _("Some sentences for students."),
            "opens_at": _("Left empty, as soon as it is released."),
            "closes_at": _("The cut-off. Left empty, late work is taken however late."),
            "is_submitted_at_deadline": _(
                "Whoever has changed something in their copy and not submitted it: it is taken as it is saved then."
            ),
            "hidden_tests_from": _("Only where “Everything, from a date on” is chosen."),
        }

    def __init__(self, data: Any = None, *, instance: Assignment) -> None:
        self._late = LateRule.from_json(instance.late)
        super().__init__(data, instance=instance, initial={"seen": version_of(instance)})
        self.late_form = LateForm(data, rule=self._late)
        self.fields["lesson"].queryset = instance.course.lessons.all()  # type: ignore[attr-defined]
        self.fields["lesson"].empty_label = gettext("no lesson")  # type: ignore[attr-defined]
        zone = {"zone": timezone.get_current_timezone_name()}
        self.fields["due_at"].help_text = gettext("In your time zone, %(zone)s.") % zone

    def is_valid(self) -> bool:
        """Whether all of it is."""
        return super().is_valid() & self.late_form.is_valid()

    def clean(self) -> dict[str, Any]:
        """Dates in their order, and limits that leave something."""
        data = super().clean() or {}
        try:
            Schedule(data.get("opens_at"), data.get("due_at"), data.get("closes_at"))
        except AssignmentError as error:
            self.add_error("due_at", error.explain().lines)
        if data.get("hidden_tests") == "later" and not data.get("hidden_tests_from"):
            self.add_error("hidden_tests_from", gettext("Say from when, or choose another answer."))
        if (data.get("cell_seconds") or 0) > (data.get("total_seconds") or 0) > 0:
            self.add_error("cell_seconds", gettext("One cell cannot have more time than everything together."))
        return data

    @property
    def changes(self) -> dict[str, Any]:
        """What was filled in."""
        filled = {name: value for name, value in self.cleaned_data.items() if name != "seen"}
        return filled | {"late": self.late_form.rule.as_json()}

    def add_refusal_of(self, error: EnvironmentsError, *, saved: Assignment) -> None:
        """Say why it was not saved; and where somebody else was quicker, what they have saved."""
        if error.code == "changed_meanwhile":
            self._add_what_is_saved_of(saved)
        self.add_error(None, " ".join(error.explain().lines))

    def _add_what_is_saved_of(self, saved: Assignment) -> None:
        values = {name: getattr(saved, name) for name in self.cleaned_data if name != "seen"}
        moments = {name: to_the_minute(value) for name, value in values.items() if isinstance(value, datetime)}
        self.add_what_is_saved(values | moments, seen=version_of(saved))
        rule = LateRule.from_json(saved.late)
        if rule != self.late_form.rule:
            words = " ".join(words_of(rule))
            self.late_form.add_error("way", gettext("Saved now: %(value)s") % {"value": words})

    def _words(self, name: str, value: Any) -> str:
        if isinstance(value, bool):
            return gettext("yes") if value else gettext("no")
        return str(value) if isinstance(value, int) else super()._words(name, value)


class ExtensionForm(forms.Form):
    """What one student gets beyond the others. `allowance` is what was filled in."""

    student = forms.ModelChoiceField(label=_("Student"), queryset=Membership.objects.none())
    extra_minutes = forms.IntegerField(
        label=_("Minutes more"),
        help_text=_("60 are an hour, 1440 a day."),
        min_value=0,
        max_value=MAX_MINUTES,
        required=False,
    )
    until = MomentField(label=_("Due no earlier than"), required=False)
    time_percent = forms.IntegerField(
        label=_("Time, in percent"),
        help_text=_("150 is half as much time again, from when students see it until it is due."),
        min_value=100,
        max_value=MAX_TIME_PERCENT,
        required=False,
    )
    extra_attempts = forms.IntegerField(label=_("Further submissions"), min_value=0, max_value=1000, required=False)
    note = forms.CharField(label=_("Why"), help_text=_("Students do not see it."), max_length=500, required=False)

    allowance: Allowance

    def __init__(self, *args: Any, assignment: Assignment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._schedule = assignment.schedule
        zone = {"zone": timezone.get_current_timezone_name()}
        self.fields["until"].help_text = gettext("In your time zone, %(zone)s.") % zone
        students = assignment.course.memberships.present().filter(role=Role.STUDENT).select_related("person")
        field = self.fields["student"]
        field.queryset = students.order_by("person__display_name", "person__username")  # type: ignore[attr-defined]
        field.label_from_instance = lambda student: str(student.person)  # type: ignore[attr-defined]
        field.empty_label = gettext("Choose somebody")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Something has to be given."""
        data = super().clean() or {}
        try:
            self.allowance = Allowance(
                data.get("extra_minutes") or 0,
                data.get("until"),
                data.get("time_percent") or 100,
                data.get("extra_attempts") or 0,
            )
        except AssignmentError as error:
            raise forms.ValidationError(error.explain().lines) from error
        if not self.errors and self.allowance == Allowance():
            raise forms.ValidationError(gettext("Say what they get: more minutes, a later date, or more attempts."))
        if not self.errors:
            self._check_it_helps()
        return data

    def _check_it_helps(self) -> None:
        """What would change nothing is an oversight, of this form or of the settings."""
        schedule, given = self._schedule, self.allowance
        end = schedule.due_at or schedule.closes_at
        if given.time_percent > 100 and not (schedule.opens_at and end):
            words = gettext("A share of the time needs dates from when and until when, in the settings.")
            self.add_error("time_percent", words)
        if given.until is not None and end is not None and given.until <= end:
            self.add_error("until", gettext("It is due no earlier than this for everybody."))
        if given.extra_attempts and schedule.attempts is None:
            self.add_error("extra_attempts", gettext("Everybody may submit as often as they like."))


@dataclass(frozen=True, slots=True)
class Given:
    """What one student was given, and what their dates are by it."""

    extension: Extension
    dates: Dates
    attempts: int | None
    """How often they may submit; None for as often as they like."""


def extension_rows(assignment: Assignment) -> list[Given]:
    """What was given so far, by name."""
    rows = assignment.extensions.select_related("membership__person", "given_by")
    schedule = assignment.schedule
    return [
        Given(row, dates_for(schedule, row.allowance), most_attempts(schedule, row.allowance))
        for row in rows.order_by("membership__person__display_name", "membership__person__username")
    ]


def initial_of_extension(extension: Extension) -> dict[str, Any]:
    """How the form shows what was given, to be changed."""
    return {
        "student": extension.membership_id,
        "extra_minutes": extension.extra_minutes or None,
        "until": extension.until,
        "time_percent": extension.time_percent if extension.time_percent != 100 else None,
        "extra_attempts": extension.extra_attempts or None,
        "note": extension.note,
    }
