"""Archives of a class: asked for, downloaded, removed."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from classes.context import CourseRequest, course_view
from classes.exporting import delete_export, file_of, request_export
from classes.keeping_forms import ExportForm
from classes.models import ArchiveState, Role
from classes.views.answers import pieces_of


@course_view(Role.TEACHER)
@require_POST
def course_export(request: CourseRequest) -> HttpResponse:
    """Have an archive made; its page says when it is there."""
    form = ExportForm(request.POST)
    form.is_valid()  # Three boxes, ticked or not.
    request_export(
        request.course,
        asked_by=request.user,
        with_files=form.cleaned_data["with_files"],
        with_work=form.cleaned_data["with_work"],
        with_hand_ins=form.cleaned_data["with_hand_ins"],
        now=timezone.now(),
    )
    messages.success(request, _("The archive is being made. It appears here when it is ready."))
    return redirect("classes:course-keeping", request.course.slug)


@course_view(Role.TEACHER)
@require_safe
def course_export_download(request: CourseRequest, export_id: UUID) -> StreamingHttpResponse:
    """The file."""
    export = get_object_or_404(request.course.exports, pk=export_id, state=ArchiveState.DONE)
    path = file_of(export)
    if not path.is_file():
        raise Http404
    headers = {
        "Content-Disposition": f'attachment; filename="{request.course.slug}.zip"',
        "Content-Length": str(path.stat().st_size),
        "Cache-Control": "no-store",
    }
    return StreamingHttpResponse(pieces_of(path), content_type="application/zip", headers=headers)


@course_view(Role.TEACHER)
@require_POST
def course_export_delete(request: CourseRequest, export_id: UUID) -> HttpResponse:
    """Remove one."""
    delete_export(get_object_or_404(request.course.exports, pk=export_id))
    return redirect("classes:course-keeping", request.course.slug)
