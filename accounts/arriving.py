"""Telling the apps above that somebody has come in: one of them may have waited for this very person."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from accounts.models import User


class Welcome(Protocol):
    """What the dotted paths of `settings.WELCOMES` lead to."""

    def __call__(self, person: User, *, now: datetime) -> None:
        """Do what was waiting for this person. May be called at any time, and again and again."""


def welcome(person: User, *, now: datetime) -> None:
    """Call everybody who wants to know that this person signs in, or has shown an address to be theirs."""
    for path in settings.WELCOMES:
        known: Welcome = import_string(path)
        known(person, now=now)
