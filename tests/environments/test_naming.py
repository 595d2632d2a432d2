"""Names are computed: the same for the same thing, different for different ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from environments import naming
from environments.errors import UserError
from environments.values import Reference, ResolvedRepository

REPOSITORY = ResolvedRepository("https://github.com/carrel-tests/statistics", "1" * 40, "main")


def key(
    repository: ResolvedRepository = REPOSITORY, builder: str = "venv", version: str = "1", platform: str = "p"
) -> str:
    return naming.image_key(repository, builder=builder, version=version, platform=platform)


def test_image_key_same_for_same_commit_whatever_its_branch() -> None:
    other_branch = ResolvedRepository(REPOSITORY.url, REPOSITORY.commit, "dev")

    assert key(other_branch) == key()


@pytest.mark.parametrize(
    "other",
    [
        key(ResolvedRepository(REPOSITORY.url, "2" * 40, "main")),
        key(ResolvedRepository("https://github.com/carrel-tests/other", "1" * 40, "main")),
        key(builder="repo2docker"),
        key(version="2"),
        key(platform="q"),
    ],
)
def test_image_key_differs_with_whatever_changes_the_image(other: str) -> None:
    assert other != key()


def private_key(owner: str) -> str:
    repository = replace(REPOSITORY, is_private=True)
    return naming.image_key(repository, builder="venv", version="1", platform="p", private_to=owner)


def test_image_key_of_private_repository_is_one_person_s_own() -> None:
    assert len({private_key("ada"), private_key("bob"), key()}) == 3
    assert private_key("ada") == private_key("ada")


def test_image_key_of_private_repository_needs_its_person() -> None:
    with pytest.raises(ValueError, match="whose image"):
        private_key("")


def test_image_key_of_public_repository_is_everybody_s() -> None:
    shared = naming.image_key(REPOSITORY, builder="venv", version="1", platform="p", private_to="ada")

    assert shared == key()


def test_image_name_has_the_key_and_nothing_that_can_change() -> None:
    name = naming.image_name(key(), prefix="registry.example:5000/school/")

    assert name == f"registry.example:5000/school/environment:{key()}"


@pytest.mark.parametrize(
    ("repository", "stem"),
    [
        ("Owner/Statistics-101", "statistics-101-"),
        ("https://git.example.org/a/b/Möbius.git", "mobius-"),
        ("https://git.example.org/42", "server-42-"),
        ("https://git.example.org/日本語", "server-"),
        ("o/" + "x" * 200, "x" * 28 + "-"),
        ("o/a--b__c", "a-b-c-"),
    ],
)
def test_server_name_readable_and_valid(repository: str, stem: str) -> None:
    name = naming.server_name(Reference("git", repository))

    assert name.startswith(stem)
    assert naming.check_server_name(name) == name


def test_server_name_differs_by_reference() -> None:
    names = {
        naming.server_name(Reference(provider, "a/b", ref)) for provider in ("gh", "gl") for ref in ("", "main", "dev")
    }

    assert len(names) == 6


@pytest.mark.parametrize("name", ["", "1a", "-a", "a-", "a--b", "A", "a_b", "a.b", "é", "a" * 41, "a\n", "a b"])
def test_check_server_name_refuses(name: str) -> None:
    with pytest.raises(UserError) as refusal:
        naming.check_server_name(name)

    assert refusal.value.code == "name_invalid"


def test_new_subdomain_is_a_dns_label_and_new_each_time() -> None:
    longest = naming.check_server_name("a" * 40)

    labels = {naming.new_subdomain(longest) for _ in range(50)}

    assert len(labels) == 50
    assert all(len(label) <= 63 for label in labels)
