"""What pages for signing in ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.socialaccount.adapter import get_adapter
from django import template

if TYPE_CHECKING:
    from allauth.socialaccount.providers.base import Provider
    from django.template import RequestContext

register = template.Library()


@register.simple_tag(takes_context=True)
def identity_providers(context: RequestContext) -> list[Provider]:
    """By whom people may sign in, in the operator's order."""
    found: list[Provider] = get_adapter().list_providers(context["request"])
    return found
