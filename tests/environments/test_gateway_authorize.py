"""Who may pass the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Scope
from accounts.tokens import create_token
from environments.gateway.app import subdomain_of
from environments.gateway.authorize import AccessRequest, Allowed, Authorizer, is_own_page, own_origin
from environments.gateway.freshness import FreshFacts
from environments.models import NotebookServer
from tests.factories import running_server

OWN = "http://s.localhost:8000"
LONG_AGO = timezone.now() - timedelta(hours=9)
OTHER = "http://t.localhost:8000"


@pytest.mark.parametrize(
    ("facts", "is_own"),
    [
        # Websockets and methods that change something: the server's own pages only.
        ({"is_websocket": True, "origin": OWN}, True),
        ({"is_websocket": True, "origin": OWN.upper()}, True),
        ({"is_websocket": True, "origin": OTHER}, False),
        ({"is_websocket": True, "origin": "http://localhost:8000"}, False),
        ({"is_websocket": True, "origin": "https://s.localhost:8000"}, False),
        ({"is_websocket": True, "origin": "http://s.localhost:8000.evil.example"}, False),
        ({"is_websocket": True, "origin": "null"}, False),
        ({"is_websocket": True}, False),
        ({"is_websocket": True, "fetch_site": "same-origin"}, True),
        ({"is_websocket": True, "fetch_site": "same-site"}, False),
        ({"is_websocket": True, "origin": OTHER, "fetch_site": "same-origin"}, False),
        ({"is_websocket": True, "fetch_mode": "navigate", "fetch_dest": "document"}, False),
        ({"method": "POST", "origin": OWN}, True),
        ({"method": "POST", "origin": OTHER}, False),
        ({"method": "POST", "origin": OTHER, "fetch_mode": "navigate", "fetch_dest": "document"}, False),
        ({"method": "POST"}, False),
        ({"method": "PUT", "fetch_site": "same-origin"}, True),
        ({"method": "DELETE", "fetch_site": "none"}, False),
        ({"method": "PATCH", "fetch_site": "cross-site"}, False),
        ({"method": "OPTIONS"}, False),
        ({"method": "BREW", "origin": OTHER}, False),
        # Reading: own pages, the address bar, and links that people follow.
        ({}, True),
        ({"method": "HEAD"}, True),
        ({"fetch_site": "same-origin"}, True),
        ({"fetch_site": "none"}, True),
        ({"fetch_site": "same-site", "fetch_mode": "navigate", "fetch_dest": "document"}, True),
        ({"fetch_site": "cross-site", "fetch_mode": "navigate", "fetch_dest": "document"}, True),
        ({"fetch_site": "same-site", "fetch_mode": "navigate", "fetch_dest": "iframe"}, False),
        ({"fetch_site": "same-site", "fetch_mode": "no-cors", "fetch_dest": "script"}, False),
        ({"fetch_site": "same-site", "fetch_mode": "no-cors", "fetch_dest": "document"}, False),
        ({"fetch_site": "cross-site", "fetch_mode": "cors", "fetch_dest": "empty"}, False),
        ({"origin": OTHER}, False),
        ({"origin": OWN}, True),
    ],
)
def test_tell_own_pages_from_others(facts: dict[str, Any], is_own: bool) -> None:
    request = AccessRequest(**{"subdomain": "s", "method": "GET"} | facts)

    assert is_own_page(request) is is_own


def test_write_origin_without_default_port(settings: Settings) -> None:
    settings.HTTPS = True
    settings.NOTEBOOK_DOMAIN = "Notebooks.example.org:443"

    assert own_origin("s") == "https://s.notebooks.example.org"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("method", "counts"), [("GET", False), ("HEAD", False), ("PUT", True), ("POST", True)])
async def test_authorize_notes_use_when_something_is_changed(method: str, counts: bool) -> None:
    server, token = await sync_to_async(_server_and_token)()

    decision = await Authorizer().authorize(AccessRequest(server.subdomain, method, token=token))

    await sync_to_async(server.refresh_from_db)()
    assert isinstance(decision, Allowed)
    assert (server.last_activity_at != LONG_AGO) is counts


def _server_and_token() -> tuple[NotebookServer, str]:
    server = running_server(last_activity_at=LONG_AGO)
    _, token = create_token(server.owner, name="t", scopes=[Scope.SERVERS_USE], days=1, now=timezone.now())
    return server, token


@pytest.mark.parametrize(
    ("host", "subdomain"),
    [
        ("s.localhost:8000", "s"),
        ("S.LocalHost:8000", "s"),
        ("a-1.localhost:8000", "a-1"),
        ("localhost:8000", None),
        (".localhost:8000", None),
        ("s.localhost", None),
        ("s.localhost:9000", None),
        ("a.b.localhost:8000", None),
        ("s.localhost:8000.evil.example", None),
        ("s.notlocalhost:8000", None),
        ("slocalhost:8000", None),
        ("s_1.localhost:8000", None),
        ("s\n.localhost:8000", None),
        ("ü.localhost:8000", None),
        (f"{'s' * 64}.localhost:8000", None),
        ("s.localhost.:8000", None),
        ("", None),
    ],
)
def test_read_subdomain(host: str, subdomain: str | None) -> None:
    assert subdomain_of(host) == subdomain


def test_read_subdomain_with_default_port(settings: Settings) -> None:
    settings.NOTEBOOK_DOMAIN = "localhost:80"

    assert subdomain_of("s.localhost") == subdomain_of("s.localhost:80") == "s"


class Questions:
    """Counts what is looked up, and answers when told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.now = 100.0

    async def look_up(self, key: str) -> str:
        self.asked.append(key)
        self.is_asked.set()
        await self.may_answer.wait()
        return f"{key}{len(self.asked)}"

    def facts(self, max_entries: int = 10) -> FreshFacts[str, str]:
        look_up: Callable[[str], Awaitable[str]] = self.look_up
        return FreshFacts(look_up, lifetime=lambda _: 5, max_entries=max_entries, clock=lambda: self.now)


async def test_get_asks_once_while_fresh() -> None:
    questions = Questions()
    facts = questions.facts()
    await facts.get("a", 5)
    questions.now += 4.9

    assert await facts.get("a", 5) == "a1"


@pytest.mark.parametrize(("seconds", "max_age"), [(5, 9), (1, 1)])
async def test_get_asks_again_when_too_old(seconds: float, max_age: float) -> None:
    questions = Questions()
    facts = questions.facts()
    await facts.get("a", 5)
    questions.now += seconds

    assert await facts.get("a", max_age) == "a2"


async def test_get_counts_age_from_the_question() -> None:
    questions = Questions()
    facts = questions.facts()
    questions.may_answer.clear()
    first = asyncio.create_task(facts.get("a", 5))
    await questions.is_asked.wait()
    questions.now += 5
    questions.may_answer.set()
    await first

    assert await facts.get("a", 5) == "a2"


async def test_get_by_many_at_once_asks_once() -> None:
    questions = Questions()
    facts = questions.facts()

    answers = await asyncio.gather(*(facts.get("a", 5) for _ in range(20)))

    assert set(answers) == {"a1"}


async def test_get_survives_the_first_who_leaves() -> None:
    questions = Questions()
    facts = questions.facts()
    questions.may_answer.clear()
    first, second = (asyncio.create_task(facts.get("a", 5)) for _ in range(2))
    await questions.is_asked.wait()
    first.cancel()
    questions.may_answer.set()

    assert await second == "a1"


async def test_forget_drops_an_answer_on_its_way() -> None:
    questions = Questions()
    facts = questions.facts()
    questions.may_answer.clear()
    first = asyncio.create_task(facts.get("a", 5))
    await questions.is_asked.wait()
    facts.forget("a")
    questions.may_answer.set()
    await first

    assert await facts.get("a", 5) == "a2"


async def test_get_keeps_what_is_used_when_full() -> None:
    questions = Questions()
    facts = questions.facts(max_entries=3)
    for key in ("used", "b", "used", "c", "used", "d", "used"):
        await facts.get(key, 5)

    assert questions.asked == ["used", "b", "c", "d"]
