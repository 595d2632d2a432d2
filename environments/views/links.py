"""Launch links: from the address somebody followed to their server, after their word where it is needed.

Following a link changes nothing by itself, unless it leads to a repository whose owner's word was given for good.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import cast
from urllib.parse import quote, urlencode

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from environments import references
from environments.collaborating import find_people
from environments.consent import (
    Proposal,
    gives_more,
    needs_consent,
    note_use,
    read_agreement,
    sign_proposal,
    trust_repository,
    was_used,
)
from environments.differences import differences, resources_of
from environments.errors import EnvironmentsError, UserError
from environments.forms import typed_for
from environments.git_credentials import resolve_for
from environments.launching import (
    bring_company,
    check_limits,
    check_same_kind,
    check_together,
    free_name,
    lacks_company,
    launch,
    name_of,
    server_of,
)
from environments.links import PREFIX, check_length, read_link, write_mount
from environments.models import NotebookServer
from environments.mounts import check_mounts, wishes_in
from environments.naming import check_server_name
from environments.updating import needs_start, target_of_launch, update_server, would_change
from environments.values import LaunchSpec, Reference
from environments.views.consequences import gifts_of, programs_of, risks_of
from environments.views.elsewhere import way_elsewhere
from environments.views.opening import BY_FORM
from environments.views.requests import PageRequest

UNPROCESSABLE = 422


@require_safe
@never_cache
def launch_link(request: HttpRequest, spec: str) -> HttpResponse:
    """Where the link leads: to sign in, to a server that is there, or to the question whether to launch.

    One for another hub leads to the question whether to go there, and to nothing else.
    """
    path, query = _path_as_typed(request, spec), request.META.get("QUERY_STRING", "")
    try:
        check_length(path, query)
        if not request.user.is_authenticated:
            return redirect_to_login(f"{PREFIX}{path}{'?' if query else ''}{query}")
        link = read_link(path, query)
        if link.hub:
            return way_elsewhere(request, link)
        return _follow(cast("PageRequest", request), link.spec)
    except EnvironmentsError as error:
        return refusal(request, error)


@login_required
@require_POST
@never_cache
def launch_agreed(request: HttpRequest) -> HttpResponse:
    """Launch what somebody has just agreed to: exactly what the page showed, and nothing the form adds."""
    person, now = cast("PageRequest", request), timezone.now()
    try:
        agreement = read_agreement(request.POST.get("proposal", ""), user=person.user, now=now)
        proposal = agreement.proposal
        if was_used(agreement):
            return again(person, proposal)
        # Two clicks at once both come here, and meet the same server.
        answer = _carry_out(person, proposal, now=now)
        note_use(agreement)
        if request.POST.get("trust"):
            trust_repository(person.user, proposal.spec.reference)
    except EnvironmentsError as error:
        return refusal(request, error)
    return answer


def to_server(server: NotebookServer, urlpath: str) -> HttpResponse:
    """Into a server that runs, else to its page, which opens it once it does.

    Servers have origins of their own, and browsers let no form end on another: so a page of ours lies between.
    """
    place = {"next": urlpath} if urlpath and urlpath != server.urlpath else {}
    if server.state == NotebookServer.State.RUNNING:
        return redirect(f"{reverse('environments:server-open', args=[server.pk])}?{urlencode({'by': BY_FORM} | place)}")
    address = reverse("environments:server-detail", args=[server.pk])
    return redirect(f"{address}?{urlencode({'launching': '1'} | place)}")


def refusal(request: HttpRequest, error: EnvironmentsError) -> HttpResponse:
    """The page that says why nothing was launched, and what to do.

    That a repository's host is at fault is not said by a status above 500: proxies in front put pages of their own
    in the place of those.
    """
    status = error.status if error.status < 500 else UNPROCESSABLE
    return render(request, "environments/launch_refused.html", {"reason": error.explain()}, status=status)


def _path_as_typed(request: HttpRequest, decoded: str) -> str:
    """What follows `/v2/` as it stands in the address: `%2F` is not the same as a slash there.

    Servers that know only the decoded path (Django's own test client) have it written anew.
    """
    raw: bytes | None = getattr(request, "scope", {}).get("raw_path")
    if raw is None:
        return quote(decoded, safe="/:@%")
    return raw.decode("ascii", errors="replace").partition(PREFIX)[2]


def _follow(request: PageRequest, spec: LaunchSpec) -> HttpResponse:
    check_together(spec)
    server = server_of(request.user, spec)
    if server is not None:
        check_same_kind(server, spec)
        if would_change(server, spec):
            return comparison(request, server, spec)
        if not lacks_company(server, spec):
            return _meet(server, spec)
    if not needs_consent(request.user, spec):
        return to_server(launch(request.user, spec, now=timezone.now()), spec.urlpath)
    if server is None:
        check_mounts(request.user, wishes_in(spec))
        check_limits(request.user, spec, now=timezone.now())
    find_people(spec.collaborators, asker=request.user)  # Who does not exist is better told of now than afterwards.
    proposal = Proposal(spec, resolve_for(request.user, spec.reference, now=timezone.now()))
    return render(request, "environments/launch_consent.html", question_about(request, proposal))


def _meet(server: NotebookServer, spec: LaunchSpec) -> HttpResponse:
    """Lead to a server that is there. One that sleeps is woken by its button and by nothing else."""
    if server.state == NotebookServer.State.RUNNING or server.is_on_the_way:
        return to_server(server, spec.urlpath)
    address = reverse("environments:server-detail", args=[server.pk])
    return redirect(f"{address}?{urlencode({'next': spec.urlpath})}" if spec.urlpath else address)


def comparison(request: PageRequest, server: NotebookServer, spec: LaunchSpec, *, status: int = 200) -> HttpResponse:
    """The page about a server that is there and is not what is asked for: what would change, and what else can be done.

    Nothing is changed before somebody answers it.
    """
    is_other = spec.reference != server.reference
    resolved = resolve_for(request.user, spec.reference, now=timezone.now()) if is_other else None
    target = target_of_launch(server, spec, resolved)
    proposal = Proposal(spec, target.resolved, str(server.pk))
    context = {
        "server": server,
        "is_other": is_other,
        "is_started_anew": server.state == NotebookServer.State.RUNNING and needs_start(server, target),
        "changes": differences(server.target, target),
        "free_name": free_name(request.user, server.name),
        "as_it_is": _meet(server, spec)["Location"],
        **question_about(request, proposal, is_known=not is_other and not gives_more(spec)),
    }
    return render(request, "environments/launch_changes.html", context, status=status)


def _carry_out(request: PageRequest, proposal: Proposal, *, now: datetime) -> HttpResponse:
    """Launch it, or make of a server that is there what was proposed."""
    if request.POST.get("choice") == "update" and proposal.server_id:
        return _update(request, proposal, now=now)
    spec = _chosen(request, proposal)
    # The version of a server that is there is not what somebody means who wants another one.
    resolved = None if proposal.server_id and spec.name != proposal.spec.name else proposal.resolved
    return to_server(launch(request.user, spec, resolved=resolved, now=now), spec.urlpath)


def _update(request: PageRequest, proposal: Proposal, *, now: datetime) -> HttpResponse:
    server = NotebookServer.objects.present().filter(owner=request.user, pk=proposal.server_id).first()
    if server is None:
        raise UserError("consent_used")
    with transaction.atomic():
        bring_company(server, proposal.spec, now=now)
        update_server(server, target_of_launch(server, proposal.spec, proposal.resolved), now=now)
    return redirect("environments:server-detail", server.pk)


def _chosen(request: PageRequest, proposal: Proposal) -> LaunchSpec:
    """What was proposed, under another name where the person gives one beside a server that has it."""
    if request.POST.get("choice") == "another" and proposal.server_id:
        return replace(proposal.spec, name=check_server_name(request.POST.get("name", "").strip()))
    return proposal.spec


def question_about(request: PageRequest, proposal: Proposal, *, is_known: bool = False) -> dict[str, object]:
    """What the page shows; what would run is not told of what the person knows already."""
    reference = proposal.spec.reference
    told = {} if is_known else _what_it_does(proposal)
    return told | {
        "spec": proposal.spec,
        "resources": resources_of(proposal.spec),
        "resolved": proposal.resolved,
        "title": references.title_of(reference),
        "web_url": references.web_url_of(reference),
        "server_name": name_of(proposal.spec),
        "edit_url": _edit_url(proposal.spec),
        "proposal": sign_proposal(proposal, user=request.user, now=timezone.now()),
    }


def _what_it_does(proposal: Proposal) -> dict[str, object]:
    return {
        "programs": programs_of(proposal.spec.reference, proposal.resolved),
        "gifts": gifts_of(proposal.spec),
        "risks": risks_of(proposal.spec),
    }


def _edit_url(spec: LaunchSpec) -> str:
    """The launch form, filled in with what the link says."""
    bare = Reference(spec.reference.provider, spec.reference.repository)
    fields = {
        "repository": references.path_of(bare),
        "ref": spec.reference.ref,
        "path": typed_for(spec.urlpath),
        "name": spec.name,
        "memory": spec.limits.memory_mb,
        "cpus": spec.limits.cpus,
        "idle": spec.idle_minutes,
        "lifetime": spec.lifetime_minutes,
        "mounts": [write_mount(mount) for mount in spec.mounts],
        "collaborators": ", ".join(spec.collaborators),
        "credentials": "1" if spec.with_credentials else "",
        "public": "1" if spec.is_public else "",
    }
    query = urlencode({name: value for name, value in fields.items() if value}, doseq=True)
    return f"{reverse('environments:home')}?{query}#describe"


def again(request: PageRequest, proposal: Proposal) -> HttpResponse:
    """A second click leads to what the first one made."""
    spec = _chosen(request, proposal)
    server = server_of(request.user, spec)
    if server is None or would_change(server, spec):
        raise UserError("consent_used")
    return to_server(server, spec.urlpath)
