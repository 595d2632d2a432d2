"""What the pretend LMS can be ordered to do wrong, and the other LMSs it can be."""

from __future__ import annotations

import json
from typing import Any

import httpx
import jwt
import pytest

from lti.demo_lms import scopes, services
from lti.demo_lms.claims import DEEP_LINKING, LTI
from lti.demo_lms.quirks import INSTITUTION, MEMBERSHIP, SYSTEM
from tests.fakes.lms.client import LmsProcess, Sent
from tests.fakes.lms.profiles import TEST_USER
from tests.lms.tiny_tool import TinyTool

COURSE = 2


def made(lms: LmsProcess, tool: TinyTool, **facts: Any) -> dict[str, Any]:
    """An activity worth ten points."""
    activity: dict[str, Any] = lms.do("activity", course=COURSE, tool=tool.id, title="Loops", maximum=10, **facts)
    return activity


def launch(lms: LmsProcess, tool: TinyTool, username: str = "ada") -> Sent:
    return tool.launch(lms, lms.browser(username), made(lms, tool)["id"])


def unread(sent: Sent) -> dict[str, Any]:
    """What a launch claims, whoever signed it."""
    said: dict[str, Any] = jwt.decode(sent.fields["id_token"], options={"verify_signature": False})
    return said


def as_another(lms: LmsProcess, tool: TinyTool, profile: str) -> TinyTool:
    """The tool registered at another LMS."""
    lms.do("profile", name=profile)
    return tool.enter(lms)


def post_score(lms: LmsProcess, tool: TinyTool, activity: dict[str, Any], **changed: Any) -> httpx.Response:
    path, _, query = activity["line_item"].partition("?")
    said = {"userId": lms.do("person", username="ada")["sub"], "timestamp": "2026-03-02T09:00:00Z", "scoreGiven": 7}
    said |= {"scoreMaximum": 10, "activityProgress": "Completed", "gradingProgress": "FullyGraded"} | changed
    return tool.call(lms, "POST", f"{path}/scores{query and '?' + query}", services.SCORE, said)


def shown(lms: LmsProcess) -> Any:
    return lms.do("grades", course=COURSE)[0]["shown"].get("ada")


def members(lms: LmsProcess, tool: TinyTool, url: str = "") -> httpx.Response:
    first = f"/mod/lti/services.php/CourseSection/{COURSE}/bindings/{tool.id}/memberships"
    return tool.call(lms, "GET", url or first, services.MEMBERS)


# Launches


@pytest.mark.parametrize("signature", ["other-key", "tampered", "none", "HS256"])
def test_launch_can_be_forged(lms: LmsProcess, tool: TinyTool, signature: str) -> None:
    lms.do("launch", signature=signature)

    false, true = launch(lms, tool), launch(lms, tool)

    with pytest.raises(jwt.PyJWTError):
        tool.read(lms, false)
    assert tool.read(lms, true)


def test_launch_can_say_anything_and_leave_anything_out(lms: LmsProcess, tool: TinyTool) -> None:
    claims = {"exp": None, "aud": [tool.client_id, "another"], LTI + "resource_link": "null", LTI + "version": "1.1"}
    lms.do("launch", claims=claims)

    said = unread(launch(lms, tool))

    assert "exp" not in said
    assert said["aud"] == [tool.client_id, "another"]
    assert said[LTI + "resource_link"] is None
    assert said[LTI + "version"] == "1.1"


@pytest.mark.parametrize(("header", "expected"), [({"kid": None}, None), ({"kid": "unknown"}, "unknown")])
def test_launch_can_name_no_key_or_a_wrong_one(
    lms: LmsProcess, tool: TinyTool, header: dict[str, Any], expected: str | None
) -> None:
    lms.do("launch", header=header)

    assert jwt.get_unverified_header(launch(lms, tool).fields["id_token"]).get("kid") == expected


def test_launch_can_come_without_state_or_token_or_with_an_error(lms: LmsProcess, tool: TinyTool) -> None:
    lms.do("launch", fields={"state": None, "id_token": None, "error": "login_required"})

    assert launch(lms, tool).fields == {"error": "login_required"}


def test_launch_can_be_the_one_before_once_more(lms: LmsProcess, tool: TinyTool) -> None:
    first = launch(lms, tool)
    lms.do("launch", replay=True)

    assert launch(lms, tool).fields["id_token"] == first.fields["id_token"]


def test_launch_is_false_as_often_as_was_ordered(lms: LmsProcess, tool: TinyTool) -> None:
    lms.do("launch", claims={"iss": "https://elsewhere.example"}, times=2)

    issuers = [unread(launch(lms, tool))["iss"] for _ in range(3)]

    assert issuers == ["https://elsewhere.example"] * 2 + [lms.url]


def test_token_can_be_had_without_a_browser(lms: LmsProcess, tool: TinyTool) -> None:
    token = lms.do("id_token", username="ada", activity=made(lms, tool)["id"], nonce="mine")

    assert tool.read(lms, Sent("", {"id_token": token}))["nonce"] == "mine"


@pytest.mark.parametrize("skew", [-3600, 3600])
def test_clock_can_be_wrong_both_ways(lms: LmsProcess, tool: TinyTool, skew: int) -> None:
    true = unread(launch(lms, tool))["iat"]
    lms.do("clock", skew=skew)

    assert abs(unread(launch(lms, tool))["iat"] - true - skew) < 60


@pytest.mark.parametrize(("keep_old", "count"), [(False, 1), (True, 2)])
def test_keys_rotate_with_and_without_overlap(lms: LmsProcess, tool: TinyTool, keep_old: bool, count: int) -> None:
    before = launch(lms, tool)

    key_id = lms.do("rotate_keys", keep_old=keep_old)

    keys = lms.client.get("/mod/lti/certs.php").json()["keys"]
    assert len(keys) == count
    assert jwt.get_unverified_header(launch(lms, tool).fields["id_token"])["kid"] == key_id
    assert (jwt.get_unverified_header(before.fields["id_token"])["kid"] in {key["kid"] for key in keys}) is keep_old


def test_issuer_can_change(lms: LmsProcess, tool: TinyTool) -> None:
    lms.do("quirk", issuer="https://moved.example")

    assert unread(launch(lms, tool))["iss"] == "https://moved.example"
    assert lms.client.get("/mod/lti/openid-configuration.php").json()["issuer"] == "https://moved.example"


def test_tool_can_be_deleted_in_the_middle(lms: LmsProcess, tool: TinyTool) -> None:
    activity = made(lms, tool)
    lms.do("delete_tool", id=tool.id)

    answer = lms.browser("ada").client.get(f"/mod/lti/launch.php?id={activity['id']}")

    assert answer.status_code == 404
    assert json.loads(tool.ask_token(lms, scopes.SCORE).text) == {"error": "invalid_client"}


def test_people_can_have_any_id_and_any_name(lms: LmsProcess, tool: TinyTool) -> None:
    long = "x" * 200
    lms.do("person", username="ada", sub=long, given_name="🦊", family_name="", email="")

    said = tool.read(lms, launch(lms, tool))
    found = [one for one in members(lms, tool).json()["members"] if one["user_id"] == long]

    assert (said["sub"], said["name"]) == (long, "🦊")
    assert "email" not in said
    assert [one["name"] for one in found] == ["🦊"]
    assert post_score(lms, tool, made(lms, tool)).status_code == 200


# Services


def test_answer_can_be_an_error_a_few_times(lms: LmsProcess, tool: TinyTool) -> None:
    lms.do("answer", path="/mod/lti/token.php", status=503, body="<h1>Down</h1>", after=1, times=2)

    statuses = [tool.ask_token(lms, scopes.SCORE).status_code for _ in range(4)]

    assert statuses == [200, 503, 503, 200]


def test_answer_can_be_that_there_were_too_many_requests(lms: LmsProcess, tool: TinyTool) -> None:
    lms.do("answer", path=".*/scores", status=403, body="403 Forbidden", headers={"x-rate-limit-remaining": "0.0"})

    answer = post_score(lms, tool, made(lms, tool))

    assert (answer.status_code, answer.headers["x-rate-limit-remaining"]) == (403, "0.0")


def test_answer_can_be_lost_after_the_deed(lms: LmsProcess, tool: TinyTool) -> None:
    activity = made(lms, tool)
    lms.do("answer", path=".*/scores", status=504, lose=True, times=1)

    first, again = post_score(lms, tool, activity), post_score(lms, tool, activity)

    assert (first.status_code, again.status_code) == (504, 409)
    assert shown(lms) == 7


def test_answer_can_never_come(lms: LmsProcess, tool: TinyTool) -> None:
    lms.do("answer", path="/mod/lti/certs.php", hang=True)

    with pytest.raises(httpx.ReadTimeout):
        lms.client.get("/mod/lti/certs.php", timeout=0.2)


def test_answer_can_lie_about_single_facts(lms: LmsProcess) -> None:
    said = {"jwks_uri": "http://169.254.169.254/keys", "token_endpoint": None}
    lms.do("answer", path="/mod/lti/openid-configuration.php", merge=said)

    answer = lms.client.get("/mod/lti/openid-configuration.php").json()

    assert answer["jwks_uri"] == "http://169.254.169.254/keys"
    assert "token_endpoint" not in answer
    assert answer["issuer"] == lms.url


def test_truth_ends_all_lies(lms: LmsProcess, tool: TinyTool) -> None:
    lms.do("answer", path=".*", status=500, body="")
    lms.do("launch", signature="none", times=None)

    lms.do("truth")

    assert tool.read(lms, launch(lms, tool))


def test_roster_can_go_on_elsewhere(lms: LmsProcess, tool: TinyTool) -> None:
    lms.do("next_link", url="http://169.254.169.254/latest")

    assert members(lms, tool).links["next"]["url"] == "http://169.254.169.254/latest"


def test_roster_can_have_a_thousand_pages_and_more(lms: LmsProcess, tool: TinyTool) -> None:
    path = f"/mod/lti/services.php/CourseSection/{COURSE}/bindings/{tool.id}/memberships"
    lms.do("next_link", url=f"{lms.url}{path}?page={{n}}")

    first = members(lms, tool)
    second = members(lms, tool, first.links["next"]["url"])

    assert first.links["next"]["url"].endswith("?page=1")
    assert second.links["next"]["url"].endswith("?page=2")


def test_tokens_can_be_taken_back(lms: LmsProcess, tool: TinyTool) -> None:
    token = json.loads(tool.ask_token(lms, *scopes.ALL).text)["access_token"]
    lms.do("forget_tokens")

    path = f"/mod/lti/services.php/CourseSection/{COURSE}/bindings/{tool.id}/memberships"
    answer = lms.client.get(path, headers={"Authorization": f"Bearer {token}", "Accept": services.MEMBERS})

    assert answer.status_code == 401


def test_log_tells_what_came_and_what_was_answered(lms: LmsProcess, tool: TinyTool) -> None:
    post_score(lms, tool, made(lms, tool))

    logged = lms.log("/scores", "POST")

    assert [(one["status"], json.loads(one["body"])["scoreGiven"]) for one in logged] == [(200, 7)]
    assert logged[0]["headers"]["content-type"] == services.SCORE


def test_control_refuses_what_makes_no_sense(lms: LmsProcess) -> None:
    answers = [
        lms.client.post("/control", content=body)
        for body in (b"[]", b'{"do": "nothing"}', b'{"do": "clock", "hours": 1}', b'{"do": "tool", "id": 999}')
    ]

    assert {answer.status_code for answer in answers} == {400}


# Other LMSs


def test_canvas_shares_a_name_and_calls_everybody_an_instructor_of_the_institution(
    lms: LmsProcess, running_tool: TinyTool
) -> None:
    tool = as_another(lms, running_tool, "canvas")
    lms.do("person", username="ada", is_test_user=True)

    said = unread(launch(lms, tool))

    assert said["iss"] == "https://canvas.instructure.com"
    assert said[LTI + "roles"][0] == MEMBERSHIP + "Learner"
    assert {INSTITUTION + "Instructor", TEST_USER} < set(said[LTI + "roles"])
    assert ":" in said[LTI + "deployment_id"]
    assert "-" in said["sub"]


def test_canvas_wants_the_token_endpoint_as_audience_and_each_assertion_once(
    lms: LmsProcess, running_tool: TinyTool
) -> None:
    tool = as_another(lms, running_tool, "canvas")
    wrong = tool.ask_token(lms, scopes.SCORE)
    assertion = tool.assertion(aud=f"{lms.url}/mod/lti/token.php")

    answers = [tool.ask_token(lms, scopes.SCORE, client_assertion=assertion) for _ in range(2)]

    assert [answer.status_code for answer in (wrong, *answers)] == [400, 200, 400]
    assert answers[0].headers["content-type"].startswith("application/json")


def test_canvas_pages_by_words_in_which_case_matters(lms: LmsProcess, running_tool: TinyTool) -> None:
    tool = as_another(lms, running_tool, "canvas")
    lms.do("quirk", audience="")
    lms.do("students", course=COURSE, count=60)

    first = members(lms, tool)
    second = members(lms, tool, first.links["next"]["url"])
    lowered = members(lms, tool, first.links["next"]["url"].lower().replace("coursesection", "CourseSection"))

    assert (len(first.json()["members"]), len(second.json()["members"])) == (50, 15)
    assert lowered.status_code != 200 or lowered.json() != second.json()


def test_canvas_lists_the_suspended_as_inactive(lms: LmsProcess, running_tool: TinyTool) -> None:
    tool = as_another(lms, running_tool, "canvas")
    lms.do("quirk", audience="")
    lms.do("enrol", course=COURSE, username="ada", is_suspended=True)

    found = {one["ext_user_username"]: one["status"] for one in members(lms, tool).json()["members"]}

    assert (found["ada"], found["ben"]) == ("Inactive", "Active")


def test_canvas_ignores_points_that_are_not_final(lms: LmsProcess, running_tool: TinyTool) -> None:
    tool = as_another(lms, running_tool, "canvas")
    lms.do("quirk", audience="")
    activity = made(lms, tool)
    post_score(lms, tool, activity)

    post_score(lms, tool, activity, timestamp="2026-03-02T09:00:00.5Z", gradingProgress="Pending", scoreGiven=1)

    assert shown(lms) == 7


def test_blackboard_begins_by_get_and_knows_histories_of_links(lms: LmsProcess, running_tool: TinyTool) -> None:
    tool = as_another(lms, running_tool, "blackboard")
    activity = made(lms, tool, custom={"was": "$ResourceLink.id.history"})
    copy = lms.do("copy_course", course=COURSE)

    login = lms.browser("tess").open(copy["activities"][0]["id"])
    said = unread(lms.browser("tess").answer(tool.asks_who(lms, login)))

    assert (login.method, login.url) == ("GET", f"{tool.url}/login")
    assert said["iss"] == "https://blackboard.com"
    assert said[LTI + "custom"]["was"] == activity["link_id"]


@pytest.mark.parametrize("profile", ["blackboard", "d2l"])
def test_some_want_a_key_named_in_the_answer_of_a_picker(lms: LmsProcess, running_tool: TinyTool, profile: str) -> None:
    tool = as_another(lms, running_tool, profile)
    tess = lms.browser("tess")
    said = unread(tess.answer(tool.asks_who(lms, tess.pick(COURSE, tool.id))))
    url = said[DEEP_LINKING + "deep_linking_settings"]["deep_link_return_url"]
    nameless = jwt.encode({"iss": tool.client_id, "aud": said["iss"], "exp": 9_999_999_999}, tool.key, "RS256")

    refused = lms.client.post(url, data={"JWT": nameless})
    taken = tool.picks(lms, said, {"type": "ltiResourceLink", "title": "Loops"})

    assert (refused.status_code, taken.status_code) == (400, 200)
    assert "names no key" in refused.text


def test_d2l_has_keys_without_alg_an_audience_of_its_own_and_people_without_grades(
    lms: LmsProcess, running_tool: TinyTool
) -> None:
    tool = as_another(lms, running_tool, "d2l")
    assertion = tool.assertion(aud="https://api.brightspace.com/auth/token")
    given = tool.ask_token(lms, scopes.SCORE, client_assertion=assertion)
    refused = tool.ask_token(lms, scopes.SCORE)
    lms.do("quirk", audience="")
    lms.do("enrol", course=COURSE, username="ada", is_gradable=False)

    assert "alg" not in lms.client.get("/mod/lti/certs.php").json()["keys"][0]
    assert (given.status_code, refused.status_code) == (200, 400)
    assert post_score(lms, tool, made(lms, tool)).status_code == 403


def test_openedx_pads_roles_names_the_party_and_has_long_ids(lms: LmsProcess, running_tool: TinyTool) -> None:
    tool = as_another(lms, running_tool, "openedx")

    said = unread(launch(lms, tool))

    assert said["azp"] == tool.client_id
    assert said["exp"] - said["iat"] == 3600
    assert said[LTI + "deployment_id"] == "1"
    assert {SYSTEM + "None", INSTITUTION + "None"} < set(said[LTI + "roles"])
    assert {"@", "+"} < set(said[LTI + "resource_link"]["id"])


def test_openedx_answers_scores_differently_and_keeps_interim_ones(lms: LmsProcess, running_tool: TinyTool) -> None:
    tool = as_another(lms, running_tool, "openedx")
    activity = made(lms, tool)

    first, same = post_score(lms, tool, activity), post_score(lms, tool, activity)
    post_score(lms, tool, activity, timestamp="2026-03-02T09:00:00.5Z", gradingProgress="Pending", scoreGiven=3)

    assert (first.status_code, same.status_code) == (201, 400)
    assert shown(lms) == 3
