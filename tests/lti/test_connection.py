"""Testing a connection, against a platform over real HTTP that has all kinds of trouble."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from itertools import count
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation
from pytest_django import Settings

from accounts.models import Role
from lti import connection_check
from lti.connection_check import NAMES, Outcome, Step
from lti.keys import public_keys
from lti.models import AuditEntry, KeyPair
from lti.services import LINE_ITEM, LINE_ITEM_READ, MEMBERS, RESULT, SCORE
from tests.factories import UserFactory
from tests.lti.campus import Campus
from tests.lti.platforms import SmallPlatform

CERTS, TOKENS, KEYS = "/mod/lti/certs.php", "/mod/lti/token.php", "/lti/keys.json"
PERMISSIONS = (MEMBERS, LINE_ITEM, LINE_ITEM_READ, SCORE, RESULT)


@pytest.fixture
def site(campus: Campus, served: SmallPlatform) -> Iterator[SmallPlatform]:
    """This Carrel at its public address, as far as its keys are asked for."""
    served.answer(KEYS, 200, {"keys": public_keys(now=timezone.now())})
    yield served
    served.recover()


def tried(campus: Campus, site: SmallPlatform, **facts: Any) -> dict[str, Step]:
    """Every step by its name."""
    steps = connection_check.try_connection(campus.platform, public_url=site.issuer, **{"now": timezone.now(), **facts})
    return dict(zip(NAMES, steps, strict=True))


def outcomes(steps: dict[str, Step], *names: str) -> set[Outcome]:
    return {step.outcome for name, step in steps.items() if not names or name in names}


def lies(campus: Campus, path: str, **facts: Any) -> None:
    campus.lms.do("answer", path=path, **facts)


def test_everything_works_where_a_course_is_known(campus: Campus, site: SmallPlatform) -> None:
    campus.context()
    campus.activity("Loops", 10)

    steps = tried(campus, site)

    assert outcomes(steps) == {Outcome.OK}
    assert "“Computing 101”" in steps["roster"].sentence
    assert steps["columns"].sentence.startswith("1 ")


def test_nothing_is_changed_by_it(campus: Campus, site: SmallPlatform) -> None:
    campus.context()
    before = campus.lms.do("state")

    tried(campus, site)

    assert campus.lms.do("state") == before
    assert {one["method"] for one in campus.lms.log() if one["path"] != TOKENS} == {"GET"}
    assert AuditEntry.objects.get(what="platform_tested").facts == {"outcome": "10/10"}


def test_what_needs_a_course_is_not_tried_without_one(campus: Campus, site: SmallPlatform) -> None:
    steps = tried(campus, site)

    assert outcomes(steps, "roster", "columns") == {Outcome.NOT_TRIED}
    assert "Open Carrel from a course there once" in steps["roster"].next_step


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"status": 404, "body": ""}, "There is nothing at"),
        ({"status": 403, "body": ""}, "wants somebody to sign in"),
        ({"status": 503, "body": ""}, "trouble of its own (HTTP status 503)"),
        ({"body": "<html>Sign in</html>"}, "is not a set of keys"),
        ({"body": '{"keys": []}'}, "is not a set of keys"),
        ({"body": '{"keys": 7}'}, "is not a set of keys"),
        ({"body": "[" * 50_000}, "is not a set of keys"),
    ],
)
def test_keys_of_theirs_that_cannot_be_read(
    campus: Campus, site: SmallPlatform, facts: dict[str, Any], words: str
) -> None:
    lies(campus, CERTS, **facts)

    steps = tried(campus, site)

    assert steps["their_keys"].outcome == Outcome.FAILED
    assert words in steps["their_keys"].sentence
    assert steps["their_keys"].next_step
    assert outcomes(steps, *PERMISSIONS) == {Outcome.OK}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://lms.test/keys", "is not on https"),
        ("https://10.0.0.1/keys", "in a private network"),
        ("http://127.0.0.1:1/keys", "does not answer"),
    ],
)
def test_address_of_their_keys_that_is_wrong(campus: Campus, site: SmallPlatform, url: str, words: str) -> None:
    campus.platform.jwks_url = url

    steps = tried(campus, site)

    assert words in steps["their_keys"].sentence
    assert "did not answer before" in steps["clocks"].sentence


@pytest.mark.parametrize(("minutes", "words"), [(5, "ahead"), (-5, "behind")])
def test_clocks_that_are_apart(campus: Campus, site: SmallPlatform, minutes: int, words: str) -> None:
    date = format_datetime(timezone.now() + timedelta(minutes=minutes), usegmt=True)
    lies(campus, CERTS, headers={"date": date})

    step = tried(campus, site)["clocks"]

    assert step.outcome == Outcome.FAILED
    assert words in step.sentence


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 99 Nov 2026 18:00:00 GMT", "Fri, 27 Nov 2026 18:00:00"])
def test_clock_that_is_not_told_is_not_compared(campus: Campus, site: SmallPlatform, date: str) -> None:
    lies(campus, CERTS, headers={"date": date})

    assert tried(campus, site)["clocks"].outcome == Outcome.NOT_TRIED


def test_public_address_that_leads_to_another_site(campus: Campus, site: SmallPlatform) -> None:
    others = [key | {"kid": "another"} for key in public_keys(now=timezone.now())]
    site.answer(KEYS, 200, {"keys": others})

    assert "not the keys that Carrel signs with" in tried(campus, site)["our_keys"].sentence


def test_public_address_that_answers_with_a_page(campus: Campus, site: SmallPlatform) -> None:
    site.answer(KEYS, 502, b"<html>Bad gateway</html>")

    assert "cannot be reached" in tried(campus, site)["our_keys"].sentence


def test_public_address_that_is_private(campus: Campus, site: SmallPlatform, settings: Settings) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS = [campus.lms.url.removeprefix("http://")]

    assert "is at a private address" in tried(campus, site)["our_keys"].sentence


def test_platform_towards_which_there_is_no_key(campus: Campus, site: SmallPlatform) -> None:
    KeyPair.objects.all().delete()

    steps = tried(campus, site)

    assert "Carrel has no key" in steps["our_keys"].sentence
    assert outcomes(steps, *PERMISSIONS) == {Outcome.FAILED}


def test_platform_whose_key_cannot_be_opened_any_more(campus: Campus, site: SmallPlatform) -> None:
    KeyPair.objects.update(sealed_private_key="sealed with another secret key")

    steps = tried(campus, site)

    assert "Carrel cannot open its key" in steps["our_keys"].sentence
    assert outcomes(steps, *PERMISSIONS) == {Outcome.FAILED}


def test_platform_that_cannot_read_our_keys(campus: Campus, site: SmallPlatform) -> None:
    campus.lms.do("tool", id=campus.tool, public_keys={}, is_unreachable=True)

    steps = tried(campus, site)

    assert outcomes(steps, *PERMISSIONS) == {Outcome.FAILED}
    assert f"Let it reach {site.issuer}/lti/keys.json" in steps[MEMBERS].next_step
    assert outcomes(steps, "roster", "columns") == {Outcome.NOT_TRIED}


def test_permission_that_is_not_given_is_named(campus: Campus, site: SmallPlatform) -> None:
    campus.context()
    campus.lms.do("tool", id=campus.tool, scopes=[LINE_ITEM_READ, SCORE, RESULT])

    steps = tried(campus, site)

    failed = {name for name, step in steps.items() if step.outcome == Outcome.FAILED}
    assert failed == {MEMBERS, LINE_ITEM}
    assert "does not allow it" in steps[MEMBERS].sentence
    assert "see the permission above" in steps["roster"].sentence
    assert steps["columns"].outcome == Outcome.OK


def test_client_id_that_is_not_known_there(campus: Campus, site: SmallPlatform) -> None:
    campus.platform.client_id = "another"

    assert "Compare client ID" in tried(campus, site)[MEMBERS].next_step


def test_permission_is_asked_for_anew(campus: Campus, site: SmallPlatform) -> None:
    assert tried(campus, site)[MEMBERS].outcome == Outcome.OK
    campus.lms.do("tool", id=campus.tool, scopes=[SCORE])

    assert tried(campus, site)[MEMBERS].outcome == Outcome.FAILED


def test_platform_that_is_silent_is_asked_once(campus: Campus, site: SmallPlatform, settings: Settings) -> None:
    campus.context()
    settings.REPOSITORY_TIMEOUT_SECONDS = 0.3
    lies(campus, TOKENS, hang=True)

    steps = tried(campus, site)

    campus.lms.do("truth")
    assert [steps[scope].outcome for scope in PERMISSIONS] == [Outcome.FAILED, *[Outcome.NOT_TRIED] * 4]
    assert outcomes(steps, "roster", "columns") == {Outcome.NOT_TRIED}
    assert len(campus.lms.log(TOKENS)) == 1


def test_it_ends_in_time(campus: Campus, site: SmallPlatform) -> None:
    seconds = count(0, 15)

    steps = tried(campus, site, clock=lambda: float(next(seconds)))

    assert [step.outcome for step in steps.values()].count(Outcome.NOT_TRIED) == len(steps) - 2
    assert "took too long" in steps["columns"].sentence


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"status": 403, "body": ""}, "does not show it (HTTP status 403)"),
        ({"body": "<html>"}, "something else than was asked for"),
        ({"body": "7"}, "something else than was asked for"),
        ({"status": 302, "body": "", "headers": {"location": "http://127.0.0.1:1/"}}, "(HTTP status 302)"),
    ],
)
@pytest.mark.parametrize(("step", "path"), [("roster", ".*/memberships"), ("columns", ".*/lineitems")])
def test_service_that_does_not_answer_as_it_should(
    campus: Campus, site: SmallPlatform, step: str, path: str, facts: dict[str, Any], words: str
) -> None:
    campus.context()
    lies(campus, path, **facts)

    assert words in tried(campus, site)[step].sentence


def test_every_cause_is_told_in_words() -> None:
    facts = {"url": "u", "status": 1, "seconds": 1, "keys_url": "k"}

    with translation.override("en"):
        told = [str(text).format_map(facts) for cause in connection_check.CAUSES.values() for text in (cause.sentence,)]

    assert all(sentence.endswith(".") for sentence in told)


def test_page_shows_each_step(client: Client, campus: Campus, site: SmallPlatform, settings: Settings) -> None:
    settings.PUBLIC_URL = site.issuer
    client.force_login(UserFactory.create(role=Role.ADMINISTRATOR))
    campus.lms.do("tool", id=campus.tool, scopes=[SCORE])

    page = client.post(f"/lti/platforms/{campus.platform.pk}/test/").content.decode()

    assert "4 of 10 steps failed." in page
    assert "Carrel’s keys at its public address" in page
