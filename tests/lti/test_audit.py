"""What was done about learning platforms, and who reads it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from classes.members import admit
from classes.models import Role
from lti import audit
from lti.audit import SENTENCES, What, facts_of, forget_old, note, sentence_of
from lti.keys import make_first_key, rotate
from lti.limits import RefusalsNoted
from lti.models import AuditEntry, LtiPerson, Platform
from tests.factories import CourseFactory, UserFactory
from tests.lti.platforms import TEACHER, Browser

PAGE = "/lti/audit/"


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    """What other tests were refused counts for them."""
    cache.clear()


@pytest.fixture
def campus(db: None) -> Platform:
    """A platform that nothing is asked of."""
    return Platform.objects.create(name="Campus", issuer="https://lms.test", client_id="1")


def page_of(client: Client, person: User, query: str = "") -> str:
    client.force_login(person)
    return client.get(f"{PAGE}{query}").content.decode()


# --- Noting -------------------------------------------------------------------------------------------------


def test_every_word_has_a_sentence() -> None:
    assert set(SENTENCES) == set(What)
    assert all(name.isidentifier() for what in What for name in facts_of(what))


def test_note_keeps_the_facts_of_its_sentence(campus: Platform, administrator: User, now: datetime) -> None:
    note("deployment_approved", platform=campus, actor=administrator, now=now, deployment="17")

    entry = AuditEntry.objects.get()
    assert (entry.platform, entry.platform_name, entry.actor, entry.at) == (campus, "Campus", administrator, now)
    assert sentence_of(entry) == "The deployment “17” was approved."


@pytest.mark.parametrize("facts", [{}, {"deployment": "17", "id_token": "e30.e30."}])
def test_note_takes_no_other_facts(campus: Platform, now: datetime, facts: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is told with"):
        note("deployment_approved", platform=campus, now=now, **facts)  # type: ignore[arg-type]


def test_note_takes_no_other_word(campus: Platform, now: datetime) -> None:
    with pytest.raises(ValueError, match="made_up"):
        note("made_up", platform=campus, now=now)


def test_note_cuts_what_is_too_long(campus: Platform, now: datetime) -> None:
    entry = note("deployment_approved", platform=campus, now=now, deployment="1" * 1000)

    assert len(entry.facts["deployment"]) == audit.MAX_FACT


def test_entry_is_never_changed(campus: Platform, now: datetime) -> None:
    entry = note("platform_approved", platform=campus, now=now)

    with pytest.raises(TypeError):
        entry.save()
    with pytest.raises(TypeError):
        AuditEntry.objects.update(what="platform_disabled")


def test_entry_outlives_its_platform_and_person(campus: Platform, now: datetime) -> None:
    note("platform_removed", platform=campus, actor=UserFactory.create(username="gone"), now=now)

    campus.delete()
    User.objects.get(username="gone").delete()

    entry = AuditEntry.objects.get()
    assert (entry.platform, entry.actor, entry.platform_name) == (None, None, "Campus")


def test_entries_go_when_they_are_old(campus: Platform, now: datetime, settings: Settings) -> None:
    settings.LTI_AUDIT_DAYS = 30
    note("platform_approved", platform=campus, now=now - timedelta(days=31))
    kept = note("platform_approved", platform=campus, now=now - timedelta(days=29))

    forget_old(now=now)

    assert list(AuditEntry.objects.all()) == [kept]


def test_entries_stay_for_ever_if_so_set(campus: Platform, now: datetime, settings: Settings) -> None:
    settings.LTI_AUDIT_DAYS = 0
    note("platform_approved", platform=campus, now=now - timedelta(days=5000))

    forget_old(now=now)

    assert AuditEntry.objects.count() == 1


# --- What is noted ------------------------------------------------------------------------------------------


def test_refused_launch_is_found_by_its_reference(browser: Browser, platform: Platform) -> None:
    response = browser.launch(aud="another tool")

    entry = AuditEntry.objects.get()
    assert (entry.what, entry.platform, entry.facts["code"]) == ("launch_refused", platform, "message_untrusted")
    assert f"<code>{entry.reference}</code>" in response.content.decode()


def test_refused_launch_is_noted_without_what_it_says_of_anybody(browser: Browser, platform: Platform) -> None:
    browser.launch(aud="another tool", sub="a-secret-sub", email="ada@example.org")
    asked = browser.begin()
    token = browser.lms.signed(browser.lms.message(asked["nonce"], exp=1))
    browser.post(state=asked["state"], id_token=token)

    told = " ".join(f"{entry.facts} {entry.reference}" for entry in AuditEntry.objects.all())
    assert AuditEntry.objects.count() == 2
    assert not [word for word in ("a-secret-sub", "ada@example.org", token, asked["state"]) if word in told]


def test_refused_login_is_noted(browser: Browser, platform: Platform) -> None:
    Platform.objects.update(state=Platform.State.DISABLED)

    browser.client.post("/lti/login/", browser.lms.login_parameters())

    entry = AuditEntry.objects.get()
    assert (entry.platform, entry.facts["code"]) == (platform, "platform_inactive")


def test_stranger_who_is_refused_is_noted_without_a_platform(client: Client, db: None) -> None:
    client.post("/lti/launch/", {"state": "made up"})

    entry = AuditEntry.objects.get()
    assert (entry.platform, entry.facts["code"]) == (None, "cookie_missing")


def test_flood_of_refusals_does_not_fill_the_table(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RefusalsNoted, "get_rate", lambda _limit: "3/hour")

    for _number in range(5):
        assert client.post("/lti/launch/", {"state": "made up"}).status_code == 401

    assert AuditEntry.objects.count() == 3


def test_replaced_key_is_noted(campus: Platform, now: datetime) -> None:
    make_first_key(campus, now=now)

    key = rotate(campus, now=now)

    assert AuditEntry.objects.get().facts["key"] == key.kid


def test_connected_course_is_noted(browser: Browser) -> None:
    url = browser.launch(roles=[TEACHER])["Location"]
    user = LtiPerson.objects.get().user
    course = CourseFactory.create(owner=user, title="Statistics I")
    admit(course, user, role=Role.TEACHER, now=timezone.now())

    browser.client.post(f"{url}class/", {"course": course.slug})

    entry = AuditEntry.objects.get()
    assert (entry.what, entry.actor) == ("course_connected", user)
    assert sentence_of(entry) == "The course “Statistics” became the class “Statistics I”."


# --- Reading ------------------------------------------------------------------------------------------------


def test_page_shows_what_was_done_and_by_whom(
    client: Client, campus: Platform, administrator: User, now: datetime
) -> None:
    note("deployment_approved", platform=campus, actor=administrator, now=now, deployment="17")

    page = page_of(client, administrator)

    assert "The deployment “17” was approved." in page
    assert administrator.username in page


def test_page_says_that_there_is_nothing(client: Client, administrator: User) -> None:
    assert "As soon as a learning platform is added" in page_of(client, administrator)


def test_page_is_narrowed(client: Client, campus: Platform, administrator: User, now: datetime) -> None:
    other = Platform.objects.create(name="Another", issuer="https://other.test", client_id="1")
    note("deployment_approved", platform=campus, now=now, deployment="of campus")
    note("deployment_approved", platform=other, now=now, deployment="of another")
    note("launch_refused", platform=campus, reference="c0ffee00", now=now, code="login_stale", detail="why it was")

    of_campus = page_of(client, administrator, f"?platform={campus.pk}")
    refused = page_of(client, administrator, "?what=launch_refused")
    told = page_of(client, administrator, "?reference=c0ffee00")

    assert ["of campus" in of_campus, "of another" in of_campus, "why it was" in of_campus] == [True, False, True]
    assert ["of campus" in refused, "why it was" in refused] == [False, True]
    assert ["of campus" in told, "why it was" in told] == [False, True]


@pytest.mark.parametrize("query", ["?platform=made-up", "?what=made-up", "?reference=%00'", "?page=made-up"])
def test_page_passes_over_what_makes_no_sense(
    client: Client, campus: Platform, administrator: User, now: datetime, query: str
) -> None:
    note("platform_approved", platform=campus, now=now)

    assert "It was approved" in page_of(client, administrator, query)


def test_page_says_that_nothing_is_like_that(client: Client, campus: Platform, administrator: User) -> None:
    assert "Nothing like that" in page_of(client, administrator, "?what=launch_refused")


def test_page_tells_times_where_the_reader_is(
    client: Client, campus: Platform, administrator: User, now: datetime
) -> None:
    note("platform_approved", platform=campus, now=now)
    administrator.time_zone = "Asia/Tokyo"
    administrator.save()

    assert "18:00:00" in page_of(client, administrator)


def test_page_escapes_what_a_platform_calls_itself(
    client: Client, campus: Platform, administrator: User, now: datetime
) -> None:
    note("deployment_approved", platform=campus, now=now, deployment="<script>alert(1)</script>")

    assert "<script>alert(1)" not in page_of(client, administrator)


def test_page_asks_as_much_for_many_as_for_one(
    client: Client,
    campus: Platform,
    administrator: User,
    now: datetime,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(120):
        actor = UserFactory.create(username=f"somebody{number % 7}")
        note("deployment_approved", platform=campus, actor=actor, now=now, deployment=str(number))
    client.force_login(administrator)

    with django_assert_max_num_queries(7):
        page = client.get(f"{PAGE}?page=2").content.decode()

    assert "Page 2 of 3" in page
