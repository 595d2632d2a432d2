"""Who a real JupyterLab takes its visitors for, whatever runs it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.test import override_settings

from environments import probing
from environments.gateway.headers import identity_headers
from environments.processes import end_labelled, installation_label
from environments.spawners.base import Spawner
from environments.spawners.docker import DockerSpawner
from environments.spawners.process import ProcessSpawner
from environments.values import Endpoint
from tests.contracts.images import built_image
from tests.contracts.test_spawner_contract import SPEC, wait_until
from tests.engine import base_image, clean_engine

TOKEN = {"Authorization": f"token {SPEC.token}"}
ADA = ("ada", "Ada Lovelace")
EMILE = ("émile", "Émile Félix Borel")


@pytest.fixture(scope="module", params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A server that runs."""
    with override_settings(CARREL_DATA=tmp_path_factory.mktemp("data")):
        if request.param == "docker":
            with clean_engine():
                yield started(DockerSpawner(), base_image())
        else:
            yield started(ProcessSpawner(), built_image())
            assert end_labelled(installation_label(settings.CARREL_DATA))


def started(spawner: Spawner, image: Any) -> Endpoint:
    endpoint = spawner.start(replace(SPEC, image=image))
    wait_until(lambda: probing.is_ready(endpoint, SPEC.token))
    return endpoint


def ask(endpoint: Endpoint, method: str, person: tuple[str, str] | None, **more: Any) -> httpx.Response:
    headers = dict(identity_headers(*person)) if person else {}
    told = {name.decode(): value.decode() for name, value in headers.items()}
    with httpx.Client(trust_env=False, headers=TOKEN | told, cookies=more.pop("cookies", None)) as client:
        return client.request(method, f"http://{endpoint}/api/me", **more)


def me(response: httpx.Response) -> tuple[str, str, str, str]:
    """Who the server takes this visitor for."""
    identity = response.json()["identity"]
    return identity["username"], identity["name"], identity["display_name"], identity["initials"]


def test_visitors_have_the_names_the_gateway_gives(endpoint: Endpoint) -> None:
    assert [me(ask(endpoint, "GET", person)) for person in (ADA, EMILE)] == [
        ("ada", "Ada Lovelace", "Ada Lovelace", "AL"),
        ("émile", "Émile Félix Borel", "Émile Félix Borel", "ÉB"),
    ]


def test_visitor_of_whom_nothing_is_said_is_anonymous(endpoint: Endpoint) -> None:
    assert me(ask(endpoint, "GET", None))[1].startswith("Anonymous ")


def test_second_visitor_in_one_browser_is_not_taken_for_the_first(endpoint: Endpoint) -> None:
    as_ada = ask(endpoint, "GET", ADA)

    assert me(ask(endpoint, "GET", EMILE, cookies=as_ada.cookies))[0] == "émile"


def test_visitor_keeps_a_colour_but_cannot_take_the_name_of_another(endpoint: Endpoint) -> None:
    changed = ask(endpoint, "PATCH", EMILE, json={"display_name": "Ada Lovelace", "color": "#123456"})

    after = ask(endpoint, "GET", EMILE, cookies=changed.cookies)

    assert changed.status_code == 200
    assert me(after)[2] == "Émile Félix Borel"
    assert after.json()["identity"]["color"] == "#123456"


def test_name_alone_lets_nobody_in(endpoint: Endpoint) -> None:
    told = {name.decode(): value.decode() for name, value in identity_headers(*ADA)}

    assert httpx.get(f"http://{endpoint}/api/me", headers=told, trust_env=False).status_code == 403
