"""The grammar of launch links: what Binder's links mean, what ours add, and that writing and reading agree."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.errors import UserError
from environments.links import MAX_COLLABORATORS, MAX_LENGTH, MAX_MOUNTS, badges, link_to, read_link
from environments.references import parse, path_of
from environments.values import LaunchSpec, Limits, MountWish, Reference

GH = "gh/binder-examples/requirements/HEAD"

names = st.from_regex(r"[a-z](-?[a-z0-9]){0,15}", fullmatch=True)
plain_parts = st.text(st.sampled_from("abcXYZ019 _-é&=+%#?'\"<>"), min_size=1, max_size=12).filter(
    lambda part: part == part.strip() and part.strip(".")
)
paths = st.lists(plain_parts, min_size=1, max_size=3).map("/".join)
refs = st.from_regex(r"[A-Za-z0-9é%#+]{1,8}(/[A-Za-z0-9_%&=é-]{1,8}){0,2}", fullmatch=True).filter(
    lambda ref: ref != "HEAD"
)
references = st.one_of(
    st.builds(
        Reference,
        st.just("gh"),
        st.from_regex(r"[a-z0-9]{1,10}/[a-z][a-z0-9._-]{0,10}[a-z0-9]", fullmatch=True).filter(
            lambda name: not name.endswith(".git")
        ),
        st.one_of(st.just(""), refs),
    ),
    st.builds(
        Reference,
        st.just("gl"),
        st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,4}(/[A-Za-z0-9_][a-z0-9.-]{0,5}){1,4}", fullmatch=True).filter(
            lambda project: not any(part.endswith((".git", ".atom")) for part in project.split("/"))
        ),
        st.one_of(st.just(""), refs),
    ),
    st.builds(
        Reference,
        st.just("gist"),
        st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}/[0-9a-f]{1,32}", fullmatch=True),
        st.one_of(st.just(""), st.from_regex(r"[0-9a-f]{40}", fullmatch=True), refs),
    ),
    st.builds(
        Reference, st.just("example"), st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True), st.just("") | refs
    ),
    st.builds(
        Reference,
        st.just("git"),
        st.from_regex(r"https?://[a-z]{2,6}\.org(:80[0-9]{2})?(/~?[A-Za-z0-9_+-]{1,6}){1,3}", fullmatch=True),
        st.one_of(st.just(""), refs),
    ),
)
minutes = st.none() | st.integers(1, 100_000)
specs = st.builds(
    LaunchSpec,
    reference=references,
    urlpath=st.just("") | paths.map(lambda path: f"lab/tree/{quote(path)}"),
    name=st.just("") | names,
    limits=st.builds(
        Limits, st.none() | st.integers(1, 1_000_000), st.none() | st.integers(1, 9999).map(lambda n: n / 100)
    ),
    idle_minutes=minutes,
    lifetime_minutes=minutes,
    mounts=st.lists(
        st.builds(MountWish, names, paths.filter(lambda path: not path.startswith(".")), st.booleans()),
        max_size=3,
        unique=True,
    ).map(tuple),
    collaborators=st.lists(st.from_regex(r"[\w.@+-]{1,12}", fullmatch=True), max_size=3, unique=True).map(tuple),
    is_public=st.booleans(),
    with_credentials=st.booleans(),
)


def read(link: str) -> LaunchSpec:
    path, _mark, query = link.removeprefix("/v2/").partition("?")
    return read_link(path, query).spec


@given(specs)
def test_link_says_what_the_launch_says(spec: LaunchSpec) -> None:
    assert read(link_to(spec)) == spec


@given(references)
def test_path_is_read_as_it_was_written(reference: Reference) -> None:
    assert parse(path_of(reference)) == reference
    assert parse(path_of(reference), ref=reference.ref) == reference


@given(specs)
def test_link_is_fit_to_stand_anywhere(spec: LaunchSpec) -> None:
    link = link_to(spec)

    assert link.isascii()
    assert not set(link) & set(" \"'<>\\^`{|}")


@given(st.text(max_size=200), st.text(max_size=200))
def test_read_understands_or_refuses_whatever_comes(path: str, query: str) -> None:
    with suppress(UserError):  # Anything else would be a bug.
        spec = read_link(quote(path, safe="/:%@"), query).spec
        assert read(link_to(spec)) == spec


@pytest.mark.parametrize(
    ("query", "urlpath"),
    [
        ("", ""),
        ("urlpath=lab/tree/a.ipynb", "lab/tree/a.ipynb"),
        ("urlpath=%2Flab%2Ftree%2Fa.ipynb", "lab/tree/a.ipynb"),
        ("labpath=a%20b.ipynb", "doc/tree/a%20b.ipynb"),
        ("filepath=a.ipynb", "lab/tree/a.ipynb"),
        ("urlpath=rstudio&filepath=b.ipynb&labpath=a.ipynb", "doc/tree/a.ipynb"),
        ("urlpath=rstudio&filepath=b.ipynb", "lab/tree/b.ipynb"),
        ("urlpath=first&urlpath=second", "second"),
        (
            "urlpath=git-pull%3Frepo%3Dhttps%253A%252F%252Fgithub.com%252Fo%252Fr%26urlpath%3Dlab%252Ftree%252Fr%252Fa.ipynb",
            "git-pull?repo=https%3A%2F%2Fgithub.com%2Fo%2Fr&urlpath=lab%2Ftree%2Fr%2Fa.ipynb",
        ),
    ],
)
def test_read_opens_what_a_binder_link_opens(query: str, urlpath: str) -> None:
    assert read_link(GH, query).spec == LaunchSpec(parse("gh/binder-examples/requirements"), urlpath=urlpath)


def test_read_takes_each_parameter_of_ours() -> None:
    query = (
        "server=mine&mount=data:input/data:ro&mount=work&collaborator=ada&collaborator=bob&public=1&credentials=true"
        "&memory=4G&cpus=1.5&idle=30&lifetime=240&hub=other"
    )

    link = read_link(GH, query)

    assert link.spec == LaunchSpec(
        parse("gh/binder-examples/requirements"),
        name="mine",
        limits=Limits(4096, 1.5),
        idle_minutes=30,
        lifetime_minutes=240,
        mounts=(MountWish("data", "input/data", True), MountWish("work", "shared/work")),
        collaborators=("ada", "bob"),
        is_public=True,
        with_credentials=True,
    )
    assert link.hub == "other"


def test_read_passes_over_parameters_of_others() -> None:
    assert read_link(GH, "utm_source=mail&token=1&build_token=x") == read_link(GH)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("memory=lots", "option_invalid"),
        ("memory=0", "option_invalid"),
        ("memory=1e9", "option_invalid"),
        ("cpus=0", "option_invalid"),
        ("cpus=nan", "option_invalid"),
        ("idle=-5", "option_invalid"),
        ("lifetime=1.5", "option_invalid"),
        ("public=perhaps", "option_invalid"),
        ("collaborator=a%20b", "option_invalid"),
        ("server=%ff%fe", "option_invalid"),
        ("server=My+Server", "name_invalid"),
        ("mount=Data", "volume_name_invalid"),
        ("mount=data:../../etc", "mount_path_invalid"),
        ("mount=data:a:b:ro", "mount_path_invalid"),
        ("mount=data:.ssh", "mount_path_invalid"),
        ("urlpath=../../etc", "path_invalid"),
        ("urlpath=%2F%2Fevil.example", "path_elsewhere"),
        ("urlpath=%252F%252Fevil.example", "path_elsewhere"),
        ("urlpath=+https%3A%2F%2Fevil.example", "path_elsewhere"),
        ("labpath=a%5Cb", "path_invalid"),
        ("&".join(f"mount=v{n}" for n in range(MAX_MOUNTS + 1)), "option_too_often"),
        ("&".join(f"collaborator=p{n}" for n in range(MAX_COLLABORATORS + 1)), "option_too_often"),
        ("x=" + "y" * MAX_LENGTH, "link_too_long"),
    ],
)
def test_read_refuses(query: str, code: str) -> None:
    with pytest.raises(UserError) as refusal:
        read_link(GH, query)

    assert refusal.value.code == code
    assert "{" not in refusal.value.explain().sentence


@pytest.mark.parametrize("path", ["", "gh", "nowhere/a/b", "git/file%3A%2F%2F%2Fetc/main", "gh/a/b/-option"])
def test_read_refuses_what_is_no_repository(path: str) -> None:
    with pytest.raises(UserError):
        read_link(path)


@pytest.mark.parametrize("markup", ["Markdown", "reStructuredText", "HTML"])
def test_badge_leads_to_the_link(markup: str) -> None:
    link = "https://carrel.example.org/v2/gh/o/r/HEAD?urlpath=lab/tree/a.ipynb"

    text = badges(link, image="https://carrel.example.org/badge_logo.svg", label="launch")[markup]

    assert link in text
    assert "badge_logo.svg" in text


def test_badge_in_html_is_one_element_whatever_the_link() -> None:
    text = badges('https://c.example/v2/x?a="><script>&b=1', image="i", label="l")["HTML"]

    assert "<script" not in text
    assert "&amp;b=1" in text


@pytest.mark.parametrize("read_only", [True, False])
def test_folder_called_ro_is_told_from_the_mark_at_the_end(read_only: bool) -> None:
    spec = LaunchSpec(parse("gh/a/b"), mounts=(MountWish("data", "ro", read_only),))

    assert read(link_to(spec)) == spec
