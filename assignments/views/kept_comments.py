"""The comments that are kept for all graders of a class: what there is, and putting right or removing one."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from assignments.context import AssignmentRequest, assignment_view
from assignments.errors import AssignmentError
from assignments.grading import rubrics
from assignments.grading.points import CellKey
from assignments.models import SavedComment
from assignments.policies import can_change_kept, can_grade
from assignments.views.answers import say
from assignments.views.at_answer import GRADERS, facts, query_of, submission_at, uuid_in, walk_in

ON_A_PAGE = 50


@assignment_view(*GRADERS)
@require_http_methods(["GET", "HEAD", "POST"])
def kept_comments(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """All of them, those used most first, with a way back to the answer in the address; POST changes one."""
    submission = submission_at(request, submission_id)
    if request.method == "POST":
        if not can_grade(request.standing):
            raise PermissionDenied
        try:
            _change(request)
        except AssignmentError as error:
            say(request, error)
        return redirect(request.get_full_path())
    rows = SavedComment.objects.filter(course=request.course).select_related("kept_by")
    page = Paginator(rows.order_by("-uses", "kept_at", "pk"), ON_A_PAGE).get_page(request.GET.get("page"))
    for kept in page.object_list:
        kept.may_change = can_change_kept(request.standing, kept)  # type: ignore[attr-defined]
    key = CellKey(request.GET.get("notebook", ""), request.GET.get("cell", ""))
    return render(
        request,
        "assignments/kept_comments.html",
        facts(request)
        | {
            "submission": submission,
            "cell": key.grade_id,
            "here_query": query_of(key, walk_in(request.GET.get("by", ""))),
            "page": page,
        },
    )


def _change(request: AssignmentRequest) -> None:
    kept = get_object_or_404(SavedComment, course=request.course, pk=uuid_in(request.POST.get("kept", "")))
    if not can_change_kept(request.standing, kept):
        raise AssignmentError("comment_kept_by_another")
    if request.POST.get("do") == "remove":
        rubrics.remove_saved(kept)
        messages.success(request, _("The comment is not kept any more. Where it was given, it stays."))
    else:
        rubrics.change_saved(kept, text=request.POST.get("text", ""))
        messages.success(request, _("The kept comment is changed. Where it was given, it stays as it was."))
