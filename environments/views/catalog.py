"""The catalog's pages: finding an environment, its own page, publishing, editing and forking it."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from environments import catalog, rebuilding
from environments.catalog_forms import EnvironmentForm, SearchForm, initial_of
from environments.consent import Proposal, note_use, read_agreement, trust_repository, was_used
from environments.errors import EnvironmentsError
from environments.git_credentials import resolve_for
from environments.launching import (
    check_same_kind,
    is_for_group_of,
    launch_environment,
    server_of,
    spec_of_environment,
    version_for,
)
from environments.models import Environment, NotebookServer, Outcome, Visibility
from environments.policies import can_change_environment
from environments.references import web_url_of
from environments.updating import would_change
from environments.values import LaunchSpec
from environments.views.links import again, comparison, question_about, to_server
from environments.views.requests import PageRequest
from environments.views.sharing import shared_link

CONFLICT, UNPROCESSABLE = 409, 422
PAGE_SIZE = 24
REFRESH_SECONDS = 5
"""How often an environment's page is drawn again while it is being prepared."""


@login_required
@require_safe
def environment_list(request: HttpRequest) -> HttpResponse:
    """The catalog: searched, narrowed to a tag, sorted, page by page."""
    user = cast("PageRequest", request).user
    form = SearchForm(request.GET)
    text, tag, order = form.asked("q"), form.asked("tag"), form.asked("sort", "used")
    pages = Paginator(catalog.find(user, text=text, tag=tag, order=order), PAGE_SIZE)
    context = {
        "page": pages.get_page(request.GET.get("page")),
        "text": text,
        "tag": tag,
        "order": order,
        "orders": {"used": _("Most used"), "newest": _("Newest"), "title": _("By title")},
        "tags": catalog.popular_tags(user),
        "is_narrowed": bool(text or tag),
    }
    return render(request, "environments/environment_list.html", context)


@login_required
@require_safe
def environment_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One environment; only the part about its state when htmx asks."""
    person = cast("PageRequest", request)
    environment = environment_or_404(person, slug)
    context = _state_of(person, environment)
    if person.htmx:
        return render(request, "environments/environment.html#state", context)
    return render(request, "environments/environment.html", context | _details_of(person, environment))


@login_required
@require_POST
def environment_launch(request: HttpRequest, slug: str) -> HttpResponse:
    """Launch it, after the person's word where nobody vouches for it."""
    person, now = cast("PageRequest", request), timezone.now()
    environment = environment_or_404(person, slug)
    spec = spec_of_environment(environment, person.user)
    try:
        if "proposal" in request.POST:
            return _launch_agreed(person, environment, spec)
        there = server_of(person.user, spec)
        if there is not None:
            return _meet(person, there, environment, spec)
        if catalog.needs_consent(person.user, environment, spec):
            return _ask(person, environment, spec)
        server = launch_environment(person.user, environment, now=now, spec=spec)
    except EnvironmentsError as error:
        return _refused(person, environment, error)
    return to_server(server, spec.urlpath)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def environment_publish(request: HttpRequest) -> HttpResponse:
    """Publish a repository, or what one of this person's servers is made from."""
    person = cast("PageRequest", request)
    server = _server_of(person, request.GET.get("server", ""))
    if request.method != "POST":
        return _form_page(person, EnvironmentForm(owner=person.user, initial=_initial(person, server)))
    form = EnvironmentForm(request.POST, owner=person.user)
    if form.is_valid():
        try:
            environment = catalog.publish(person.user, form.recipe, now=timezone.now(), server=server)
        except EnvironmentsError as error:
            form.add_launch_error(error)
        else:
            messages.success(request, _("“%(title)s” is in the catalog.") % {"title": environment.title})
            _warn_if_private(person, environment)
            return redirect(_address(environment))
    return _form_page(person, form, status=UNPROCESSABLE)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def environment_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Change what it is."""
    person = cast("PageRequest", request)
    environment = changeable_environment(person, slug)
    if request.method != "POST":
        initial = initial_of(catalog.recipe_of(environment))
        form = EnvironmentForm(owner=person.user, group=environment.group, initial=initial)
        return _form_page(person, form, environment)
    form = EnvironmentForm(request.POST, owner=person.user, group=environment.group)
    if form.is_valid():
        try:
            catalog.edit(environment, form.recipe, now=timezone.now())
        except Environment.DoesNotExist as gone:
            raise Http404 from gone
        except EnvironmentsError as error:
            form.add_launch_error(error)
        else:
            messages.success(request, _("Your changes are saved."))
            _warn_if_private(person, environment)
            return redirect(_address(environment))
    return _form_page(person, form, environment, status=UNPROCESSABLE)


@login_required
@require_POST
def environment_fork(request: HttpRequest, slug: str) -> HttpResponse:
    """Make a copy for this person, and let them change it."""
    person = cast("PageRequest", request)
    copy = catalog.fork(environment_or_404(person, slug), owner=person.user, now=timezone.now())
    messages.success(request, _("This copy is yours, and only you see it until you say otherwise."))
    return redirect("environments:environment-edit", copy.slug)


@login_required
@require_POST
def environment_rebuild(request: HttpRequest, slug: str) -> HttpResponse:
    """Look for the newest version now, and prepare it."""
    person = cast("PageRequest", request)
    environment = changeable_environment(person, slug)
    try:
        rebuilding.rebuild(environment, now=timezone.now())
    except EnvironmentsError as error:
        return _refused(person, environment, error)
    return redirect(_address(environment))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def environment_delete(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask first, saying what goes and what stays; POST takes it out of the catalog."""
    person = cast("PageRequest", request)
    environment = changeable_environment(person, slug)
    if request.method != "POST":
        return render(request, "environments/environment_delete.html", {"environment": environment})
    catalog.remove(environment, now=timezone.now())
    messages.success(request, _("“%(title)s” is no longer in the catalog.") % {"title": environment.title})
    return redirect("environments:environment-list")


def environment_or_404(request: PageRequest, slug: str) -> Environment:
    """The environment, if this person may open it."""
    visible = Environment.objects.visible_to(request.user)
    return get_object_or_404(visible.select_related("owner", "group", "build", "made_by", "forked_from"), slug=slug)


def changeable_environment(request: PageRequest, slug: str) -> Environment:
    """The environment, if this person may change it."""
    environment = environment_or_404(request, slug)
    if not can_change_environment(request.user, environment):
        raise PermissionDenied
    return environment


# --- Launching ---------------------------------------------------------------------------------------------


def _meet(request: PageRequest, there: NotebookServer, environment: Environment, spec: LaunchSpec) -> HttpResponse:
    """Lead to the server this person has, woken if it sleeps; or say in what it differs from what is offered."""
    check_same_kind(there, spec)
    if would_change(there, spec):
        return comparison(request, there, spec, status=CONFLICT)
    return to_server(launch_environment(request.user, environment, now=timezone.now(), spec=spec), spec.urlpath)


def _ask(request: PageRequest, environment: Environment, spec: LaunchSpec) -> HttpResponse:
    """The question a link from elsewhere asks too."""
    known = version_for(request.user, environment, spec)
    proposal = Proposal(spec, known or resolve_for(request.user, spec.reference, now=timezone.now()))
    context = question_about(request, proposal) | {
        "environment": environment,
        "agreed_url": reverse("environments:environment-launch", args=[environment.slug]),
    }
    return render(request, "environments/launch_consent.html", context)


def _launch_agreed(request: PageRequest, environment: Environment, spec: LaunchSpec) -> HttpResponse:
    """Launch exactly what was shown. If its owner has made it something else since, that is asked about anew."""
    now = timezone.now()
    agreement = read_agreement(request.POST["proposal"], user=request.user, now=now)
    proposal = agreement.proposal
    if proposal.spec != spec:
        return _ask(request, environment, spec)
    if was_used(agreement):
        return again(request, proposal)
    server = launch_environment(request.user, environment, now=now, spec=spec, resolved=proposal.resolved)
    note_use(agreement)
    if request.POST.get("trust"):
        trust_repository(request.user, spec.reference)
    return to_server(server, spec.urlpath)


def _refused(request: PageRequest, environment: Environment, error: EnvironmentsError) -> HttpResponse:
    """Back to its page, with the reason why nothing came of it."""
    words = error.explain()
    messages.error(request, f"{words.sentence} {words.next_step}")
    return redirect(_address(environment))


# --- What the pages show -----------------------------------------------------------------------------------


def _state_of(request: PageRequest, environment: Environment) -> dict[str, Any]:
    user = request.user
    is_own = environment.owner_id == user.pk
    return {
        "environment": environment,
        "is_own": is_own,
        "can_change": can_change_environment(user, environment),
        "is_asked": catalog.needs_consent(user, environment, spec_of_environment(environment, user)),
        "needs_token": environment.is_private and not is_own and not is_for_group_of(user, environment),
        "refresh_seconds": REFRESH_SECONDS if environment.outcome == Outcome.PREPARING else 0,
    }


def _details_of(request: PageRequest, environment: Environment) -> dict[str, Any]:
    original = environment.forked_from
    if original is not None and not Environment.objects.visible_to(request.user).filter(pk=original.pk).exists():
        original = None
    return {
        "web_url": web_url_of(environment.reference),
        "shared": shared_link(spec_of_environment(environment, request.user)),
        "page_url": f"{settings.PUBLIC_URL}{_address(environment)}",
        "original": original,
    }


def _address(environment: Environment) -> str:
    return reverse("environments:environment-detail", args=[environment.slug])


# --- Publishing --------------------------------------------------------------------------------------------


def _form_page(
    request: PageRequest, form: EnvironmentForm, environment: Environment | None = None, *, status: int = 200
) -> HttpResponse:
    context = {"form": form, "environment": environment}
    return render(request, "environments/environment_form.html", context, status=status)


def _initial(request: PageRequest, server: NotebookServer | None) -> dict[str, Any]:
    if server is not None:
        return initial_of(catalog.recipe_from(server))
    usual = {"visibility": Visibility.PRIVATE, "rebuild": Environment._meta.get_field("rebuild").default}
    return usual | {name: request.GET[name] for name in ("repository", "ref", "path") if name in request.GET}


def _server_of(request: PageRequest, server_id: str) -> NotebookServer | None:
    if not server_id:
        return None
    try:
        key = UUID(server_id)
    except ValueError as error:
        raise Http404 from error
    return get_object_or_404(NotebookServer.objects.filter(owner=request.user).present(), pk=key)


def _warn_if_private(request: PageRequest, environment: Environment) -> None:
    """Say what others can and cannot do with an environment of a private repository."""
    build = environment.build
    is_private = environment.is_private or (build is not None and build.is_private)
    if not is_private or environment.visibility == Visibility.PRIVATE:
        return
    if environment.visibility == Visibility.GROUP:
        words = _(
            "Its repository is private. Everybody in the class or group gets what is in it in their servers, but "
            "neither your token nor the log."
        )
    else:
        words = _(
            "Its repository is private. Others see its name here, but nothing of what is in it: to launch it they "
            "need a token of their own that may read it."
        )
    messages.warning(request, words)
