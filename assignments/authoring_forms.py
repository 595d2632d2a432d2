"""What teachers fill in for an assignment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from assignments.authoring import LIMITS
from assignments.deadlines import Allowance, LateRule, Schedule
from assignments.errors import AssignmentError
from assignments.models import Assignment, Extension
from assignments.models.assignment import MAX_TITLE
from classes.edit_forms import MomentInput
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
        help_text=_("For you and those who teach with you."),
        max_length=500,
        required=False,
    )
    is_knowing = forms.BooleanField(label=_("Release it although the check found errors"), required=False)


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """What can be set of an assignment. `changes` is what was filled in."""

    grace_minutes = forms.IntegerField(
        label=_("Minutes of grace"), help_text=_("So late is not late at all."), min_value=0, required=False
    )
    percent_per_day = forms.IntegerField(
        label=_("Percent lost for each day late"), min_value=0, max_value=100, required=False
    )
    keeps_percent = forms.IntegerField(label=_("Percent kept in any case"), min_value=0, max_value=100, required=False)
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
            "opens_at": MomentInput(),
            "due_at": MomentInput(),
            "closes_at": MomentInput(),
            "hidden_tests_from": MomentInput(),
        }
        help_texts = {
            "summary": _("Some sentences for students."),
            "opens_at": _("Left empty, as soon as it is released."),
            "closes_at": _("Left empty, late work is taken as well."),
            "attempts": _("Left empty, as often as they like."),
            "hidden_tests_from": _("Where that is chosen above."),
        }

    def __init__(self, data: Any = None, *, instance: Assignment) -> None:
        late = LateRule.from_json(instance.late)
        shown = {"grace_minutes": late.grace_minutes, "percent_per_day": late.percent_per_day}
        initial = shown | {"keeps_percent": late.keeps_percent}
        super().__init__(data, instance=instance, initial=initial)
        self._steps = late.steps
        self.fields["lesson"].queryset = instance.course.lessons.all()  # type: ignore[attr-defined]
        zone = {"zone": timezone.get_current_timezone_name()}
        self.fields["due_at"].help_text = gettext("In your time zone, %(zone)s.") % zone

    def clean(self) -> dict[str, Any]:
        """Dates in their order, and a rule that can be understood."""
        data = super().clean() or {}
        try:
            Schedule(data.get("opens_at"), data.get("due_at"), data.get("closes_at"))
            data["late"] = self._late(data)
        except AssignmentError as error:
            field = "percent_per_day" if error.code == "late_rule_invalid" else "due_at"
            self.add_error(field, error.explain().lines)
        if data.get("hidden_tests") == "later" and not data.get("hidden_tests_from"):
            self.add_error("hidden_tests_from", gettext("Say from when, or choose another answer."))
        return data

    def _late(self, data: dict[str, Any]) -> dict[str, Any]:
        """The rule; steps that something else has set stay as long as nothing is lost by the day."""
        per_day = data.get("percent_per_day") or 0
        rule = LateRule(
            grace_minutes=data.get("grace_minutes") or 0,
            steps=() if per_day else self._steps,
            percent_per_day=per_day,
            keeps_percent=data.get("keeps_percent") or 0,
        )
        return rule.as_json()

    @property
    def changes(self) -> dict[str, Any]:
        """What was filled in."""
        own = {"grace_minutes", "percent_per_day", "keeps_percent"}
        return {name: value for name, value in self.cleaned_data.items() if name not in own}

    def add_refusal(self, error: EnvironmentsError) -> None:
        """Say why it was not saved."""
        self.add_error(None, " ".join(error.explain().lines))


class ExtensionForm(forms.Form):
    """What one student gets beyond the others. `allowance` is what was filled in."""

    student = forms.ModelChoiceField(label=_("Student"), queryset=Membership.objects.none())
    extra_minutes = forms.IntegerField(label=_("Minutes more"), min_value=0, required=False)
    until = forms.DateTimeField(label=_("Due no earlier than"), required=False, widget=MomentInput())
    time_percent = forms.IntegerField(
        label=_("Time, in percent"),
        help_text=_("150 is half as much time again, from when it opens until it is due."),
        min_value=100,
        max_value=1000,
        required=False,
    )
    extra_attempts = forms.IntegerField(label=_("Further submissions"), min_value=0, max_value=1000, required=False)
    note = forms.CharField(label=_("Why"), help_text=_("Students do not see it."), max_length=500, required=False)

    allowance: Allowance

    def __init__(self, *args: Any, assignment: Assignment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        students = assignment.course.memberships.present().filter(role=Role.STUDENT).select_related("person")
        field = self.fields["student"]
        field.queryset = students.order_by("person__display_name", "person__username")  # type: ignore[attr-defined]
        field.label_from_instance = lambda student: str(student.person)  # type: ignore[attr-defined]

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
        return data


def extension_rows(assignment: Assignment) -> list[Extension]:
    """What was given so far, by name."""
    rows = assignment.extensions.select_related("membership__person", "given_by")
    return list(rows.order_by("membership__person__display_name", "membership__person__username"))
