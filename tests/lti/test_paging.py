"""Where the next page of a list is."""

from __future__ import annotations

import pytest

from lti.paging import PageElsewhere, PageUnreadable, next_page

ADDRESS = "https://lms.example/m?p=1"


@pytest.mark.parametrize(
    ("links", "address"),
    [
        ("", ""),
        ('<https://lms.example/m?p=AbC>; rel="next"', "https://lms.example/m?p=AbC"),
        ("</m?p=2>;rel=next", "https://lms.example/m?p=2"),
        ('<https://LMS.example:443/m>; rel="Next last"', "https://LMS.example:443/m"),
        ('<https://lms.example/a,b>; rel="prev", <https://lms.example/c,d>; rel="next"', "https://lms.example/c,d"),
        ('<https://lms.example/next>; rel="differences"', ""),
    ],
)
def test_next_page_is_found(links: str, address: str) -> None:
    assert next_page(links, of=ADDRESS) == address


@pytest.mark.parametrize(
    "address",
    [
        "http://lms.example/m",
        "https://lms.example:8443/m",
        "https://lms.example.evil.test/m",
        "https://lms.example@evil.test/m",
        "//127.0.0.1/m",
        "file:///etc/passwd",
        "https://[/m",
    ],
)
def test_next_page_of_another_origin_is_refused(address: str) -> None:
    with pytest.raises(PageElsewhere):
        next_page(f'<{address}>; rel="next"', of=ADDRESS)


@pytest.mark.parametrize(
    "links", ["<https://lms.example/m>; rel=“next”", 'https://lms.example/m; rel="next"', "<; next"]
)
def test_broken_link_is_not_the_end(links: str) -> None:
    with pytest.raises(PageUnreadable):
        next_page(links, of=ADDRESS)
