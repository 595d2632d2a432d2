"""What servers run with, in sentences an operator can act on."""

from __future__ import annotations

import pytest

from environments.backends import Choice
from environments.models import SiteReport
from environments.values import EngineProblem, Firewall
from environments.views.runtime_words import choice_sentence, firewall_of, problem_of, runtime_sentence


@pytest.mark.parametrize(
    ("runtime", "version", "words"),
    [
        ("docker", "27.1", "Servers run in containers of Docker Engine 27.1."),
        ("docker", "", "Servers run in containers of a Docker Engine."),
        ("process", "3.12.3", "Servers run as processes of this machine."),
        ("swarm", "1", "Servers run on “swarm”."),
    ],
)
def test_runtime_is_named(runtime: str, version: str, words: str) -> None:
    assert runtime_sentence(SiteReport(runtime=runtime, version=version)) == words


@pytest.mark.parametrize(
    ("choice", "words"),
    [(Choice.SET, "RUNTIME says so"), (Choice.FOUND, "answered when"), (Choice.NOT_FOUND, "no Docker Engine answered")],
)
def test_reason_for_the_runtime_is_given(choice: Choice, words: str) -> None:
    assert words in choice_sentence(SiteReport(choice=choice))


def test_reason_is_left_out_where_nothing_could_be_chosen() -> None:
    assert choice_sentence(SiteReport(choice="")) == ""


@pytest.mark.parametrize("problem", EngineProblem)
def test_every_problem_has_something_to_do(problem: EngineProblem) -> None:
    finding = problem_of(SiteReport(problem=problem))

    assert finding is not None
    assert finding.next_step


def test_engine_that_answers_is_no_problem() -> None:
    assert problem_of(SiteReport(problem="")) is None


@pytest.mark.parametrize(
    ("state", "is_good", "has_step"),
    [
        (Firewall.IN_PLACE, True, False),
        (Firewall.MISSING, False, True),
        (Firewall.UNSEEN, False, True),
        (Firewall.NONE, None, False),
    ],
)
def test_firewall_that_is_not_seen_has_something_to_do(state: Firewall, is_good: bool | None, has_step: bool) -> None:
    finding = firewall_of(SiteReport(firewall=state))

    assert (finding.is_good, bool(finding.next_step)) == (is_good, has_step)
