"""Receipts: taken away as files, and checked when one is shown."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from assignments.context import AssignmentRequest, assignment_view
from assignments.errors import AssignmentError
from assignments.files import too_large
from assignments.policies import can_read_receipt
from assignments.submitting import receipts
from assignments.submitting.fetching import submission_limits
from assignments.submitting.receipts import Receipt
from assignments.submitting.submissions import receipt_of
from assignments.submitting.verifying import Verified, verify_for
from assignments.views.received import submission_or_404
from classes.context import CourseRequest, course_view
from environments.errors import EnvironmentsError

UNPROCESSABLE = 422


class ReceiptForm(forms.Form):
    """A receipt, as a file; what was submitted comes beside it."""

    receipt = forms.FileField(
        label=_("Receipt"),
        help_text=_("The file as it was downloaded, ending in .txt or .json."),
        allow_empty_file=True,
    )


@assignment_view()
@require_safe
@never_cache
def receipt_text(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """The receipt as people read it."""
    receipt = _receipt(request, submission_id)
    return _file(receipts.as_text(receipt), "text/plain; charset=utf-8", _name(request, receipt, "txt"))


@assignment_view()
@require_safe
@never_cache
def receipt_json(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """The receipt as programs read it."""
    receipt = _receipt(request, submission_id)
    return _file(receipts.as_json(receipt), "application/json", _name(request, receipt, "json"))


@course_view()
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def receipt_check(request: CourseRequest) -> HttpResponse:
    """Whether a receipt is genuine, and whether files are those it is for."""
    facts: dict[str, Any] = {"course": request.course, "standing": request.standing, "here": "work"}
    if request.method != "POST":
        return render(request, "assignments/receipt_check.html", facts | {"form": ReceiptForm()})
    form = ReceiptForm(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, "assignments/receipt_check.html", facts | {"form": form}, status=UNPROCESSABLE)
    facts["form"] = ReceiptForm()
    try:
        facts["verified"] = _verified(request, form)
    except EnvironmentsError as error:
        facts["reason"] = error.explain()
        return render(request, "assignments/receipt_check.html", facts, status=error.status)
    return render(request, "assignments/receipt_check.html", facts)


def _verified(request: CourseRequest, form: ReceiptForm) -> Verified:
    raw, shown, limits = form.cleaned_data["receipt"], request.FILES.getlist("files"), submission_limits()
    if raw.size > receipts.MAX_BYTES:
        raise AssignmentError("receipt_invalid")
    if sum(file.size or 0 for file in shown) > 2 * limits.max_bytes:  # An archive of it is a little larger.
        raise too_large(limits)
    return verify_for(request.standing, raw.read(), [(str(file.name), file.read()) for file in shown])


def _receipt(request: AssignmentRequest, submission_id: UUID) -> Receipt:
    submission = submission_or_404(request, submission_id)
    if not can_read_receipt(request.standing, submission):
        raise Http404
    return receipts.receipt_kept(submission.receipt, otherwise=lambda: receipt_of(submission))


def _name(request: AssignmentRequest, receipt: Receipt, ending: str) -> str:
    return f"receipt-{request.assignment.name}-{receipt.attempt}.{ending}"


def _file(content: str, content_type: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=content_type, headers=headers)
