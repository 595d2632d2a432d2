"""System checks: each finds one way an installation can be set up wrong, and names the variable and the remedy."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage

from environments.backends import RUNTIMES
from environments.cross_origin import EVERYBODY
from environments.hubs import read_hub

TAG = "carrel"
MIN_SECRET_KEY_LENGTH = 50

REQUIRED_WHEN_SERVED = (
    ("carrel.E002", "REDIS_URL", "the address of a Redis server, for example redis://redis:6379/0"),
    ("carrel.E003", "PUBLIC_URL", "the address people reach Carrel at, for example https://carrel.example.org"),
    (
        "carrel.E004",
        "NOTEBOOK_DOMAIN",
        "the domain whose sub-domains are the notebook servers, for example notebooks.example.net",
    ),
    ("carrel.E005", "RUNTIME", "what notebook servers run on, for example docker"),
)


def register() -> None:
    """Make Django run the checks of this module."""
    for check in (
        check_required,
        check_addresses,
        check_secrets,
        check_allowed_origins,
        check_site_links,
        check_hubs,
        check_runtime,
        check_quotas,
        check_data_directory,
    ):
        checks.register(check, TAG)


def check_required(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A served installation names its database, broker, addresses and runtime."""
    if settings.EMBEDDED:
        return []
    messages: list[CheckMessage] = [
        checks.Error(f"{name} is not set.", hint=f"Set {name} to {meaning}.", id=code)
        for code, name, meaning in REQUIRED_WHEN_SERVED
        if not getattr(settings, name)
    ]
    if settings.DATABASES["default"]["NAME"] == ":memory:":
        messages.append(
            checks.Error(
                "DATABASE_URL is not set.",
                hint="Set DATABASE_URL to the address of a database, for example postgres://carrel@db/carrel.",
                id="carrel.E001",
            )
        )
    return messages


def check_addresses(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The addresses are origins, encrypted, and apart from one another."""
    return list(_public_url_problems()) + list(_notebook_domain_problems())


def _public_url_problems() -> Iterator[CheckMessage]:
    if not settings.PUBLIC_URL:
        return
    public = urlsplit(settings.PUBLIC_URL)
    if public.scheme not in ("http", "https") or not public.hostname or public.path or public.query:
        yield checks.Error(
            f"PUBLIC_URL is {settings.PUBLIC_URL}, which is not the address of a site.",
            hint="Set PUBLIC_URL to scheme and host alone, without a path, for example https://carrel.example.org.",
            id="carrel.E006",
        )
    elif public.scheme != "https" and not settings.EMBEDDED:
        yield checks.Error(
            "PUBLIC_URL does not begin with https://, so passwords and notebooks would cross the network in the clear.",
            hint="Put a certificate in front of Carrel and set PUBLIC_URL to its https:// address.",
            id="carrel.E007",
        )


def _notebook_domain_problems() -> Iterator[CheckMessage]:
    public = (urlsplit(settings.PUBLIC_URL).hostname or "").lower()
    notebooks = settings.NOTEBOOK_DOMAIN.partition(":")[0].lower()
    if settings.EMBEDDED or not public or not notebooks:
        return
    if f".{public}".endswith(f".{notebooks}") or f".{notebooks}".endswith(f".{public}"):
        yield checks.Warning(
            f"NOTEBOOK_DOMAIN ({notebooks}) and PUBLIC_URL ({public}) share a domain, so a notebook can set cookies "
            "that reach Carrel itself.",
            hint="Set NOTEBOOK_DOMAIN to a separate domain, for example notebooks.example.net "
            "beside carrel.example.org.",
            id="carrel.W001",
        )


def check_secrets(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Nothing that should stay secret can be guessed or is shown."""
    messages: list[CheckMessage] = []
    if len(settings.SECRET_KEY) < MIN_SECRET_KEY_LENGTH:
        messages.append(
            checks.Error(
                f"SECRET_KEY has fewer than {MIN_SECRET_KEY_LENGTH} characters.",
                hint="Set SECRET_KEY or SECRET_KEY_FILE to a long random value, for example what "
                "`openssl rand -base64 48` prints.",
                id="carrel.E008",
            )
        )
    if settings.DEBUG and not settings.EMBEDDED:
        messages.append(
            checks.Error(
                "DEBUG is on, so error pages show settings and source code to everybody.",
                hint="Unset DEBUG.",
                id="carrel.E009",
            )
        )
    return messages


def check_allowed_origins(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The origins of other sites are such as browsers send, and encrypted; `*` stands alone."""
    origins = settings.API_ALLOWED_ORIGINS
    if EVERYBODY in origins and len(origins) > 1:
        return [
            checks.Error(
                f"API_ALLOWED_ORIGINS names {EVERYBODY}, which is every page, and others beside it.",
                hint=f"Leave {EVERYBODY} out of API_ALLOWED_ORIGINS, or let it stand alone if every page is meant.",
                id="carrel.E014",
            )
        ]
    return [problem for origin in origins if origin != EVERYBODY for problem in _origin_problems(origin)]


def _origin_problems(origin: str) -> Iterator[CheckMessage]:
    parts = urlsplit(origin)
    if (
        parts.scheme not in ("http", "https")
        or origin != f"{parts.scheme}://{parts.netloc}".lower()
        or set("@*") & set(origin)
    ):
        yield checks.Error(
            f"API_ALLOWED_ORIGINS names {origin}, which no browser sends as the origin of a page.",
            hint="Write scheme and host alone, in small letters, for example https://book.example.org.",
            id="carrel.E015",
        )
    elif parts.scheme != "https" and not settings.EMBEDDED:
        yield checks.Warning(
            f"API_ALLOWED_ORIGINS names {origin}, whose pages can be changed on their way to the reader.",
            hint="Name the https:// address of that site.",
            id="carrel.W003",
        )


def check_site_links(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The links at the foot of the pages have words, and lead to the web."""
    return [
        checks.Error(
            f"SITE_LINKS has “{words}={address}”, which is not a link.",
            hint="Write words, an equals sign and an address, for example Help=https://example.org/help.",
            id="carrel.E030",
        )
        for words, address in settings.SITE_LINKS
        if not words or urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname
    ]


def check_hubs(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Every hub that people may be sent on to can be read, and none takes another's name."""
    return list(_hub_problems())


def _hub_problems() -> Iterator[CheckMessage]:
    names = set()
    for entry in settings.HUBS:
        try:
            hub = read_hub(entry)
        except ValueError as error:
            yield checks.Error(
                f"HUBS lists “{entry}”, which nobody can be sent to: {error}.",
                hint="Write a short name, binder or carrel, the address, and what people call it, for example "
                "mybinder binder https://mybinder.org mybinder.org; put a semicolon between two hubs.",
                id="carrel.E040",
            )
            continue
        if hub.name in names:
            yield checks.Error(
                f"HUBS lists two hubs called {hub.name}, so a link could mean either.",
                hint="Give each of them a name of its own.",
                id="carrel.E041",
            )
        names.add(hub.name)


def check_runtime(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The runtime exists, and what is meant for one trusting person on their own machine stays there."""
    messages: list[CheckMessage] = []
    if settings.RUNTIME not in ("", "auto", *RUNTIMES):
        messages.append(
            checks.Error(
                f"RUNTIME is {settings.RUNTIME}, which is no runtime.",
                hint=f"Set RUNTIME to auto or one of: {', '.join(RUNTIMES)}.",
                id="carrel.E013",
            )
        )
    if settings.EMBEDDED:
        return messages
    if settings.RUNTIME == "process":
        messages.append(
            checks.Error(
                "RUNTIME is process, which runs everybody's code as the user Carrel runs as.",
                hint="Set RUNTIME to docker. Only an embedded installation may use processes.",
                id="carrel.E010",
            )
        )
    if settings.REPOSITORY_ALLOW_LOCAL:
        messages.append(
            checks.Error(
                "REPOSITORY_ALLOW_LOCAL is on, so anybody who signs in can read folders of this machine.",
                hint="Unset REPOSITORY_ALLOW_LOCAL and put the repositories on a git host.",
                id="carrel.E011",
            )
        )
    return messages


def check_quotas(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """What a server gets that asks for nothing is no more than one person may have."""
    pairs = (
        ("carrel.W004", "PERSON_MEMORY_MB", "SERVER_MEMORY_MB"),
        ("carrel.W005", "PERSON_CPUS", "SERVER_CPUS"),
    )
    return [
        checks.Warning(
            f"{person} is {getattr(settings, person):g}, and {server} is {getattr(settings, server):g}: a server that "
            "asks for nothing gets more than anybody may have, so every such launch is refused.",
            hint=f"Set {server} to no more than {person}, or {person} to 0 for no limit.",
            id=code,
        )
        for code, person, server in pairs
        if 0 < getattr(settings, person) < getattr(settings, server)
    ]


def check_data_directory(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The data directory can be written by Carrel and read by nobody else."""
    path = Path(settings.CARREL_DATA)
    if not path.is_dir() or not os.access(path, os.W_OK | os.X_OK):
        return [
            checks.Error(
                f"CARREL_DATA is {path}, which is not a folder Carrel can write to.",
                hint="Create the folder and give it to the user Carrel runs as, or set CARREL_DATA to another.",
                id="carrel.E012",
            )
        ]
    if path.stat().st_mode & 0o007:
        return [
            checks.Warning(
                f"CARREL_DATA is {path}, which other users of this machine can enter.",
                hint=f"Run chmod o-rwx {path}: it holds people's files and the keys to their sign-ins.",
                id="carrel.W002",
            )
        ]
    return []
