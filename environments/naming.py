"""Names, computed and never chosen: image keys, server names, the first labels of origins. Pure functions."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import secrets
import unicodedata
from collections.abc import Collection, Iterable

from environments.errors import UserError
from environments.values import Reference, ResolvedRepository

MAX_TAGS, MAX_TAG = 10, 30
MAX_SLUG = 60
RESERVED_SLUGS = frozenset({"new"})
"""What the catalog's own pages are called."""
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


def folded(text: str) -> str:
    """The text as it is searched for: without accents, capitals and needless spaces, in every database alike."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())


def check_tags(names: Iterable[str]) -> tuple[str, ...]:
    """The tags, each once however it is spelt. Raises UserError `tag_invalid` or `tags_too_many`."""
    tags: dict[str, str] = {}
    for name in names:
        tag = " ".join(name.split())
        if tag:
            if len(tag) > MAX_TAG or "," in tag or not tag.isprintable() or not any(map(str.isalnum, folded(tag))):
                raise UserError("tag_invalid", tag=tag[:80], most=MAX_TAG)
            tags.setdefault(folded(tag), tag)
    if len(tags) > MAX_TAGS:
        raise UserError("tags_too_many", most=MAX_TAGS)
    return tuple(tags.values())


def slug_stem(title: str, *, otherwise: str = "environment") -> str:
    """The title as part of an address, or something else if nothing of it can be."""
    words = re.sub(r"[^a-z0-9]+", "-", folded(title).encode("ascii", "ignore").decode()).strip("-")
    return words[: MAX_SLUG - 12].strip("-") or otherwise


def secret_slug(stem: str) -> str:
    """An address that nobody guesses."""
    return f"{stem}-{_random_letters()}"


def free_slug(stem: str, taken: Collection[str]) -> str:
    """The stem, or with the first number that makes it differ from those that are taken."""
    tries = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(slug for slug in tries if slug not in taken and slug not in RESERVED_SLUGS)


def new_subdomain(name: str) -> str:
    """The first label of a server's origin: readable, and random enough never to be used twice."""
    return f"{name}-{_random_letters()}"


def new_start_id() -> str:
    """Names one start of one server; 128 random bits, since the server's token depends on it."""
    return secrets.token_hex(16)


def _random_letters() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(10))
