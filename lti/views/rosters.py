"""Bringing a class together with its platform's list of people: read, looked at, taken over."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from classes.context import CourseRequest, course_view
from classes.models import Role
from environments.errors import EnvironmentsError
from lti.models import Context
from lti.rosters import syncing
from lti.rosters.plan import Line, Outcome, Plan

PAGE_SIZE = 100


@course_view(Role.TEACHER)
@require_POST
def roster_read(request: CourseRequest, context_id: UUID) -> HttpResponse:
    """Ask the platform; what it says is shown before it is done, unless there is nothing to do."""
    context, now = _context(request, context_id), timezone.now()
    try:
        plan = syncing.look(context, now=now)
        if plan.changes or plan.is_held:
            return redirect("lti:roster-preview", request.course.slug, context.pk)
        syncing.take_over(context, seen=plan.fingerprint, by=request.user, now=now)
    except EnvironmentsError as error:
        _tell(request, error)
    else:
        words = _("The class is as the list of “%(platform)s” says: there was nothing to change.")
        messages.success(request, words % {"platform": context.deployment.platform.name})
    return _people(request)


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def roster_preview(request: CourseRequest, context_id: UUID) -> HttpResponse:
    """What the list that was read would do; POST does exactly that."""
    context, now = _context(request, context_id), timezone.now()
    refusal = None
    if request.method == "POST":
        seen, is_confirmed = request.POST.get("seen", ""), bool(request.POST.get("confirmed"))
        try:
            plan = syncing.take_over(context, seen=seen, is_confirmed=is_confirmed, by=request.user, now=now)
        except EnvironmentsError as error:
            refusal = error
        else:
            messages.success(request, _summary(plan))
            return _people(request)
    try:
        plan = syncing.waiting_plan(context, now=now)
    except EnvironmentsError as error:
        _tell(request, error)
        return _people(request)
    return _preview(request, context, plan, refusal=refusal)


def _context(request: CourseRequest, context_id: UUID) -> Context:
    known = Context.objects.filter(course=request.course).select_related("deployment__platform", "course", "roster")
    return get_object_or_404(known, pk=context_id)


def _preview(
    request: CourseRequest, context: Context, plan: Plan, *, refusal: EnvironmentsError | None
) -> HttpResponse:
    show = request.GET.get("show", "")
    shown = [line for line in plan.lines if line.outcome == (show or line.outcome) and _is_news(line, show)]
    facts = {
        "course": request.course,
        "standing": request.standing,
        "context": context,
        "platform": context.deployment.platform,
        "plan": plan,
        "page": Paginator(shown, PAGE_SIZE).get_page(request.GET.get("page")),
        "show": show,
        "counts": [(outcome, plan.counts[outcome]) for outcome in Outcome if plan.counts[outcome]],
        "news": sum(plan.counts[outcome] for outcome in Outcome if outcome != Outcome.STAYS),
        "doing": len(plan.changes),
        "new_staff": [line for line in plan.changes if _gets_more(line)],
        "refusal": refusal.explain() if refusal else None,
    }
    return render(request, "lti/roster_preview.html", facts, status=refusal.status if refusal else 200)


def _is_news(line: Line, show: str) -> bool:
    """Whether it is shown where nobody has asked for a kind: all but those who are as they were."""
    return bool(show) or line.outcome != Outcome.STAYS


def _gets_more(line: Line) -> bool:
    """Whether somebody would see everybody's work who does not now: worth a second look."""
    return line.outcome != Outcome.GOES and line.role in (Role.TEACHER, Role.GRADER) and line.role != line.was_role


def _summary(plan: Plan) -> str:
    """What was done, in up to three sentences."""
    came = plan.counts[Outcome.COMES] + plan.counts[Outcome.RETURNS]
    said = [
        (came, ngettext("%(count)d person came into the class.", "%(count)d people came into the class.", came)),
        (
            plan.counts[Outcome.RISES],
            ngettext("%(count)d got another role.", "%(count)d got another role.", plan.counts[Outcome.RISES]),
        ),
        (
            plan.goes,
            ngettext(
                "%(count)d has left the class. What they did there is kept.",
                "%(count)d have left the class. What they did there is kept.",
                plan.goes,
            ),
        ),
    ]
    return " ".join(words % {"count": count} for count, words in said if count)


def _tell(request: CourseRequest, error: EnvironmentsError) -> None:
    """What is written down is on the page of people anyway."""
    if not syncing.is_kept(error):
        words = error.explain()
        messages.error(request, f"{words.sentence} {words.next_step}")


def _people(request: CourseRequest) -> HttpResponse:
    return redirect("classes:people", request.course.slug)
