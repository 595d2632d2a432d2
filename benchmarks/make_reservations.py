"""Run by benchmarks.class_start with a stack's settings: has people's servers started before they come."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def make_reservations(repository: str, names: Sequence[str]) -> None:
    """Reserve servers of this repository for these people, for a time so near that they are started at once."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    from datetime import timedelta

    from django.utils import timezone

    from accounts.models import User
    from environments.git_credentials import resolve_for
    from environments.prewarming import reserve
    from environments.references import parse
    from environments.values import LaunchSpec

    now, spec = timezone.now(), LaunchSpec(parse(repository))
    ready_at, until = now + timedelta(minutes=5), now + timedelta(minutes=30)
    for person in User.objects.filter(username__in=names):
        resolved = resolve_for(person, spec.reference, now=now)
        reserve(person, spec, ready_at=ready_at, until=until, resolved=resolved)


if __name__ == "__main__":
    make_reservations(sys.argv[1], sys.argv[2:])
