"""What the launch form makes of what people type."""

from __future__ import annotations

import pytest

from environments.errors import UserError
from environments.forms import LaunchForm, urlpath_of
from environments.values import LaunchSpec, Reference


@pytest.mark.parametrize(
    ("typed", "urlpath"),
    [
        ("", ""),
        ("  /  ", ""),
        ("first.ipynb", "lab/tree/first.ipynb"),
        ("/notebooks/first.ipynb", "lab/tree/notebooks/first.ipynb"),
        ("week 1/Übung.ipynb", "lab/tree/week%201/%C3%9Cbung.ipynb"),
        ("lab/first.ipynb", "lab/tree/lab/first.ipynb"),
        ("lab/tree/first.ipynb", "lab/tree/first.ipynb"),
        ("/tree/notebooks", "tree/notebooks"),
        ("lab", "lab"),
        ("tree?reset", "tree?reset"),
    ],
)
def test_understand_what_to_open(typed: str, urlpath: str) -> None:
    assert urlpath_of(typed) == urlpath


@pytest.mark.parametrize(
    "typed", ["../secret", "a/../../b", "lab/tree/../../x", "https://evil.example", "a\\b", "a\x00"]
)
def test_refuse_to_open_what_is_outside(typed: str) -> None:
    with pytest.raises(UserError) as caught:
        urlpath_of(typed)

    assert caught.value.code == "path_invalid"


@pytest.mark.parametrize(
    ("data", "spec"),
    [
        ({"repository": "gh/owner/name"}, LaunchSpec(Reference("gh", "owner/name"))),
        (
            {"repository": "https://github.com/owner/name", "ref": "v1", "name": "mine", "path": "a.ipynb"},
            LaunchSpec(Reference("gh", "owner/name", "v1"), urlpath="lab/tree/a.ipynb", name="mine"),
        ),
        (
            {"repository": "https://mybinder.org/v2/gh/owner/name/main?urlpath=lab%2Ftree%2Fb.ipynb"},
            LaunchSpec(Reference("gh", "owner/name", "main"), urlpath="lab/tree/b.ipynb"),
        ),
    ],
)
def test_make_spec_of_what_was_filled_in(data: dict[str, str], spec: LaunchSpec) -> None:
    form = LaunchForm(data)

    assert form.is_valid()
    assert form.spec == spec


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("ref_unknown", "ref"),
        ("name_taken", "name"),
        ("path_invalid", "path"),
        ("repository_unreachable", "repository"),
        ("unexpected", "repository"),
    ],
)
def test_put_error_at_the_field_it_is_about(code: str, field: str) -> None:
    form = LaunchForm({"repository": "gh/owner/name"})

    form.add_launch_error(UserError(code))

    assert list(form.errors) == [field]
