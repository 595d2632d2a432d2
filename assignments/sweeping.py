"""Removing what was kept for rows that are gone: bundles that no column names any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.apps import apps
from django.db.models import Model

from assignments import artefacts
from assignments.models.artefact_field import ArtefactField


def sweep_artefacts(*, now: datetime) -> int:
    """Remove them, but for what is new; returns how many. Safe to repeat, and while submissions are received."""
    return artefacts.sweep(set(_named()), now=now)


def _named() -> Iterator[str]:
    for model, column in artefact_columns():
        yield from model._default_manager.order_by().values_list(column, flat=True).distinct().iterator()


def artefact_columns() -> Iterator[tuple[type[Model], str]]:
    """Every column, of any app, that names an artefact."""
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, ArtefactField):
                yield model, field.name
