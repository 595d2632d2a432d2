"""Lists of people as files: read, looked at, imported; and the class's own, to take away."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from classes.context import CourseRequest, course_view
from classes.errors import CourseError
from classes.models import Role, RosterDraft
from classes.people import roster_csv, roster_template
from classes.people_forms import RosterForm
from classes.roster_files import MAX_BYTES, RosterLine, read_roster
from classes.rosters import Outcome, PlannedLine, fingerprint, import_roster, keep_draft, lines_of, plan_roster
from classes.views.pages import posted, render_page

UNPROCESSABLE = 422
PAGE_SIZE = 100


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def roster_import(request: CourseRequest) -> HttpResponse:
    """Read a list; nothing is imported yet."""
    form = RosterForm(posted(request), request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            lines = _read(form.cleaned_data["file"])
            draft = keep_draft(request.course, lines, by=request.user, now=timezone.now())
        except CourseError as error:
            form.add_error("file", error.explain().lines)
        else:
            return redirect("classes:roster-preview", request.course.slug, draft.pk)
    return render_page(request, "roster_import", {"form": form}, status=UNPROCESSABLE if form.errors else 200)


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def roster_preview(request: CourseRequest, draft_id: UUID) -> HttpResponse:
    """What each line would do; POST does exactly that."""
    drafts = RosterDraft.objects.filter(course=request.course, made_by=request.user)
    draft = get_object_or_404(drafts, pk=draft_id)
    if draft.imported_at is not None:
        messages.info(request, _("That list is imported already, so nothing was done again."))
        return redirect("classes:people", request.course.slug)
    try:
        if request.method == "POST":
            done = import_roster(draft, seen=request.POST.get("seen", ""), now=timezone.now())
            messages.success(request, _summary(done))
            return redirect("classes:people", request.course.slug)
        lines = lines_of(draft, now=timezone.now())
    except CourseError as error:
        return _refused(request, draft, error)
    return _preview(request, plan_roster(request.course, lines))


@course_view(Role.TEACHER)
@require_safe
def roster_export(request: CourseRequest) -> HttpResponse:
    """Everybody in the class, and everybody expected."""
    return _file(roster_csv(request.course), f"{request.course.slug}.csv")


@course_view(Role.TEACHER)
@require_safe
def roster_file_template(request: CourseRequest) -> HttpResponse:
    """A file to fill in."""
    return _file(roster_template(), "people.csv")


def _read(file: UploadedFile[bytes]) -> list[RosterLine]:
    if (file.size or 0) > MAX_BYTES:
        raise CourseError("roster_too_large", most=MAX_BYTES // 1024)
    return read_roster(file.read())


def _refused(request: CourseRequest, draft: RosterDraft, error: CourseError) -> HttpResponse:
    """Where the list is still there it is shown again, with what is in its way."""
    if error.code == "roster_expired":
        form = RosterForm()
        return render_page(request, "roster_import", {"form": form, "refusal": error.explain()}, status=error.status)
    plan = plan_roster(request.course, lines_of(draft, now=timezone.now()))
    return _preview(request, plan, refusal=error)


def _preview(request: CourseRequest, plan: list[PlannedLine], *, refusal: CourseError | None = None) -> HttpResponse:
    counts = Counter(line.outcome for line in plan)
    show = request.GET.get("show", "")
    shown = [line for line in plan if line.outcome == show] if show in Outcome.values else plan
    context = {
        "page": Paginator(shown, PAGE_SIZE).get_page(request.GET.get("page")),
        "show": show,
        "total": len(plan),
        "counts": [(outcome, counts[outcome]) for outcome in Outcome if counts[outcome]],
        "faulty": counts[Outcome.FAULTY],
        "doing": sum(counts[each] for each in Outcome if each not in (Outcome.STAYS, Outcome.FAULTY)),
        "new_staff": [line for line in plan if _gets_more(line)],
        "seen": fingerprint(plan),
        "refusal": refusal.explain() if refusal else None,
    }
    return render_page(request, "roster_preview", context, status=refusal.status if refusal else 200)


def _gets_more(line: PlannedLine) -> bool:
    """Whether somebody would see everybody's work who does not now: worth a second look."""
    is_staff = line.role in (Role.TEACHER, Role.GRADER)
    return is_staff and line.outcome not in (Outcome.STAYS, Outcome.FAULTY) and line.role != line.was_role


def _summary(done: Counter[Outcome]) -> str:
    """What an import did, in one sentence or two."""
    if not done:
        return _("That list is imported already, so nothing was done again.")
    came = done[Outcome.JOINS] + done[Outcome.RETURNS]
    sentences = [
        ngettext("%(count)d person came into the class.", "%(count)d people came into the class.", came)
        % {"count": came},
    ]
    if expected := done[Outcome.EXPECTED]:
        words = ngettext("%(count)d more is expected.", "%(count)d more are expected.", expected)
        sentences.append(words % {"count": expected})
    if changed := done[Outcome.CHANGES]:
        words = ngettext("%(count)d was changed.", "%(count)d were changed.", changed)
        sentences.append(words % {"count": changed})
    return " ".join(sentences)


def _file(text: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)
