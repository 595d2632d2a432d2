"""What graders say, as HTML: Markdown of which only words, lists, code and links are left. Pure.

Two things stand between what is written and the page, and either would do. The parser knows no HTML: a tag that
somebody writes is shown as they wrote it. And what the parser makes is let through by a list of elements, attributes
and kinds of addresses, on which nothing is that runs, loads or is laid out by itself. Pictures are links to where they
are: reading a comment asks nobody else's server.
"""

from __future__ import annotations

from typing import Any

import bleach
import mistune
from django.utils.html import escape
from django.utils.safestring import SafeString

ELEMENTS = frozenset({"a", "blockquote", "br", "code", "del", "em", "li", "ol", "p", "pre", "strong", "ul"})
ATTRIBUTES = {"a": ["href", "rel"], "ol": ["start"]}
ADDRESSES = frozenset({"http", "https", "mailto"})


class _Renderer(mistune.HTMLRenderer):
    """As usual, but for what would break a page up: headings are bold lines, pictures are links, rules are nothing."""

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        return f"<p><strong>{text}</strong></p>\n"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if not url.lower().startswith(tuple(f"{kind}:" for kind in ADDRESSES)):
            return text  # A place on this site, or nothing that leads anywhere.
        return f'<a href="{escape(url)}" rel="nofollow noopener noreferrer">{text}</a>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return self.link(text or escape(url), url)

    def thematic_break(self) -> str:
        return ""

    def linebreak(self) -> str:
        return "<br>\n"

    def softbreak(self) -> str:
        return "<br>\n"  # As it was typed: comments are no books.


_parser = mistune.create_markdown(renderer=_Renderer(escape=True), plugins=["strikethrough", "url"])
_let_through = bleach.Cleaner(tags=ELEMENTS, attributes=ATTRIBUTES, protocols=ADDRESSES, strip=False)


def rendered(text: str) -> SafeString:
    """What somebody has written, safe to be part of any page, whoever they are."""
    return SafeString(_let_through.clean(str(_parser(text))))
