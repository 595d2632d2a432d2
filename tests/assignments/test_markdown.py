"""Comments in Markdown: laid out as they were written, and nothing else, whatever is tried."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.template import Context, Template
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from assignments.markdown import ADDRESSES, ATTRIBUTES, ELEMENTS, rendered
from assignments.templatetags.grades import MAX_LAID_OUT
from classes.notebooks import Cell, Kind

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](java&#x73;cript:alert(1))",
    "[a](&#106;avascript:alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "[a](vbscript:x)",
    "[a]\n\n[a]: javascript:alert(1)",
    "<javascript:alert(1)>",
    '[a](https://x.example "onmouseover=alert(1)")',
    '[a](https://x.example/"onmouseover=alert(1)")',
    "![a](https://x.example/pixel.png)",
    "![a](javascript:alert(1))",
    "`<b onclick=alert(1)>`",
    "```\n</code></pre><script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "<style>*{display:none}</style>",
    "<iframe src=https://x.example></iframe>",
    "<form action=https://x.example><input name=password></form>",
    "<!-- <script>alert(1)</script> -->",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "[a](/accounts/logout/)",
    "[a](//x.example)",
]
PIECES = [*HOSTILE, "<", ">", '"', "'", "&", "\\", "`", "*", "_", "[", "](", ")", "\n", "\n\n", "    ", "> ", "- ", "x"]


class _Reader(HTMLParser):
    """Holds what a browser would find against the list."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ELEMENTS
        for name, value in attrs:
            assert name in ATTRIBUTES[tag]
            if name == "href":
                assert (value or "").strip().split(":")[0].lower() in ADDRESSES

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_runs_or_loads_gets_through(text: str) -> None:
    _Reader(rendered(text))


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_nothing_that_runs_or_loads_gets_through_however_it_is_put_together(text: str) -> None:
    _Reader(rendered(text))


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("**Well** *done*, ~~wrong~~", "<p><strong>Well</strong> <em>done</em>, <del>wrong</del></p>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("```python\nx < 1\n```", "<pre><code>x &lt; 1\n</code></pre>"),
        ("# Why", "<p><strong>Why</strong></p>"),
        ("if x < y & z:", "<p>if x &lt; y &amp; z:</p>"),
        ("<b>as typed</b>", "<p>&lt;b&gt;as typed&lt;/b&gt;</p>"),
        ("[a](javascript:alert(1))", "<p>a</p>"),
    ],
)
def test_render_lays_out_what_was_written(text: str, page: str) -> None:
    assert rendered(text).strip() == page


def test_picture_is_a_link_and_nothing_is_loaded() -> None:
    page = rendered("![the plot](https://example.org/plot.png)")

    assert page.strip() == (
        '<p><a href="https://example.org/plot.png" rel="nofollow noopener noreferrer">the plot</a></p>'
    )


def test_templates_have_it_as_a_filter() -> None:
    page = Template("{% load grades %}{{ text|markdown }}").render(Context({"text": "*yes* <i>"}))

    assert page.strip() == "<p><em>yes</em> &lt;i&gt;</p>"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (Cell(Kind.TEXT, "*so*"), True),
        (Cell(Kind.CODE, "*so*"), False),
        (Cell(Kind.RAW, "*so*"), False),
        (Cell(Kind.TEXT, "[" * (MAX_LAID_OUT + 1)), False),
    ],
)
def test_words_of_a_cell_are_laid_out_where_that_cannot_take_long(cell: Cell, expected: bool) -> None:
    page = render_to_string("assignments/_cell_source.html", {"cell": cell, "has_source": True})

    assert ("cell-text" in page) is expected
    assert '<pre class="cell-source"' in page  # What was typed is to be seen in any case.
