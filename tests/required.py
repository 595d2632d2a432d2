"""Where CI runs, what needs a browser, a Docker engine, PostgreSQL, xmlsec1 or the whole stack may not be skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator

import pytest

MAY_NOT_BE_SKIPPED = ("browser", "docker", "postgres", "saml", "stack")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn such a skip into a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and is_required(item):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and CI is set: {call.excinfo and call.excinfo.value}"
    return report


def is_required(item: pytest.Item) -> bool:
    """Whether this test has to run here."""
    in_ci = os.environ.get("CI", "").lower() in ("1", "true")
    return in_ci and any(item.get_closest_marker(name) for name in MAY_NOT_BE_SKIPPED)


def require_xmlsec1() -> None:
    """Skip the test where the program is missing that signs for the SAML provider of these tests."""
    if not shutil.which("xmlsec1"):
        pytest.skip("no xmlsec1 on PATH: install it (Debian: apt install xmlsec1)")
