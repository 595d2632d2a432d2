"""Pages of the whole site: the reader's preferences, the style guide, the health of the installation."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_GET, require_POST
from redis import Redis
from redis.exceptions import RedisError

from config.context_processors import THEME_COOKIE, THEMES
from config.env import BASE_DIR, version
from environments.backends import builder
from environments.models import NotebookServer
from environments.views.progress import Step

DAY_SECONDS = 24 * 3600
YEAR_SECONDS = 365 * DAY_SECONDS
BADGE = BASE_DIR / "static" / "icons" / "badge_logo.svg"
HEALTH_TIMEOUT_SECONDS = 2


class PreferencesForm(forms.Form):
    """How a reader wants the site; what is left out stays as it is."""

    theme = forms.ChoiceField(choices=[(value, words) for value, words, _icon in THEMES], required=False)
    language = forms.ChoiceField(choices=settings.LANGUAGES, required=False)


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Remember theme or language in a cookie, the language of somebody signed in also with their account."""
    form = PreferencesForm(request.POST)
    response = redirect(_way_back(request))
    if not form.is_valid():
        return response
    if theme := form.cleaned_data["theme"]:
        _set_cookie(response, THEME_COOKIE, theme)
    if language := form.cleaned_data["language"]:
        _set_cookie(response, settings.LANGUAGE_COOKIE_NAME, language)
        if request.user.is_authenticated:
            request.user.language = language
            request.user.save(update_fields=["language"])
    return response


def _way_back(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else reverse("environments:home")


def _set_cookie(response: HttpResponseRedirect, name: str, value: str) -> None:
    response.set_cookie(
        name, value, max_age=YEAR_SECONDS, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax"
    )


@require_GET
@never_cache
def health(request: HttpRequest) -> JsonResponse:
    """Whether the database and the broker answer, as BinderHub says it: 200 when both do, 503 otherwise."""
    checks = {"database": _database_answers(), "broker": _broker_answers()}
    is_well = all(checks.values())
    listed = [{"service": service, "ok": answers} for service, answers in checks.items()]
    return JsonResponse({"ok": is_well, "checks": listed}, status=200 if is_well else 503)


@require_GET
def versions(request: HttpRequest) -> JsonResponse:
    """What runs here, where BinderHub's clients ask for it."""
    made_by = builder()
    return JsonResponse({"carrel": version(), "builder": f"{made_by.name} {made_by.version}"})


@require_GET
@cache_control(public=True, max_age=DAY_SECONDS)
def badge(request: HttpRequest) -> HttpResponse:
    """The picture that launch links wear on pages elsewhere."""
    return HttpResponse(BADGE.read_bytes(), content_type="image/svg+xml")


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _broker_answers() -> bool:
    try:
        with Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=HEALTH_TIMEOUT_SECONDS,
            socket_connect_timeout=HEALTH_TIMEOUT_SECONDS,
        ) as broker:
            return bool(broker.ping())
    except (RedisError, ValueError):
        return False


class ExampleForm(forms.Form):
    """A form in every state, for the style guide."""

    filled = forms.CharField(label="Name", initial="Introduction to statistics", help_text="What students will see.")
    wrong = forms.CharField(label="Repository")
    empty = forms.CharField(label="Version", required=False, help_text="Leave empty for the newest.")
    choice = forms.ChoiceField(label="Language", choices=settings.LANGUAGES)
    many = forms.MultipleChoiceField(
        label="Allowed to", choices=[("a", "See"), ("b", "Start and stop")], widget=forms.CheckboxSelectMultiple
    )
    agreed = forms.BooleanField(label="Remember me", required=False)


@require_GET
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component in every state, for those who build pages."""
    if not (settings.EMBEDDED or (request.user.is_authenticated and request.user.is_superuser)):
        raise PermissionDenied
    return render(request, "styleguide.html", _specimens())


def _specimens() -> dict[str, Any]:
    form = ExampleForm(
        {"filled": "Introduction to statistics", "wrong": "file:///etc", "choice": "en", "many": ["a"], "agreed": "on"}
    )
    form.add_error("wrong", _("Addresses that begin with “{scheme}” are not accepted.").format(scheme="file"))
    form.add_error(None, _("Something went wrong that should not have."))
    return {
        "form": form,
        "states": NotebookServer.State.choices,
        "now": timezone.now(),
        "log_lines": [{"text": "Collecting numpy==2.4.0"}, {"text": "Successfully installed numpy-2.4.0"}],
        "tokens": ("paper", "sheet", "sunken", "ink", "ink-soft", "accent", "good", "busy", "bad", "calm", "lamp"),
        "steps": [
            Step("find", "done", _("Find")),
            Step("prepare", "current", _("Prepare")),
            Step("start", "next", _("Start")),
            Step("ready", "next", _("Ready")),
        ],
        "failed_steps": [
            Step("find", "done", _("Find")),
            Step("prepare", "failed", _("Prepare")),
            Step("start", "next", _("Start")),
            Step("ready", "next", _("Ready")),
        ],
    }
