"""Names, computed and never chosen: image keys, server names, the first labels of origins. Pure functions."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import unicodedata

from environments.errors import UserError
from environments.values import Reference, ResolvedRepository

MAX_SERVER_NAME = MAX_VOLUME_NAME = 40
_NAME = re.compile(r"[a-z](?:-?[a-z0-9]){0,39}")
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""Lower-case, as host names are, without the letters that are mistaken for digits."""


def image_key(
    repository: ResolvedRepository, *, builder: str, version: str, platform: str, private_to: str = ""
) -> str:
    """The name of the image made from this commit by this builder: same key, same image.

    Everything that changes what is built is in it; nothing that can change its meaning later (a branch,
    a tag) is. 64 hexadecimal digits. The image of a private repository is `private_to` one person, whose random id is
    in it too: nobody else's launch comes upon that image, and nobody can work its name out.
    """
    facts = [repository.url, repository.commit, builder, version, platform]
    if repository.is_private:
        if not private_to:
            raise ValueError(f"whose image is that of {repository.url}?")
        facts.append(private_to)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def image_name(image_key: str, *, prefix: str) -> str:
    """What an engine and a registry call the image of this key: `carrel/environment:<key>`.

    One repository for all images, each a tag of its own that never comes to mean another: registries keep the
    layers they share once, and need to be told of one repository only.
    """
    return f"{prefix}environment:{image_key}"


def server_name(reference: Reference) -> str:
    """The name of a server nobody named: the same for the same reference, told apart from all others."""
    last = re.split(r"[/:]", reference.repository.rstrip("/"))[-1].removesuffix(".git")
    ascii_text = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")[:28].strip("-")
    stem = words if words[:1].isalpha() else f"server-{words}".strip("-")
    digest = hashlib.sha256(json.dumps([reference.provider, reference.repository, reference.ref]).encode())
    return f"{stem}-{digest.hexdigest()[:4]}"


def copy_name(name: str) -> str:
    """The name of a copy to try beside a server of this name that is kept."""
    return f"try-{name}"[:MAX_SERVER_NAME].rstrip("-")


def check_server_name(name: str) -> str:
    """The name, if it can be one. Raises UserError `name_invalid`."""
    if len(name) > MAX_SERVER_NAME or not _NAME.fullmatch(name):
        raise UserError("name_invalid", name=name[:80])
    return name


def check_volume_name(name: str) -> str:
    """The name of shared files, if it can be one. Raises UserError `volume_name_invalid`."""
    if len(name) > MAX_VOLUME_NAME or not _NAME.fullmatch(name):
        raise UserError("volume_name_invalid", name=name[:80])
    return name


def new_subdomain(name: str) -> str:
    """The first label of a server's origin: readable, and random enough never to be used twice."""
    return f"{name}-{''.join(secrets.choice(_ALPHABET) for _ in range(10))}"


def new_start_id() -> str:
    """Names one start of one server; 128 random bits, since the server's token depends on it."""
    return secrets.token_hex(16)
