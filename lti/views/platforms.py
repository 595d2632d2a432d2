"""Learning platforms as whoever runs this Carrel sees them: which there are, how one is, and what to copy where."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from environments.errors import EnvironmentsError, explain
from environments.views.requests import PageRequest
from lti import platforms
from lti.connection_check import Outcome, try_connection
from lti.course_states import courses_of, grades_of, states_of
from lti.errors import REASONS
from lti.keys import withdraw
from lti.models import KeyPair, Platform
from lti.platform_forms import KINDS, CanvasForm, DeploymentForm, MoodleForm, OtherForm, PlatformForm
from lti.registration import CUSTOM, WAITS
from lti.views.operators import for_operators

UNPROCESSABLE = 422
COURSES_ON_A_PAGE = 25
KIND_NAMES = (("moodle", "Moodle"), ("canvas", "Canvas"), ("other", gettext_lazy("Another")))
OURS = (
    ("tool", gettext_lazy("Tool URL"), "lti:launch"),
    ("redirection", gettext_lazy("Redirection URI"), "lti:launch"),
    ("login", gettext_lazy("Initiate login URL"), "lti:login"),
    ("keys", gettext_lazy("Public keyset URL"), "lti:keys"),
    ("picker", gettext_lazy("Content selection URL"), "lti:pick"),
)
"""What a platform asks for: a name for it in the page, the platforms' own, and where it is."""
THEIRS = (
    ("issuer", gettext_lazy("Issuer, or Platform ID")),
    ("client_id", gettext_lazy("Client ID")),
    ("auth_login_url", gettext_lazy("Authentication request URL")),
    ("token_url", gettext_lazy("Access token URL")),
    ("jwks_url", gettext_lazy("Public keyset URL")),
)


@for_operators
@require_safe
def platform_list(request: PageRequest) -> HttpResponse:
    """Those that there are, and the one address to paste for another."""
    facts = {"platforms": platforms.with_figures(now=timezone.now()), "register_url": _address("lti:register")}
    return render(request, "lti/platform_list.html", facts)


@for_operators
@require_http_methods(["GET", "HEAD", "POST"])
def platform_add(request: PageRequest) -> HttpResponse:
    """One that is entered by hand: what to give it, and what it gives."""
    kind = request.GET.get("kind", "moodle")
    if kind not in KINDS:
        raise Http404
    if request.method != "POST":
        return _adding(request, kind, KINDS[kind]())
    form, now = KINDS[kind](request.POST), timezone.now()
    if form.is_valid():
        platform = Platform(**form.facts, state=Platform.State.ACTIVE)
        try:
            platforms.add_platform(platform, deployment_id=form.deployment, by=request.user, now=now)
        except EnvironmentsError as error:
            form.add_refusal(error)
        else:
            messages.success(request, _("{name} is in use.").format(name=platform.name))
            return redirect("lti:platform-detail", platform.pk)
    return _adding(request, kind, form, status=UNPROCESSABLE)


@for_operators
@require_safe
def platform_detail(request: PageRequest, platform_id: UUID) -> HttpResponse:
    """How it is, and all that can be done with it."""
    now = timezone.now()
    platform = get_object_or_404(platforms.with_figures(now=now), pk=platform_id)
    page = Paginator(courses_of(platform), COURSES_ON_A_PAGE).get_page(request.GET.get("page"))
    facts = {
        "platform": platform,
        "ours": _ours(),
        "theirs": _theirs(platform),
        "deployments": platform.deployments.all(),
        "unknown_deployments": platform.unknown_deployments.all(),
        "deployment_form": DeploymentForm(),
        "keys": KeyPair.objects.published(now).filter(platform=platform).order_by("signs_from"),
        "expires_at": platform.created_at + WAITS,
        "refusal": explain(getattr(platform, "last_refusal", None) or "", {"platform": platform.name}, reasons=REASONS),
        "has_been_used": platforms.has_been_used(platform),
        "page": page,
        "courses": states_of(platform, list(page)),
        "grades": grades_of(platform),
    }
    return render(request, "lti/platform.html", facts)


@for_operators
@require_http_methods(["GET", "HEAD", "POST"])
def platform_change(request: PageRequest, platform_id: UUID) -> HttpResponse:
    """What it is called, where it is, and what its teachers may."""
    platform = get_object_or_404(Platform, pk=platform_id)
    if request.method != "POST":
        return _changing(request, platform, PlatformForm.of(platform))
    form = PlatformForm(request.POST)
    if form.is_valid():
        try:
            platforms.change(platform, form.facts, by=request.user, now=timezone.now())
        except EnvironmentsError as error:
            form.add_refusal(error)
        else:
            messages.success(request, _("What you changed is kept."))
            return redirect("lti:platform-detail", platform.pk)
    return _changing(request, platform, form, status=UNPROCESSABLE)


@for_operators
@require_POST
def platform_switch(request: PageRequest, platform_id: UUID) -> HttpResponse:
    """Approve it, switch it off, or on again."""
    platform = get_object_or_404(Platform, pk=platform_id)
    to = request.POST.get("to", "")
    if to not in (Platform.State.ACTIVE, Platform.State.DISABLED):
        raise Http404
    try:
        platforms.move(platform, Platform.State(to), by=request.user, now=timezone.now())
    except EnvironmentsError as error:
        return _refused(request, error, platform)
    words = _("{name} is in use.") if platform.is_active else _("{name} is switched off. Nobody comes in from it.")
    messages.success(request, words.format(name=platform.name))
    return redirect("lti:platform-detail", platform.pk)


@for_operators
@require_http_methods(["GET", "HEAD", "POST"])
def platform_remove(request: PageRequest, platform_id: UUID) -> HttpResponse:
    """Ask, and on the second word forget it."""
    platform = get_object_or_404(Platform, pk=platform_id)
    if request.method != "POST":
        return render(request, "lti/platform_remove.html", {"platform": platform})
    try:
        platforms.remove(platform, by=request.user, now=timezone.now())
    except EnvironmentsError as error:
        return _refused(request, error, platform)
    messages.success(request, _("{name} is forgotten here.").format(name=platform.name))
    return redirect("lti:platform-list")


@for_operators
@require_POST
def deployment_approve(request: PageRequest, platform_id: UUID) -> HttpResponse:
    """Let launches come from one more place of it."""
    platform = get_object_or_404(Platform, pk=platform_id)
    form = DeploymentForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say which deployment it is: its ID as the platform shows it."))
        return redirect("lti:platform-detail", platform.pk)
    named, now = form.cleaned_data["deployment_id"], timezone.now()
    deployment = platforms.approve_deployment(platform, named, by=request.user, now=now)
    words = _("Launches may come from the deployment “{deployment}”.")
    messages.success(request, words.format(deployment=deployment.deployment_id))
    return redirect("lti:platform-detail", platform.pk)


@for_operators
@require_POST
def deployment_withdraw(request: PageRequest, platform_id: UUID, deployment_id: int) -> HttpResponse:
    """Let none come from there any more."""
    platform = get_object_or_404(Platform, pk=platform_id)
    deployment = get_object_or_404(platform.deployments, pk=deployment_id)
    try:
        platforms.withdraw_deployment(deployment, by=request.user, now=timezone.now())
    except EnvironmentsError as error:
        return _refused(request, error, platform)
    words = _("No launch comes from the deployment “{deployment}” any more.")
    messages.success(request, words.format(deployment=deployment.deployment_id))
    return redirect("lti:platform-detail", platform.pk)


@for_operators
@require_POST
def platform_rotate(request: PageRequest, platform_id: UUID) -> HttpResponse:
    """Publish a new key of ours towards it."""
    platform = get_object_or_404(Platform.objects.exclude(state=Platform.State.PENDING), pk=platform_id)
    now = timezone.now()
    try:
        key = platforms.renew_key(platform, by=request.user, now=now)
    except EnvironmentsError as error:
        return _refused(request, error, platform)
    if key.signs_from > now:
        words = _("A new key is published. It signs from tomorrow on, once the platform has read it.")
    else:
        words = _("A new key is published, and signs from now on.")
    messages.success(request, words)
    return redirect("lti:platform-detail", platform.pk)


@for_operators
@require_http_methods(["GET", "HEAD", "POST"])
def platform_withdraw_keys(request: PageRequest, platform_id: UUID) -> HttpResponse:
    """Ask, and on the second word take back all keys of ours towards it."""
    platform = get_object_or_404(Platform.objects.exclude(state=Platform.State.PENDING), pk=platform_id)
    if request.method != "POST":
        return render(request, "lti/platform_withdraw_keys.html", {"platform": platform})
    withdraw(platform, by=request.user, now=timezone.now())
    messages.success(request, _("The former keys are good for nothing any more. A new one signs from now on."))
    return redirect("lti:platform-detail", platform.pk)


@for_operators
@require_POST
def platform_test(request: PageRequest, platform_id: UUID) -> HttpResponse:
    """Try whether the two reach each other; it takes as long as the platform does, a minute at most."""
    platform = get_object_or_404(Platform.objects.exclude(state=Platform.State.PENDING), pk=platform_id)
    steps = try_connection(platform, public_url=settings.PUBLIC_URL, by=request.user, now=timezone.now())
    outcomes = [step.outcome for step in steps]
    facts = {
        "platform": platform,
        "steps": steps,
        "failed": outcomes.count(Outcome.FAILED),
        "is_complete": Outcome.NOT_TRIED not in outcomes,
    }
    return render(request, "lti/platform_test.html", facts)


def _adding(
    request: PageRequest, kind: str, form: MoodleForm | CanvasForm | OtherForm, *, status: int = 200
) -> HttpResponse:
    facts = {"kind": kind, "kinds": KIND_NAMES, "form": form, "ours": _ours(), "register_url": _address("lti:register")}
    return render(request, "lti/platform_add.html", facts, status=status)


def _changing(request: PageRequest, platform: Platform, form: PlatformForm, *, status: int = 200) -> HttpResponse:
    return render(request, "lti/platform_change.html", {"platform": platform, "form": form}, status=status)


def _refused(request: PageRequest, error: EnvironmentsError, platform: Platform) -> HttpResponse:
    messages.error(request, " ".join(error.explain().lines))
    return redirect("lti:platform-detail", platform.pk)


def _ours() -> list[dict[str, Any]]:
    addresses = [{"id": f"our-{name}", "words": words, "value": _address(page)} for name, words, page in OURS]
    custom = "\n".join(f"{name}={value}" for name, value in CUSTOM.items())
    return [*addresses, {"id": "our-custom", "words": _("Custom parameters"), "value": custom}]


def _theirs(platform: Platform) -> list[dict[str, Any]]:
    return [{"id": f"their-{name}", "words": words, "value": getattr(platform, name)} for name, words in THEIRS]


def _address(page: str) -> str:
    return f"{settings.PUBLIC_URL}{reverse(page)}"
