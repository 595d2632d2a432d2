"""What a test sets does not outlive it."""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from django.test import override_settings
from pytest_django import Settings


@pytest.mark.parametrize("turn", ["first", "second"])
def test_settings_of_a_test_do_not_outlive_it_whichever_way_it_sets_them(turn: str, settings: Settings) -> None:
    found = django_settings.IMAGE_PREFIX

    with override_settings(IMAGE_PREFIX="outer"):
        settings.PORT = 1  # Put back after what was set around it, and with it.

    assert found != "outer"
