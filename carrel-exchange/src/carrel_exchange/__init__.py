"""nbgrader's exchange, kept by a Carrel: what its commands and JupyterLab's Assignments tab fetch from and submit to.

The package brings a `nbgrader_config.py` that configures it where there is a Carrel. Elsewhere, in one's own:

    import carrel_exchange
    carrel_exchange.configure(get_config())
"""

from __future__ import annotations

import os
from typing import Any

from carrel_exchange.exchange import Exchange
from carrel_exchange.fetching import ExchangeFetchAssignment, ExchangeFetchFeedback
from carrel_exchange.listing import ExchangeList
from carrel_exchange.submitting import ExchangeSubmit

__all__ = [
    "Exchange",
    "ExchangeFetchAssignment",
    "ExchangeFetchFeedback",
    "ExchangeList",
    "ExchangeSubmit",
    "configure",
]


def configure(c: Any) -> None:
    """Have nbgrader use this exchange, with a folder for each class: what `get_config()` gives is to be passed.

    Work is kept in the person's own files where the server has them (`~/home`), which is where Carrel itself looks for
    it; else where nbgrader was started.
    """
    c.ExchangeFactory.exchange = Exchange
    c.ExchangeFactory.list = ExchangeList
    c.ExchangeFactory.fetch_assignment = ExchangeFetchAssignment
    c.ExchangeFactory.fetch_feedback = ExchangeFetchFeedback
    c.ExchangeFactory.submit = ExchangeSubmit
    c.Exchange.path_includes_course = True
    own_files = os.path.join(os.path.expanduser("~"), "home")
    if os.path.isdir(own_files):
        c.Exchange.assignment_dir = own_files
