"""A teacher's work on an assignment: making it, bringing notebooks, reading the check, releasing, and its settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assignments import arranging
from assignments.authoring_forms import (
    AssignmentAddForm,
    ExtensionForm,
    FolderForm,
    ReleaseForm,
    SettingsForm,
    UploadForm,
    extension_rows,
    initial_of_extension,
)
from assignments.context import AssignmentRequest, assignment_view
from assignments.models import Assignment, CellKind, Extension, GateRun, Source
from assignments.releasing import authoring, gate, releases
from assignments.views.answers import back, facts_of
from classes.context import CourseRequest, course_view
from classes.models import Role
from environments.errors import EnvironmentsError

UNPROCESSABLE = 422
REFRESH_SECONDS = 2
FORM_METHODS = ["GET", "HEAD", "POST"]


@course_view(Role.TEACHER)
@require_http_methods(FORM_METHODS)
def assignment_add(request: CourseRequest) -> HttpResponse:
    """Make an assignment; what it is made of comes next."""
    form = AssignmentAddForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = UNPROCESSABLE
        if form.is_valid():
            try:
                made = authoring.add_assignment(request.course, title=form.cleaned_data["title"])
                return redirect("assignments:assignment-notebooks", request.course.slug, made.name)
            except EnvironmentsError as error:
                form.add_refusal(error)
                status = error.status
    context = {"course": request.course, "standing": request.standing, "here": "work", "form": form}
    return render(request, "assignments/add.html", context, status=status)


@assignment_view(Role.TEACHER)
@require_safe
def assignment_notebooks(request: AssignmentRequest) -> HttpResponse:
    """What it is made of, what the check says of that, and what was released; only the check when htmx asks."""
    if request.htmx:
        return render(request, "assignments/notebooks.html#check", _checked(request))
    return _notebooks_page(request, UploadForm(), ReleaseForm())


@assignment_view(Role.TEACHER)
@require_POST
def source_upload(request: AssignmentRequest) -> HttpResponse:
    """Take notebooks from the teacher's computer, and have them checked."""
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _notebooks_page(request, form, ReleaseForm(), status=UNPROCESSABLE)

    def bring() -> Source:
        return authoring.bring_uploaded(request.assignment, form.uploads, by=request.user, now=timezone.now())

    return _brought(request, bring)


@assignment_view(Role.TEACHER)
@require_POST
def source_take(request: AssignmentRequest) -> HttpResponse:
    """Take notebooks from the files of the class, and have them checked."""

    def bring() -> Source:
        folder = request.POST.get("folder", "")
        return authoring.bring_from_class(request.assignment, folder, by=request.user, now=timezone.now())

    return _brought(request, bring)


@assignment_view(Role.TEACHER)
@require_POST
def source_fetch(request: AssignmentRequest) -> HttpResponse:
    """Have the files of the class fetched, to take notebooks from them."""
    authoring.tree_of(request.course, now=timezone.now())
    return back(request, "assignment-notebooks")


@assignment_view(Role.TEACHER)
@require_POST
def source_check(request: AssignmentRequest) -> HttpResponse:
    """Have the newest notebooks checked once more."""
    source = request.assignment.sources.first()
    if source is not None:
        gate.ask_gate_run(source, by=request.user, now=timezone.now())
    return back(request, "assignment-notebooks")


@assignment_view(Role.TEACHER)
@require_POST
def release_add(request: AssignmentRequest) -> HttpResponse:
    """Give out what a check has made."""
    run = get_object_or_404(
        GateRun.objects.select_related("source"),
        pk=_uuid(request.POST.get("check", "")),
        source__assignment=request.assignment,
    )
    form = ReleaseForm(request.POST)
    if not form.is_valid():
        return _notebooks_page(request, UploadForm(), form, status=UNPROCESSABLE)
    try:
        made = releases.release(request.assignment, run, by=request.user, now=timezone.now(), **form.cleaned_data)
    except EnvironmentsError as error:
        return _refused(request, error, "assignment-notebooks")
    messages.success(request, _("Release %(number)s is given out.") % {"number": made.number})
    return back(request)


@assignment_view(Role.TEACHER)
@require_http_methods(FORM_METHODS)
def assignment_edit(request: AssignmentRequest) -> HttpResponse:
    """Its dates, rules and limits. What somebody else has saved meanwhile is shown, not lost."""
    if request.method != "POST":
        return _settings_page(request, SettingsForm(instance=request.assignment))
    form = SettingsForm(request.POST, instance=_as_saved(request))
    if not form.is_valid():
        return _settings_page(request, form, status=UNPROCESSABLE)
    try:
        arranging.edit_assignment(request.assignment, form.changes, seen=form.cleaned_data["seen"])
    except EnvironmentsError as error:
        form.add_refusal_of(error, saved=_as_saved(request))
        return _settings_page(request, form, status=error.status)
    messages.success(request, _("Your changes are saved."))
    return back(request)


@assignment_view(Role.TEACHER)
@require_http_methods(FORM_METHODS)
def extension_list(request: AssignmentRequest) -> HttpResponse:
    """Who has what beyond the others, and in the form what the one with the key `change` has; POST gives it."""
    if request.method != "POST":
        changed = _to_change(request)
        initial = initial_of_extension(changed) if changed is not None else None
        form = ExtensionForm(initial=initial, assignment=request.assignment)
        return _extensions_page(request, form, changed=changed)
    form = ExtensionForm(request.POST, assignment=request.assignment)
    if not form.is_valid():
        return _extensions_page(request, form, status=UNPROCESSABLE)
    student, note = form.cleaned_data["student"], form.cleaned_data["note"]
    try:
        arranging.give_extension(
            request.assignment, student, form.allowance, note=note, by=request.user, now=timezone.now()
        )
    except EnvironmentsError as error:
        return _refused(request, error, "extension-list")
    messages.success(request, _("Saved for %(student)s.") % {"student": student.person})
    return back(request, "extension-list")


@assignment_view(Role.TEACHER)
@require_POST
def extension_delete(request: AssignmentRequest, extension_id: UUID) -> HttpResponse:
    """Take it back."""
    try:
        arranging.take_extension(request.assignment, extension_id, now=timezone.now())
    except EnvironmentsError as error:
        return _refused(request, error, "extension-list")
    messages.success(request, _("Taken back: the dates are those of everybody again."))
    return back(request, "extension-list")


@assignment_view(Role.TEACHER)
@require_http_methods(FORM_METHODS)
def assignment_delete(request: AssignmentRequest) -> HttpResponse:
    """Ask first, saying what goes and what stays; POST takes it away."""
    if request.method != "POST":
        return render(request, "assignments/delete.html", facts_of(request))
    try:
        authoring.delete_assignment(request.assignment, now=timezone.now())
    except EnvironmentsError as error:
        return _refused(request, error)
    messages.success(request, _("“%(title)s” is deleted.") % {"title": request.assignment.title})
    return redirect("assignments:assignment-list", request.course.slug)


# --- Answers -----------------------------------------------------------------------------------------------


def _brought(request: AssignmentRequest, bring: Callable[[], Source]) -> HttpResponse:
    try:
        source = bring()
        gate.ask_gate_run(source, by=request.user, now=timezone.now())
    except EnvironmentsError as error:
        return _refused(request, error, "assignment-notebooks")
    return back(request, "assignment-notebooks")


def _refused(
    request: AssignmentRequest, error: EnvironmentsError, to: str = "assignment-detail"
) -> HttpResponseRedirect:
    messages.error(request, " ".join(error.explain().lines))
    return back(request, to)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _notebooks_page(
    request: AssignmentRequest, upload: UploadForm, release: ReleaseForm, *, status: int = 200
) -> HttpResponse:
    tree = authoring.known_tree_of(request.course) if request.standing.can_change else None
    folders = authoring.folders_of(tree) if tree is not None and tree.is_ready else []
    context = _checked(request) | {
        "upload_form": upload,
        "release_form": release,
        "folder_form": FolderForm(folders=folders) if folders else None,
        "tree": tree,
        "can_fetch": request.standing.can_change and authoring.has_files(request.course),
        "releases": request.assignment.releases.select_related("released_by", "source"),
    }
    return render(request, "assignments/notebooks.html", context, status=status)


def _checked(request: AssignmentRequest) -> dict[str, Any]:
    """The newest notebooks, and what the last check said of them."""
    source = request.assignment.sources.select_related("brought_by").first()
    run = source.gate_runs.first() if source is not None else None
    is_under_way = run is not None and run.state in (GateRun.State.WAITING, GateRun.State.RUNNING)
    findings = gate.findings_of(run) if run is not None else []
    current = request.assignment.release
    return facts_of(request) | {
        "source": source,
        "run": run,
        "findings": findings,
        "errors": sum(finding.is_error for finding in findings),
        "lacks_environment": any(finding.code == "grading_image_missing" for finding in findings),
        "cells": [cell | {"kind": CellKind(cell["kind"]).label} for cell in run.cells] if run is not None else [],
        "points": sum(cell["points"] for cell in run.cells) if run is not None else 0,
        "is_given_out": current is not None and run is not None and current.gate_run_id == run.pk,
        "release_form": ReleaseForm(),
        "refresh_seconds": REFRESH_SECONDS if is_under_way else None,
        "is_under_way": is_under_way,
        "was_checked_elsewhere": run is not None and releases.was_checked_elsewhere(request.assignment, run),
        "waits_for_environment": is_under_way and run is not None and gate.waits_for_environment(run),
    }


def _as_saved(request: AssignmentRequest) -> Assignment:
    """The same assignment, of which a form may change what it likes."""
    saved = Assignment.objects.select_related("lesson").get(pk=request.assignment.pk)
    saved.course = request.course
    return saved


def _settings_page(request: AssignmentRequest, form: SettingsForm, *, status: int = 200) -> HttpResponse:
    return render(request, "assignments/settings.html", facts_of(request) | {"form": form}, status=status)


def _to_change(request: AssignmentRequest) -> Extension | None:
    key = _uuid(request.GET.get("change", ""))
    extensions = request.assignment.extensions.filter(pk=key, membership__left_at=None) if key else None
    return None if extensions is None else extensions.select_related("membership__person").first()


def _extensions_page(
    request: AssignmentRequest, form: ExtensionForm, *, changed: Extension | None = None, status: int = 200
) -> HttpResponse:
    context = facts_of(request) | {"form": form, "changed": changed, "extensions": extension_rows(request.assignment)}
    return render(request, "assignments/extensions.html", context, status=status)
