"""The way from grading into a submission that runs."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from assignments.context import AssignmentRequest, assignment_view
from assignments.grading.live_opening import open_live, path_in_server
from assignments.policies import can_grade
from classes.models import Role
from environments.errors import EnvironmentsError
from environments.models import NotebookServer
from environments.references import urlpath_to
from environments.views.links import to_server


@assignment_view(Role.TEACHER, Role.GRADER)
@require_POST
def submission_open_live(request: AssignmentRequest, submission_id: UUID) -> HttpResponse:
    """Into a server that has this submission and nothing of the grader's, at the notebook that they were looking at."""
    if not can_grade(request.standing):
        raise PermissionDenied
    rows = request.assignment.submissions.select_related(
        "release__version__environment__owner", "autograding__release__version__environment__owner"
    )
    submission = get_object_or_404(rows, pk=submission_id)
    submission.assignment = request.assignment
    try:
        opened = open_live(submission, by=request.user, now=timezone.now())
    except EnvironmentsError as error:
        words = error.explain()
        messages.error(request, f"{words.sentence} {words.next_step}")
        return redirect("assignments:cell-marking", request.course.slug, request.assignment.name, submission.pk)
    if opened.closed:
        messages.info(request, _closed(opened.closed))
    release = request.assignment.release
    known = release.source.notebooks if release is not None else []
    notebook = request.POST.get("notebook", "")
    return to_server(opened.server, urlpath_to(path_in_server(submission, notebook if notebook in known else "")))


def _closed(servers: Sequence[NotebookServer]) -> str:
    words = ngettext(
        "To make room, %(names)s was closed: of the submissions that you had open, you opened it longest ago.",
        "To make room, %(names)s were closed: of the submissions that you had open, you opened these longest ago.",
        len(servers),
    )
    return words % {"names": ", ".join(server.name for server in servers)}
