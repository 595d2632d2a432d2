"""Platforms as whoever runs this Carrel changes them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from accounts.models import Role, User
from lti import platforms
from lti.errors import LtiError
from lti.keys import LEAD, make_first_key, signing_key
from lti.models import AuditEntry, Deployment, LtiPerson, Platform
from tests.factories import CourseFactory, UserFactory
from tests.lti.platforms import Browser, SmallPlatform

pytestmark = pytest.mark.django_db
State = Platform.State


@pytest.fixture
def operator() -> User:
    """Whoever runs this Carrel."""
    user: User = UserFactory.create(username="root", role=Role.ADMINISTRATOR)
    return user


def make(**facts: object) -> Platform:
    """One that is kept as it would be by hand."""
    described = {"name": "Campus", "issuer": "https://lms.test", "client_id": "1"}
    return Platform.objects.create(**described | facts)


def comes_from(platform: Platform, now: datetime) -> LtiPerson:
    person: LtiPerson = LtiPerson.objects.create(
        platform=platform, sub="42", user=UserFactory.create(), first_seen_at=now, last_seen_at=now
    )
    return person


def refusal_of(call: object, *arguments: object, **named: object) -> str:
    """The code it is refused with."""
    with pytest.raises(LtiError) as refused:
        call(*arguments, **named)  # type: ignore[operator]
    return refused.value.code


def test_approval_gives_it_a_key_that_signs_at_once(now: datetime, operator: User) -> None:
    platform = make(state=State.PENDING)

    platforms.move(platform, State.ACTIVE, by=operator, now=now)

    assert Platform.objects.get().is_active
    assert signing_key(platform, now=now)


@pytest.mark.parametrize(
    ("before", "to", "is_allowed"),
    [
        (State.PENDING, State.ACTIVE, True),
        (State.PENDING, State.DISABLED, False),
        (State.ACTIVE, State.DISABLED, True),
        (State.ACTIVE, State.ACTIVE, False),
        (State.ACTIVE, State.PENDING, False),
        (State.DISABLED, State.ACTIVE, True),
        (State.DISABLED, State.PENDING, False),
    ],
)
def test_moves_are_those_of_the_table(
    now: datetime, operator: User, before: State, to: State, is_allowed: bool
) -> None:
    platform = make(state=before)

    if is_allowed:
        platforms.move(platform, to, by=operator, now=now)
    else:
        assert refusal_of(platforms.move, platform, to, by=operator, now=now) == "platform_moved"

    assert Platform.objects.get().state == (to if is_allowed else before)


def test_platform_is_added_once(now: datetime) -> None:
    make()
    again = Platform(name="Again", issuer="https://lms.test", client_id="1")

    assert refusal_of(platforms.add_platform, again, now=now) == "platform_known"
    assert Platform.objects.get().name == "Campus"


def test_one_of_which_nothing_has_come_can_be_removed(now: datetime, operator: User) -> None:
    platform = platforms.add_platform(Platform(name="A", issuer="https://a.test", client_id="1"), now=now)
    platform.deployments.create(deployment_id="1")

    platforms.remove(platform, by=operator, now=now)

    assert not Platform.objects.exists()


@pytest.mark.parametrize("what", ["a person", "a course"])
def test_one_of_which_something_has_come_stays(now: datetime, operator: User, what: str) -> None:
    platform = make()
    if what == "a person":
        comes_from(platform, now)
    else:
        platform.deployments.create(deployment_id="1").contexts.create(context_id="101")

    assert refusal_of(platforms.remove, platform, by=operator, now=now) == "platform_used"
    assert Platform.objects.exists()


def test_deployment_stays_when_courses_have_come_from_it(now: datetime, operator: User) -> None:
    deployment = make().deployments.create(deployment_id="1")
    platforms.withdraw_deployment(deployment, by=operator, now=now)
    assert not Deployment.objects.exists()

    deployment = Platform.objects.get().deployments.create(deployment_id="1")
    deployment.contexts.create(context_id="101")

    assert refusal_of(platforms.withdraw_deployment, deployment, by=operator, now=now) == "deployment_used"


def test_approving_a_deployment_twice_is_approving_it(now: datetime, operator: User) -> None:
    platform = make()
    platforms.note_unknown_deployment(platform, "7", now=now)

    made = [platforms.approve_deployment(platform, "7", by=operator, now=now) for _time in range(2)]

    assert made[0] == made[1]
    assert AuditEntry.objects.filter(what="deployment_approved", actor=operator).count() == 1
    assert not platform.unknown_deployments.exists()


def test_latest_unknown_deployments_are_remembered(now: datetime) -> None:
    platform = make()
    for number in range(platforms.MAX_UNKNOWN + 5):
        platforms.note_unknown_deployment(platform, str(number), now=now + timedelta(seconds=number))

    kept = list(platform.unknown_deployments.values_list("deployment_id", flat=True))
    assert kept == [str(number) for number in range(platforms.MAX_UNKNOWN + 4, 4, -1)]


def test_new_key_is_not_published_while_the_last_one_does_not_sign(now: datetime, operator: User) -> None:
    platform = make()
    make_first_key(platform, now=now)
    platforms.renew_key(platform, by=operator, now=now)

    assert refusal_of(platforms.renew_key, platform, by=operator, now=now + LEAD - timedelta(seconds=1)) == "key_waits"

    platforms.renew_key(platform, by=operator, now=now + LEAD)
    assert platform.key_pairs.count() == 3


def test_launch_from_a_place_nobody_approved_is_noted(browser: Browser, platform: Platform) -> None:
    response = browser.launch(deployment_id="elsewhere")

    assert response.status_code == 403
    assert platform.unknown_deployments.get().deployment_id == "elsewhere"


def test_place_that_is_not_signed_for_is_not_noted(browser: Browser, lms: SmallPlatform, platform: Platform) -> None:
    token = lms.signed(lms.message(browser.begin()["nonce"], deployment_id="made up"))
    head, _dot, _signature = token.rpartition(".")

    browser.post(state=browser.begin()["state"], id_token=f"{head}.AAAA")

    assert not platform.unknown_deployments.exists()


def test_figures_are_of_each_platform(now: datetime) -> None:
    busy, idle, waiting = (
        make(name="B", state=State.ACTIVE),
        make(client_id="2", state=State.ACTIVE),
        make(client_id="3"),
    )
    comes_from(busy, now)
    LtiPerson.objects.create(platform=busy, sub="43", user=UserFactory.create(), last_seen_at=now + timedelta(hours=1))
    places = busy.deployments.create(deployment_id="1").contexts
    places.create(context_id="101", course=CourseFactory.create())
    places.create(context_id="102")
    platforms.note_unknown_deployment(idle, "7", now=now)

    names = ("pk", "people_count", "last_seen_at", "course_count", "unknown_count")
    assert list(platforms.with_figures(now=now).values_list(*names)) == [
        (waiting.pk, 0, None, 0, 0),
        (busy.pk, 2, now + timedelta(hours=1), 1, 0),
        (idle.pk, 0, None, 0, 1),
    ]


def test_what_is_changed_is_noted_by_name(now: datetime, operator: User) -> None:
    platform = make()

    platforms.change(platform, {"name": "Campus", "jwks_url": "https://lms.test/k"}, by=operator, now=now)
    platforms.change(platform, {"name": "Campus"}, by=operator, now=now)

    assert AuditEntry.objects.get().facts == {"fields": "jwks_url"}


def test_change_does_not_switch_on_what_was_switched_off_meanwhile(now: datetime, operator: User) -> None:
    platform = make(state=Platform.State.ACTIVE)
    platforms.move(Platform.objects.get(), Platform.State.DISABLED, by=operator, now=now)

    platforms.change(platform, {"name": "University"}, by=operator, now=now)

    platform.refresh_from_db()
    assert (platform.name, platform.state) == ("University", Platform.State.DISABLED)


def test_removed_one_stays_in_the_audit_log_by_name(now: datetime, operator: User) -> None:
    platforms.remove(make(), by=operator, now=now)

    entry = AuditEntry.objects.get()
    assert (entry.what, entry.platform, entry.platform_name) == ("platform_removed", None, "Campus")


def test_last_refusal_is_of_the_platform(browser: Browser, platform: Platform, now: datetime) -> None:
    make()
    browser.launch(aud="somebody else")

    refusals = dict(platforms.with_figures(now=now).values_list("issuer", "last_refusal"))  # type: ignore[misc]  # annotated

    assert refusals == {platform.issuer: "message_untrusted", "https://lms.test": None}
