"""What somebody takes away to share a launch: its link, and badges for pages elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from environments.forms import LaunchForm
from environments.links import badges, link_to
from environments.values import LaunchSpec
from environments.views.elsewhere import LinkElsewhere, links_elsewhere


@dataclass(frozen=True, slots=True)
class SharedLink:
    """A launch link in full, the markup of its badge by the name of the markup, and the same for other hubs."""

    address: str
    badges: dict[str, str]
    elsewhere: list[LinkElsewhere]


def shared_link(spec: LaunchSpec) -> SharedLink:
    """The link that asks for this launch, ready to be pasted anywhere."""
    address = f"{settings.PUBLIC_URL}{link_to(spec)}"
    picture = f"{settings.PUBLIC_URL}{reverse('badge')}"
    markup = badges(address, image=picture, label=_("Launch in Carrel"))
    return SharedLink(address, markup, links_elsewhere(spec))


@login_required
@require_safe
def link_preview(request: HttpRequest) -> HttpResponse:
    """The link of the launch form as it is filled in now; a word about it while it means nothing yet."""
    form = LaunchForm(request.GET)
    shared = shared_link(form.spec) if form.is_valid() else None
    return render(request, "environments/_share_link.html", {"shared": shared})
