"""What holds of every reference, however it is spelled, and of every text, however it is made."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments import references
from environments.errors import UserError
from environments.values import Reference

PREFIXES = [provider.prefix for provider in references.providers()]
BEGINNINGS = [*(f"{prefix}/" for prefix in PREFIXES), "https://", "doi:", "10.5281/", "https://doi.org/", ""]
MIDDLES = ["zenodo.org/records/", "figshare.com/articles/", "x.org/dataset/", "x.org/citation?persistentId=", ""]

WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=2, max_size=12)
NUMBER = st.integers(1, 10**9)
DOI_SUFFIX = st.lists(st.text("abcXYZ019-_()", min_size=1, max_size=8), min_size=1, max_size=3).map("/".join)
VERSION = st.tuples(st.integers(1, 9999), st.integers(0, 9999)).map(lambda pair: f"{pair[0]}.{pair[1]}")
HOST = st.lists(WORD, min_size=2, max_size=3).map(lambda words: ".".join("x" + word for word in words))
NEWEST = st.just("")
ID = st.text("0123456789abcdef", min_size=32, max_size=32)


def records(
    provider: str, repositories: st.SearchStrategy[str], refs: st.SearchStrategy[str] = NEWEST
) -> st.SearchStrategy[Reference]:
    """References of one archive, with and without a version."""
    return st.builds(Reference, st.just(provider), repositories, NEWEST | refs)


RECORDS = st.one_of(
    records("zenodo", NUMBER.map("10.5281/zenodo.{}".format)),
    records("figshare", NUMBER.map("10.6084/m9.figshare.{}".format), st.integers(1, 9999).map("v{}".format)),
    records("hydroshare", ID),
    records("dataverse", DOI_SUFFIX.map("10.7910/DVN/{}".format), VERSION),
    records("dataverse", HOST.map("https://{}/citation?persistentId=hdl:1/abc".format), VERSION),
    records("ckan", st.builds("https://{}/dataset/{}".format, HOST, WORD), st.uuids().map(str)),
)
SHAPED = st.builds("{}{}{}".format, st.sampled_from(BEGINNINGS), st.sampled_from(MIDDLES), st.text(max_size=40))


def understood(text: str) -> Reference | None:
    """What a text means, or None when it is refused in words fit to be read."""
    try:
        return references.parse(text)
    except UserError as error:
        refusal = error.explain()
    assert (refusal.sentence + refusal.next_step).isprintable()
    return None


@given(RECORDS)
def test_parse_inverts_path_of(reference: Reference) -> None:
    assert references.parse(references.path_of(reference)) == reference


@given(RECORDS)
def test_parse_reads_the_launch_link_of_a_record(reference: Reference) -> None:
    link = f"https://mybinder.org/v2/{references.path_of(reference)}?urlpath=lab"

    assert references.parse_with_path(link) == (reference, "lab")


@given(RECORDS)
def test_parse_reads_the_page_of_a_record(reference: Reference) -> None:
    page = references.web_url_of(reference)

    assert references.parse(page, ref=reference.ref) == reference


@given(SHAPED | st.text(max_size=60))
def test_parse_understands_or_refuses_any_text(text: str) -> None:
    reference = understood(text)

    if reference is not None:
        assert reference.provider in PREFIXES
        assert references.parse(references.path_of(reference)) == reference
        assert references.web_url_of(reference).isprintable()


@pytest.mark.parametrize("prefix", PREFIXES)
@given(text=st.text(max_size=40))
def test_parse_takes_no_encoding_for_another_provider(prefix: str, text: str) -> None:
    reference = understood(f"{prefix}/{quote(text, safe='')}")

    if reference is not None:
        assert reference.provider == prefix
        assert references.parse(references.path_of(reference)) == reference
