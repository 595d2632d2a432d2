"""Who is in a class: the list for those who teach it, each member, its sections; and going oneself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classes.context import AS_STUDENT, CourseRequest, course_view
from classes.errors import CourseError
from classes.extensions import Section, people_extensions
from classes.invitations import address_of
from classes.members import remove
from classes.models import Membership, Role
from classes.people import (
    Order,
    add_by_name,
    bring_back,
    change_member,
    check_unchanged,
    find_expected,
    find_members,
    state_of,
)
from classes.people_forms import AddForm, MemberForm, PeopleFilter
from classes.views.pages import posted, render_page

UNPROCESSABLE = 422
PAGE_SIZE = 50


@course_view(Role.TEACHER, Role.GRADER)
@require_safe
def people(request: CourseRequest) -> HttpResponse:
    """Everybody in the class, expected, or gone: searched, narrowed, sorted, page by page."""
    course, sections = request.course, list(request.course.sections.all())
    form = PeopleFilter(request.GET, sections=sections)
    show = form.asked("show", form.PRESENT)
    narrowing = {"text": form.asked("q"), "role": form.asked("role"), "section": form.asked("section")}
    if show == form.EXPECTED:
        rows: Any = find_expected(course, **narrowing)
    else:
        order = Order(form.asked("sort", Order.NAME))
        rows = find_members(course, **narrowing, order=order, has_left=show == form.LEFT)
    context = {
        "form": form,
        "show": show,
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "sections": sections,
        "counts": _counts(request),
        "added": _added(request),
        "is_narrowed": any(narrowing.values()),
        **narrowing,
        "order": form.asked("sort", Order.NAME),
    }
    return render_page(request, "people", context)


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def person_add(request: CourseRequest) -> HttpResponse:
    """Let somebody in by name. A stranger to this Carrel gets in by a link: the page says so."""
    form = AddForm(posted(request), course=request.course)
    if request.method == "POST" and form.is_valid():
        try:
            who = form.cleaned_data["who"]
            added = add_by_name(request.course, who, **form.place, by=request.user, now=timezone.now())
        except CourseError as error:
            form.add_refusal(error)
        else:
            messages.success(request, _("%(name)s is in the class now.") % {"name": _called(added)})
            return redirect("classes:people", request.course.slug)
    link = request.course.invitations.open(timezone.now()).filter(role=Role.STUDENT, section=None).first()
    context = {"form": form, "address": address_of(link) if link else ""}
    return render_page(request, "person_add", context, status=UNPROCESSABLE if form.errors else 200)


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def person(request: CourseRequest, member_id: UUID) -> HttpResponse:
    """What one member is, to be changed."""
    member = _member(request, member_id)
    initial = {"role": member.role, "section": member.section, "seen": state_of(member)}
    if request.method != "POST":
        return _person_page(request, member, MemberForm(course=request.course, initial=initial))
    form = MemberForm(request.POST, course=request.course, initial=initial)
    if not form.is_valid():
        return _person_page(request, member, form, status=UNPROCESSABLE)
    try:
        change_member(member, **form.place, seen=form.cleaned_data["seen"], now=timezone.now())
    except CourseError as error:
        fresh = MemberForm(course=request.course, initial=initial)
        return _person_page(request, member, fresh, refusal=error.explain(), status=error.status)
    messages.success(request, _("Saved."))
    return redirect("classes:people", request.course.slug) if member.person != request.user else _home(request)


@course_view(Role.TEACHER)
@require_http_methods(["GET", "HEAD", "POST"])
def person_remove(request: CourseRequest, member_id: UUID) -> HttpResponse:
    """Ask, saying what stays; POST takes them out of the class."""
    member = _member(request, member_id)
    if request.method != "POST":
        return render_page(request, "person_remove", {"member": member, "seen": state_of(member)})
    try:
        check_unchanged(member, request.POST.get("seen", ""))
        remove(member, by=request.user, now=timezone.now())
    except CourseError as error:
        context = {"member": member, "seen": state_of(member), "refusal": error.explain()}
        return render_page(request, "person_remove", context, status=error.status)
    words = _("%(name)s is no longer in the class. What they did there is kept.")
    messages.success(request, words % {"name": _called(member)})
    return redirect("classes:people", request.course.slug) if member.person != request.user else _home(request)


@course_view(Role.TEACHER)
@require_POST
def person_return(request: CourseRequest, member_id: UUID) -> HttpResponse:
    """Bring somebody back who left or was removed."""
    member = _member(request, member_id)
    try:
        bring_back(member, now=timezone.now())
    except CourseError as error:
        _say(request, error)
    else:
        messages.success(request, _("%(name)s is back in the class, with their work.") % {"name": _called(member)})
    return redirect("classes:people", request.course.slug)


@course_view(Role.TEACHER)
@require_POST
def expected_forget(request: CourseRequest, expected_id: UUID) -> HttpResponse:
    """Wait for somebody no longer. Done already is done."""
    request.course.expected.filter(pk=expected_id).delete()
    messages.success(request, _("The class no longer waits for them."))
    return redirect("classes:people", request.course.slug)


@course_view()
@require_http_methods(["GET", "HEAD", "POST"])
def course_leave(request: CourseRequest) -> HttpResponse:
    """Ask, saying what stays; POST leaves the class."""
    member = request.standing.membership
    if member is None:  # Whoever runs this Carrel sees classes they are not in.
        return _home(request)
    if request.method != "POST":
        return render_page(request, "course_leave", {"member": member})
    try:
        remove(member, now=timezone.now())
    except CourseError as error:
        return render_page(request, "course_leave", {"member": member, "refusal": error.explain()}, status=error.status)
    messages.success(request, _("You have left “%(course)s”.") % {"course": request.course.title})
    return redirect("classes:course-list")


@course_view()
@require_POST
def as_student(request: CourseRequest) -> HttpResponse:
    """Look at the class as a student sees it, or no longer."""
    looking, course = set(request.session.get(AS_STUDENT, [])), str(request.course.pk)
    if request.POST.get("on") and (request.standing.is_staff or request.standing.is_as_student):
        looking.add(course)
    else:
        looking.discard(course)
    request.session[AS_STUDENT] = sorted(looking)
    return _home(request)


def _member(request: CourseRequest, member_id: UUID) -> Membership:
    members = request.course.memberships.select_related("person", "section", "course")
    return get_object_or_404(members, pk=member_id)


def _counts(request: CourseRequest) -> dict[str, int]:
    """How many there are of each kind, whatever the list is narrowed to."""
    members = request.course.memberships.all()
    return {
        PeopleFilter.PRESENT: members.present().count(),
        PeopleFilter.EXPECTED: request.course.expected.count(),
        PeopleFilter.LEFT: members.exclude(left_at=None).count(),
    }


def _added(request: CourseRequest) -> list[Section]:
    """What apps above this one have to say of the people of the class."""
    now = timezone.now()
    return [one for extension in people_extensions() for one in extension.sections(request.standing, now=now)]


def _person_page(
    request: CourseRequest, member: Membership, form: MemberForm, *, refusal: Any = None, status: int = 200
) -> HttpResponse:
    return render_page(request, "person", {"member": member, "form": form, "refusal": refusal}, status=status)


def _home(request: CourseRequest) -> HttpResponse:
    """Where everybody may go, whatever they have just made of themselves."""
    return redirect("classes:course-detail", request.course.slug)


def _say(request: CourseRequest, error: CourseError) -> None:
    words = error.explain()
    messages.error(request, f"{words.sentence} {words.next_step}")


def _called(member: Membership) -> str:
    """By both names, so that it is noticed when it is the wrong person."""
    full, username = member.person.get_full_name(), member.person.username
    return full if full == username else f"{full} ({username})"
