"""The pretend LMS held to what Moodle was seen to do."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from lti.demo_lms import scopes, services
from lti.demo_lms.claims import BASIC_OUTCOME, DEEP_LINKING, GRADES, LTI, ROSTER
from lti.demo_lms.quirks import INSTITUTION, MEMBERSHIP, SYSTEM
from lti.demo_lms.registration import PLATFORM, TOOL
from tests.fakes.lms.client import LmsProcess
from tests.lms.tiny_tool import TinyTool, tiny_tool

COURSE = 2
"""Computing 101: Tess teaches, Toby assists, Ada, Ben and Chloé learn."""


@pytest.fixture
def activity(lms: LmsProcess, tool: TinyTool) -> dict[str, Any]:
    """An activity worth ten points."""
    made: dict[str, Any] = lms.do(
        "activity", course=COURSE, tool=tool.id, title="Loops", maximum=10, resource_id="loops", custom={"id": "a1"}
    )
    return made


def sub(lms: LmsProcess, username: str) -> str:
    found: str = lms.do("person", username=username)["sub"]
    return found


def score(lms: LmsProcess, username: str = "ada", timestamp: str = "2026-03-02T09:00:00Z", **changed: Any) -> Any:
    said = {"userId": sub(lms, username), "timestamp": timestamp, "scoreGiven": 7, "scoreMaximum": 10}
    said |= {"activityProgress": "Completed", "gradingProgress": "FullyGraded"} | changed
    return {name: value for name, value in said.items() if value is not None}


def post_score(lms: LmsProcess, tool: TinyTool, activity: dict[str, Any], **changed: Any) -> httpx.Response:
    url = activity["line_item"].replace("/lineitem?", "/lineitem/scores?")
    return tool.call(lms, "POST", url, services.SCORE, score(lms, **changed))


def shown(lms: LmsProcess) -> dict[str, Any]:
    """What the gradebook's first column shows, by person."""
    found: dict[str, Any] = lms.do("grades", course=COURSE)[0]["shown"]
    return found


def launched(lms: LmsProcess, tool: TinyTool, username: str, activity: dict[str, Any]) -> dict[str, Any]:
    return tool.read(lms, tool.launch(lms, lms.browser(username), activity["id"]))


def asked_to_pick(lms: LmsProcess, tool: TinyTool) -> dict[str, Any]:
    tess = lms.browser("tess")
    return tool.read(lms, tess.answer(tool.asks_who(lms, tess.pick(COURSE, tool.id))))


def members(lms: LmsProcess, tool: TinyTool, query: str = "") -> httpx.Response:
    url = f"/mod/lti/services.php/CourseSection/{COURSE}/bindings/{tool.id}/memberships{query}"
    return tool.call(lms, "GET", url, services.MEMBERS)


# Endpoints


def test_publish_one_rs256_key(lms: LmsProcess) -> None:
    lms.do("reset", keys=True)

    keys = lms.client.get("/mod/lti/certs.php").json()["keys"]

    assert [(key["kty"], key["alg"], key["use"]) for key in keys] == [("RSA", "RS256", "sig")]
    assert "d" not in keys[0]


def test_configuration_names_every_endpoint_below_the_issuer(lms: LmsProcess) -> None:
    said = lms.client.get("/mod/lti/openid-configuration.php").json()

    assert said["issuer"] == lms.url
    assert said["token_endpoint"] == f"{lms.url}/mod/lti/token.php"
    assert said["authorization_endpoint"] == f"{lms.url}/mod/lti/auth.php"
    assert said["jwks_uri"] == f"{lms.url}/mod/lti/certs.php"
    assert said["registration_endpoint"] == f"{lms.url}/mod/lti/openid-registration.php"


def test_configuration_offers_histories_of_contexts_but_not_of_links(lms: LmsProcess) -> None:
    variables = lms.client.get("/mod/lti/openid-configuration.php").json()[PLATFORM]["variables"]

    assert "Context.id.history" in variables
    assert "User.username" in variables
    assert "ResourceLink.id.history" not in variables
    assert "ResourceLink.submission.endDateTime" not in variables


# Dynamic registration


def start_registration(lms: LmsProcess, tool: TinyTool, **asked: str) -> httpx.Response:
    admin = lms.browser("admin").client
    return admin.get("/mod/lti/startltiadvregistration.php", params={"url": f"{tool.url}/register?x=1", **asked})


def registration_token(lms: LmsProcess, tool: TinyTool, **asked: str) -> str:
    location = start_registration(lms, tool, **asked).headers["location"]
    return parse_qs(urlsplit(location).query)["registration_token"][0]


def register(lms: LmsProcess, token: str, said: dict[str, Any]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return lms.client.post("/mod/lti/openid-registration.php", json=said, headers=headers)


def test_registration_sends_the_browser_to_the_tool_with_configuration_and_token(
    lms: LmsProcess, running_tool: TinyTool
) -> None:
    answer = start_registration(lms, running_tool)

    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{running_tool.url}/register?x=1&")
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    assert asked["openid_configuration"] == [f"{lms.url}/mod/lti/openid-configuration.php"]
    said = jwt.decode(asked["registration_token"][0], options={"verify_signature": False})
    assert said["exp"] - said["iat"] == 3600


def test_registration_is_for_administrators(lms: LmsProcess, running_tool: TinyTool) -> None:
    answer = lms.browser("tess").client.get("/mod/lti/startltiadvregistration.php", params={"url": running_tool.url})

    assert answer.status_code == 403


def test_register_answers_with_client_and_deployment(lms: LmsProcess, running_tool: TinyTool) -> None:
    answer = register(lms, registration_token(lms, running_tool), running_tool.registration())

    said = answer.json()
    assert answer.status_code == 200
    assert said["client_id"]
    assert isinstance(said[TOOL]["deployment_id"], str)
    assert said["scope"].split() == list(scopes.ALL)


def test_register_leaves_the_tool_pending_until_it_is_activated(lms: LmsProcess, running_tool: TinyTool) -> None:
    register(lms, registration_token(lms, running_tool), running_tool.registration())
    number = next(iter(lms.do("state")["tools"].values()))["id"]
    before = lms.browser("tess").page("/course/view.php", id=COURSE)

    lms.browser("admin").send_form("/mod/lti/toolconfigure.php", "activate.php", id=number)

    assert "Tiny" not in before
    assert "Tiny" in lms.browser("tess").page("/course/view.php", id=COURSE)


def test_register_refuses_a_token_that_was_used(lms: LmsProcess, running_tool: TinyTool) -> None:
    token = registration_token(lms, running_tool)
    register(lms, token, running_tool.registration())

    assert register(lms, token, running_tool.registration()).status_code == 401


def test_register_refuses_a_token_after_an_hour(lms: LmsProcess, running_tool: TinyTool) -> None:
    token = registration_token(lms, running_tool)
    lms.do("clock", skew=3601)

    assert register(lms, token, running_tool.registration()).status_code == 401


def test_register_refuses_without_a_token(lms: LmsProcess, running_tool: TinyTool) -> None:
    assert lms.client.post("/mod/lti/openid-registration.php", json=running_tool.registration()).status_code == 401
    assert register(lms, "nonsense", running_tool.registration()).status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"response_types": ["code"]},
        {"response_types": None},
        {"initiate_login_uri": None},
        {"redirect_uris": "https://tool.example/launch"},
        {"redirect_uris": None},
        {"client_name": None},
        {"jwks_uri": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {TOOL: {"target_link_uri": "https://tool.example/"}},
    ],
)
def test_register_requires_what_moodle_requires(
    lms: LmsProcess, running_tool: TinyTool, changed: dict[str, Any]
) -> None:
    answer = register(lms, registration_token(lms, running_tool), running_tool.registration(**changed))

    assert answer.status_code == 400
    assert lms.do("state")["tools"] == {}


def test_register_refuses_a_domain_without_the_port_of_its_target(lms: LmsProcess, running_tool: TinyTool) -> None:
    tool = {"domain": running_tool.host.partition(":")[0], "target_link_uri": f"{running_tool.url}/start"}

    answer = register(lms, registration_token(lms, running_tool), running_tool.registration(**{TOOL: tool}))

    assert (answer.status_code, answer.json()["error"]) == (400, "domain_targetlinkuri_mismatch")


def test_register_assumes_https_where_no_target_is_named(lms: LmsProcess, running_tool: TinyTool) -> None:
    token = registration_token(lms, running_tool)

    answer = register(lms, token, running_tool.registration(**{TOOL: {"domain": "tool.example"}}))

    assert answer.json()[TOOL]["target_link_uri"] == "https://tool.example"


def test_register_without_the_scope_of_line_items_gives_no_column_management(
    lms: LmsProcess, running_tool: TinyTool
) -> None:
    said = running_tool.registration(scope=scopes.SCORE)

    answer = register(lms, registration_token(lms, running_tool), said)

    assert answer.json()["scope"].split() == [scopes.LINE_ITEM_READ, scopes.RESULT, scopes.SCORE]


def test_registration_asks_first_where_the_domain_is_known(lms: LmsProcess, tool: TinyTool) -> None:
    asked = start_registration(lms, tool)
    forced = start_registration(lms, tool, type="0")

    assert asked.status_code == 200
    assert "Register as new tool" in asked.text
    assert forced.status_code == 302


def test_register_again_changes_the_tool_and_keeps_its_client(lms: LmsProcess, tool: TinyTool) -> None:
    token = registration_token(lms, tool, type=str(tool.id))

    answer = register(lms, token, tool.registration(client_name="Renamed"))

    assert answer.json()["client_id"] == tool.client_id
    assert [one["name"] for one in lms.do("state")["tools"].values()] == ["Renamed"]


# Launches


def test_open_posts_a_login_initiation(lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]) -> None:
    login = lms.browser("ada").open(activity["id"])

    assert (login.method, login.url) == ("POST", f"{tool.url}/login")
    hint = json.loads(login.fields.pop("lti_message_hint"))
    assert hint["cmid"] == activity["id"]
    assert hint["launchid"].startswith("ltilaunch")
    assert login.fields == {
        "iss": lms.url,
        "target_link_uri": f"{tool.url}/start",
        "login_hint": sub(lms, "ada"),
        "client_id": tool.client_id,
        "lti_deployment_id": str(tool.id),
    }


def test_launch_returns_state_and_nonce_by_form_post(lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]) -> None:
    launch = tool.launch(lms, lms.browser("ada"), activity["id"])

    assert (launch.method, launch.url) == ("POST", f"{tool.url}/launch")
    assert launch.fields["state"] == "the state"
    assert tool.read(lms, launch)["nonce"] == "the nonce"


def test_launch_says_all_that_moodle_says_and_no_more(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]
) -> None:
    said = launched(lms, tool, "ada", activity)

    assert said["exp"] - said["iat"] == 60
    assert (said["iss"], said["aud"], said["sub"]) == (lms.url, tool.client_id, sub(lms, "ada"))
    assert (said["name"], said["given_name"], said["family_name"]) == ("Ada Lindqvist", "Ada", "Lindqvist")
    assert said["email"] == "ada@lms.example"
    assert said[LTI + "message_type"] == "LtiResourceLinkRequest"
    assert said[LTI + "version"] == "1.3.0"
    assert said[LTI + "deployment_id"] == str(tool.id)
    assert said[LTI + "target_link_uri"] == f"{tool.url}/start"
    assert said[LTI + "roles"] == [MEMBERSHIP + "Learner"]
    assert said[LTI + "resource_link"] == {"id": str(activity["id"]), "title": "Loops", "description": ""}
    assert said[LTI + "ext"] == {"user_username": "ada", "lms": "moodle-2"}
    assert said[LTI + "tool_platform"]["product_family_code"] == "moodle"
    assert set(said[LTI + "lis"]) == {"person_sourcedid", "course_section_sourcedid"}
    assert said[GRADES]["lineitem"] == activity["line_item"]
    assert said[GRADES]["lineitems"] == f"{lms.url}/mod/lti/services.php/{COURSE}/lineitems?type_id={tool.id}"
    assert "lis_result_sourcedid" in said[BASIC_OUTCOME]
    unsent = {"azp", "picture", "locale", LTI + "role_scope_mentor"}
    assert not unsent & set(said)


def test_launch_names_the_context_by_a_small_number_and_a_bare_word(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]
) -> None:
    context = launched(lms, tool, "ada", activity)[LTI + "context"]

    assert context == {"id": "2", "label": "CS101", "title": "Computing 101", "type": ["CourseSection"]}


def test_launch_puts_the_session_key_into_the_return_address(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]
) -> None:
    presentation = launched(lms, tool, "ada", activity)[LTI + "launch_presentation"]

    assert presentation["document_target"] == "iframe"
    assert parse_qs(urlsplit(presentation["return_url"]).query)["sesskey"][0]


def test_launch_leaves_unknown_variables_as_they_are(lms: LmsProcess, tool: TinyTool) -> None:
    custom = {"due": "$ResourceLink.submission.endDateTime", "was": "$ResourceLink.id.history", "who": "$User.username"}
    made = lms.do("activity", course=COURSE, tool=tool.id, title="Dates", custom=custom)

    said = launched(lms, tool, "ada", made)[LTI + "custom"]

    assert said["due"] == "$ResourceLink.submission.endDateTime"
    assert said["was"] == "$ResourceLink.id.history"
    assert said["who"] == "ada"


def test_launch_mixes_an_address_of_its_own_into_custom(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]
) -> None:
    said = launched(lms, tool, "ada", activity)

    assert said[LTI + "custom"] == {"id": "a1", "context_memberships_url": said[ROSTER]["context_memberships_url"]}


def test_launch_tells_names_only_to_tools_that_asked_for_them(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]
) -> None:
    lms.do("tool", id=tool.id, claims=["sub"])

    said = launched(lms, tool, "ada", activity)

    assert not {"name", "given_name", "family_name", "email"} & set(said)


def test_launch_has_no_email_where_there_is_none(lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]) -> None:
    said = launched(lms, tool, "chloe", activity)

    assert "email" not in said
    assert said["given_name"] == "Chloé 🎓"


@pytest.mark.parametrize(
    ("username", "roles"),
    [
        ("tess", [MEMBERSHIP + "Instructor"]),
        ("toby", [MEMBERSHIP + "Instructor"]),
        ("ada", [MEMBERSHIP + "Learner"]),
        ("admin", [MEMBERSHIP + "Instructor", INSTITUTION + "Administrator", SYSTEM + "Administrator"]),
    ],
)
def test_launch_sends_the_roles_of_the_table(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any], username: str, roles: list[str]
) -> None:
    assert launched(lms, tool, username, activity)[LTI + "roles"] == roles


def test_launch_gives_each_of_two_tabs_an_id_of_its_own(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]
) -> None:
    ada = lms.browser("ada")
    first, second = ada.open(activity["id"]), ada.open(activity["id"])

    launches = [ada.answer(tool.asks_who(lms, login)) for login in (second, first)]

    assert all("id_token" in launch.fields for launch in launches)


def test_launch_is_answered_once(lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]) -> None:
    ada = lms.browser("ada")
    question = tool.asks_who(lms, ada.open(activity["id"]))
    ada.answer(question)

    assert ada.client.get(question).status_code == 400


def test_open_is_refused_to_strangers_and_the_suspended(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]
) -> None:
    lms.do("person", username="stranger")
    lms.do("enrol", course=COURSE, username="ada", is_suspended=True)

    for username in ("stranger", "ada"):
        assert lms.browser(username).client.get(f"/mod/lti/launch.php?id={activity['id']}").status_code == 403


def test_open_is_refused_while_the_tool_is_pending(lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]) -> None:
    lms.do("tool", id=tool.id, is_active=False)

    assert lms.browser("ada").client.get(f"/mod/lti/launch.php?id={activity['id']}").status_code == 403


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"scope": "profile"}, "invalid_scope"),
        ({"response_type": "code"}, "unsupported_response_type"),
        ({"client_id": "another"}, "unauthorized_client"),
        ({"login_hint": "999"}, "access_denied"),
        ({"nonce": None}, "invalid_request"),
        ({"response_mode": None}, "invalid_request"),
        ({"response_mode": "query"}, "invalid_request"),
        ({"prompt": "login"}, "invalid_request"),
    ],
)
def test_launch_answers_a_wrong_question_with_an_error(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any], changed: dict[str, str | None], error: str
) -> None:
    launch = tool.launch(lms, lms.browser("ada"), activity["id"], **changed)

    assert launch.fields["error"] == error
    assert launch.fields["state"] == "the state"
    assert "id_token" not in launch.fields


def test_launch_goes_to_no_address_that_is_not_registered(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]
) -> None:
    ada = lms.browser("ada")
    question = tool.asks_who(lms, ada.open(activity["id"]), redirect_uri="https://elsewhere.example/")

    assert ada.client.get(question).status_code == 400


def test_launch_asked_for_by_post_without_the_cookie_is_sent_again_from_here(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]
) -> None:
    ada = lms.browser("ada")
    question = tool.asks_who(lms, ada.open(activity["id"]))
    asked = {name: values[0] for name, values in parse_qs(urlsplit(question).query).items()}

    again = httpx.post(f"{lms.url}/mod/lti/auth.php", data=asked, trust_env=False)

    assert 'name="repost" value="true"' in again.text
    launch = ada.client.post("/mod/lti/auth.php", data=asked | {"repost": "true"})
    assert "id_token" in launch.text


# Deep linking


def item(**changed: Any) -> dict[str, Any]:
    said = {"type": "ltiResourceLink", "title": "Loops", "text": "About loops", "custom": {"assignment": "a1"}}
    return said | changed


def test_deep_linking_request_says_what_moodle_says(lms: LmsProcess, tool: TinyTool) -> None:
    said = asked_to_pick(lms, tool)

    settings = said[DEEP_LINKING + "deep_linking_settings"]
    assert said[LTI + "message_type"] == "LtiDeepLinkingRequest"
    assert settings["accept_types"] == ["ltiResourceLink"]
    assert settings["accept_multiple"] is True
    assert settings["accept_presentation_document_targets"] == ["frame", "iframe", "window"]
    assert "data" not in settings
    assert GRADES in said


def test_deep_linking_request_has_no_roster_until_the_course_uses_the_tool(lms: LmsProcess, tool: TinyTool) -> None:
    first = asked_to_pick(lms, tool)
    lms.do("activity", course=COURSE, tool=tool.id, title="Loops")

    assert ROSTER not in first
    assert ROSTER in asked_to_pick(lms, tool)


def test_deep_linking_keeps_two_items_at_once(lms: LmsProcess, tool: TinyTool) -> None:
    line_item = {"scoreMaximum": 12.5, "resourceId": "r1", "tag": "t1", "label": "Loops"}
    items = [item(lineItem=line_item, url=f"{tool.url}/a1"), item(title="Second")]

    answer = tool.picks(lms, asked_to_pick(lms, tool), *items)

    state = lms.do("state")
    first, second = state["activities"].values()
    assert answer.status_code == 200
    assert (first["title"], first["description"], first["url"]) == ("Loops", "About loops", f"{tool.url}/a1")
    assert first["custom"] == {"assignment": "a1"}
    assert second["title"] == "Second"
    column = next(iter(state["columns"].values()))
    assert (column["maximum"], column["resource_id"], column["tag"]) == (12.5, "r1", "t1")
    assert column["activity"] == first["id"]


def test_deep_linking_needs_no_cookie_for_the_way_back(lms: LmsProcess, tool: TinyTool) -> None:
    request = asked_to_pick(lms, tool)

    # `picks` posts without any, as a page of another site in a frame does.
    assert tool.picks(lms, request, item()).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "somebody else"},
        {"aud": ["somebody else"]},
        {"exp": 1},
        {LTI + "message_type": "LtiDeepLinkingRequest"},
        {LTI + "version": "1.1"},
        {LTI + "deployment_id": "another"},
        {DEEP_LINKING + "content_items": [{"type": "html", "html": "<b>"}]},
        {DEEP_LINKING + "content_items": [{"type": "ltiResourceLink", "lineItem": {"label": "no points"}}]},
    ],
)
def test_deep_linking_refuses_an_answer_that_is_not_as_it_should_be(
    lms: LmsProcess, tool: TinyTool, changed: dict[str, Any]
) -> None:
    answer = tool.picks(lms, asked_to_pick(lms, tool), item(), **changed)

    assert answer.status_code == 400
    assert lms.do("state")["activities"] == {}


def test_deep_linking_refuses_an_answer_of_another_key(lms: LmsProcess, tool: TinyTool) -> None:
    request = asked_to_pick(lms, tool)
    with tiny_tool() as other:
        other.client_id = tool.client_id

        assert other.picks(lms, request, item()).status_code == 400


# Tokens


def test_token_is_json_that_calls_itself_html(lms: LmsProcess, tool: TinyTool) -> None:
    answer = tool.ask_token(lms, scopes.SCORE)

    said = json.loads(answer.text)
    assert answer.headers["content-type"].startswith("text/html")
    assert (said["token_type"], said["expires_in"], said["scope"]) == ("Bearer", 3600, scopes.SCORE)


def test_token_is_given_whoever_the_assertion_is_for_and_however_often(lms: LmsProcess, tool: TinyTool) -> None:
    assertion = tool.assertion(aud="https://elsewhere.example/")

    answers = [tool.ask_token(lms, scopes.SCORE, client_assertion=assertion) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize("changed", [{"exp": 1}, {"sub": "another client"}])
def test_token_is_refused_for_a_bad_assertion(lms: LmsProcess, tool: TinyTool, changed: dict[str, Any]) -> None:
    answer = tool.ask_token(lms, scopes.SCORE, client_assertion=tool.assertion(**changed))

    assert (answer.status_code, json.loads(answer.text)) == (400, {"error": "invalid_client"})


def test_token_is_refused_for_the_signature_of_another_key(lms: LmsProcess, tool: TinyTool) -> None:
    with tiny_tool() as other:
        other.client_id = tool.client_id

        assert other.ask_token(lms, scopes.SCORE).status_code == 400


def test_token_is_refused_for_a_key_the_tool_does_not_publish(lms: LmsProcess, tool: TinyTool) -> None:
    said = {"iss": tool.client_id, "sub": tool.client_id, "exp": 9_999_999_999}

    answers = [
        tool.ask_token(lms, scopes.SCORE, client_assertion=tool.sign(said, kid=kid)) for kid in ("tiny", "another")
    ]

    assert [answer.status_code for answer in answers] == [200, 400]


def test_token_is_a_page_with_404_where_the_tools_keys_cannot_be_fetched(lms: LmsProcess, tool: TinyTool) -> None:
    lms.do("tool", id=tool.id, is_unreachable=True)

    answer = tool.ask_token(lms, scopes.SCORE)

    assert answer.status_code == 404
    assert answer.text.startswith("<!DOCTYPE html>")


def test_token_covers_only_what_was_granted(lms: LmsProcess, tool: TinyTool) -> None:
    lms.do("tool", id=tool.id, scopes=[scopes.SCORE])

    assert json.loads(tool.ask_token(lms, *scopes.ALL).text)["scope"] == scopes.SCORE
    assert tool.ask_token(lms, scopes.MEMBERS).status_code == 400


def test_services_refuse_without_a_token_and_after_its_hour(lms: LmsProcess, tool: TinyTool) -> None:
    url = f"/mod/lti/services.php/{COURSE}/lineitems?type_id={tool.id}"
    token = json.loads(tool.ask_token(lms, *scopes.ALL).text)["access_token"]
    headers = {"Accept": services.LINE_ITEMS}
    lms.do("clock", skew=3601)

    late = lms.client.get(url, headers=headers | {"Authorization": f"Bearer {token}"})

    assert (lms.client.get(url, headers=headers).status_code, late.status_code) == (401, 401)


# Line items and scores


def test_line_items_are_listed_and_filtered(lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]) -> None:
    lms.do("activity", course=COURSE, tool=tool.id, title="Other", maximum=5, resource_id="other", tag="t")
    url = f"/mod/lti/services.php/{COURSE}/lineitems?type_id={tool.id}"

    def labels(query: str = "") -> list[str]:
        return [one["label"] for one in tool.call(lms, "GET", url + query, services.LINE_ITEMS).json()]

    assert labels() == ["Loops", "Other"]
    assert labels("&resource_id=loops") == ["Loops"]
    assert labels("&tag=t") == ["Other"]
    assert labels(f"&resource_link_id={activity['link_id']}") == ["Loops"]


def test_line_items_address_ends_in_the_tools_number(activity: dict[str, Any], tool: TinyTool) -> None:
    assert activity["line_item"].endswith(f"/lineitem?type_id={tool.id}")


def test_line_items_with_a_limit_have_a_link_that_nobody_can_follow(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]
) -> None:
    lms.do("activity", course=COURSE, tool=tool.id, title="Other", maximum=5)
    url = f"/mod/lti/services.php/{COURSE}/lineitems?type_id={tool.id}&limit=1"

    answer = tool.call(lms, "GET", url, services.LINE_ITEMS)

    link = dict(answer.headers.raw)[b"link"].decode()
    assert len(answer.json()) == 1
    assert "&amp;" in link
    assert link.endswith("rel=“next”")


@pytest.mark.parametrize("media_type", ["application/json", "*/*", services.LINE_ITEM])
def test_line_items_of_another_media_type_find_no_handler(lms: LmsProcess, tool: TinyTool, media_type: str) -> None:
    answer = tool.call(lms, "GET", f"/mod/lti/services.php/{COURSE}/lineitems?type_id={tool.id}", media_type)

    assert answer.status_code == 400
    assert "No handler found" in answer.text


def test_line_items_posted_twice_are_two(lms: LmsProcess, tool: TinyTool) -> None:
    url = f"/mod/lti/services.php/{COURSE}/lineitems?type_id={tool.id}"
    said = {"label": "Loops", "scoreMaximum": 10, "resourceId": "loops", "endDateTime": "2026-03-02T09:00:00Z"}

    answers = [tool.call(lms, "POST", url, services.LINE_ITEM, said) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]
    assert "endDateTime" not in answers[0].json()


def test_line_item_is_deleted_with_its_column_even_where_an_activity_owns_it(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]
) -> None:
    answer = tool.call(lms, "DELETE", activity["line_item"], services.LINE_ITEM)

    assert (answer.status_code, answer.content) == (204, b"")
    assert lms.do("grades", course=COURSE) == []


def test_line_item_of_another_tool_is_not_found(lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]) -> None:
    other = lms.do("register", name="other")
    theirs = lms.do("activity", course=COURSE, tool=other["id"], title="Theirs", maximum=1)
    url = theirs["line_item"].partition("?")[0] + f"/scores?type_id={tool.id}"

    assert tool.call(lms, "POST", url, services.SCORE, score(lms)).status_code == 404


def test_score_is_taken_with_an_empty_answer(lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]) -> None:
    answer = post_score(lms, tool, activity, comment="Well done")

    assert (answer.status_code, answer.content) == (200, b"")
    assert shown(lms) == {"ada": 7}


@pytest.mark.parametrize(
    ("media_type", "status"),
    [(services.SCORE, 200), (services.SCORE + "; charset=utf-8", 200), ("application/json", 400)],
)
def test_score_needs_its_media_type(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any], media_type: str, status: int
) -> None:
    url = activity["line_item"].replace("?", "/scores?")

    assert tool.call(lms, "POST", url, media_type, score(lms)).status_code == status


def test_score_behind_the_query_finds_no_column_of_its_own(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]
) -> None:
    answer = tool.call(lms, "POST", activity["line_item"] + "/scores", services.SCORE, score(lms))

    assert answer.status_code >= 400
    assert shown(lms) == {}


@pytest.mark.parametrize(
    "timestamp",
    ["2026-03-02T09:00:00Z", "2026-03-02T09:00:00.900Z", "2026-03-02T10:00:00+01:00", "2026-03-02T08:59:59Z"],
)
def test_score_of_the_same_second_or_an_older_one_is_a_conflict(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any], timestamp: str
) -> None:
    post_score(lms, tool, activity)

    answer = post_score(lms, tool, activity, timestamp=timestamp, scoreGiven=9)

    assert answer.status_code == 409
    assert shown(lms) == {"ada": 7}


def test_score_of_the_next_second_is_taken(lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]) -> None:
    post_score(lms, tool, activity)

    assert post_score(lms, tool, activity, timestamp="2026-03-02T09:00:01Z", scoreGiven=9).status_code == 200
    assert shown(lms) == {"ada": 9}


def test_score_of_the_future_blocks_real_ones(lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]) -> None:
    first = post_score(lms, tool, activity, timestamp="2036-03-02T09:00:00Z")

    assert (first.status_code, post_score(lms, tool, activity).status_code) == (200, 409)


@pytest.mark.parametrize("progress", ["Pending", "PendingManual", "NotReady", "Failed"])
def test_score_that_is_not_fully_graded_erases_the_grade_and_its_time(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any], progress: str
) -> None:
    post_score(lms, tool, activity)

    erased = post_score(lms, tool, activity, timestamp="2026-03-02T09:01:00Z", gradingProgress=progress)

    assert erased.status_code == 200
    assert shown(lms) == {"ada": None}
    assert post_score(lms, tool, activity, timestamp="2026-03-02T08:10:00Z", scoreGiven=3).status_code == 200
    assert shown(lms) == {"ada": 3}


def test_score_without_points_clears_the_grade(lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]) -> None:
    post_score(lms, tool, activity)

    post_score(lms, tool, activity, timestamp="2026-03-02T09:01:00Z", scoreGiven=None)

    assert shown(lms) == {"ada": None}


def test_score_without_a_comment_takes_the_earlier_one_away(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]
) -> None:
    post_score(lms, tool, activity, comment="Well done")

    post_score(lms, tool, activity, timestamp="2026-03-02T09:01:00Z")

    assert lms.do("grades", course=COURSE)[0]["comments"] == {"ada": ""}


@pytest.mark.parametrize("username", ["tess", "toby", "admin", "nobody-enrolled"])
def test_score_of_whoever_has_no_grade_is_answered_as_a_malformed_one(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any], username: str
) -> None:
    answer = post_score(lms, tool, activity, username=username)
    malformed = post_score(lms, tool, activity, timestamp="yesterday")

    assert (answer.status_code, malformed.status_code) == (400, 400)
    assert answer.json()["reason"] == malformed.json()["reason"] == "Incorrect score received"


@pytest.mark.parametrize("changed", [{"userId": "98765"}, {"scoreMaximum": None}, {"activityProgress": None}])
def test_score_that_is_malformed_is_refused(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert post_score(lms, tool, activity, **changed).status_code == 400


def test_score_of_a_suspended_student_is_taken(lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]) -> None:
    lms.do("enrol", course=COURSE, username="ada", is_suspended=True)

    assert post_score(lms, tool, activity).status_code == 200


def test_score_under_a_teachers_own_grade_is_stored_and_not_shown(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]
) -> None:
    column = lms.do("grades", course=COURSE)[0]["id"]
    lms.do("override", column=column, username="ada", grade=2.5)

    answer = post_score(lms, tool, activity)

    results = tool.call(lms, "GET", activity["line_item"].replace("?", "/results?"), services.RESULTS).json()
    assert answer.status_code == 200
    assert lms.do("grades", course=COURSE)[0]["sent"] == {"ada": 7}
    assert [(one["userId"], one["resultScore"], one["resultMaximum"]) for one in results] == [
        (sub(lms, "ada"), 2.5, 10)
    ]


@pytest.mark.parametrize("username", ["", "ada"])
def test_score_of_a_locked_column_or_grade_is_500_and_nothing_else(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any], username: str
) -> None:
    lms.do("lock", column=lms.do("grades", course=COURSE)[0]["id"], username=username)

    answer = post_score(lms, tool, activity)

    assert (answer.status_code, answer.content) == (500, b"")
    assert shown(lms).get("ada") is None


@pytest.mark.parametrize(("given", "maximum", "expected"), [(55, 100, 5.5), (12, 10, 10), (0, 10, 0)])
def test_score_is_scaled_and_clipped(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any], given: float, maximum: float, expected: float
) -> None:
    post_score(lms, tool, activity, scoreGiven=given, scoreMaximum=maximum)

    assert shown(lms) == {"ada": expected}


# The roster


def test_roster_has_short_roles_in_which_assistants_learn(lms: LmsProcess, tool: TinyTool) -> None:
    found = {one["ext_user_username"]: one for one in members(lms, tool).json()["members"]}

    assert {name: one["roles"] for name, one in found.items()} == {
        "tess": ["Instructor"],
        "toby": ["Learner"],
        "ada": ["Learner"],
        "ben": ["Learner"],
        "chloe": ["Learner"],
    }
    assert found["ada"]["user_id"] == sub(lms, "ada")
    assert found["ada"]["email"] == "ada@lms.example"
    assert {one["status"] for one in found.values()} == {"Active"}


def test_roster_leaves_out_the_suspended_and_the_unenrolled(lms: LmsProcess, tool: TinyTool) -> None:
    lms.do("enrol", course=COURSE, username="ada", is_suspended=True)
    lms.do("unenrol", course=COURSE, username="ben")

    names = {one["ext_user_username"] for one in members(lms, tool).json()["members"]}

    assert names == {"tess", "toby", "chloe"}


def test_roster_with_a_limit_has_a_link_to_the_next_page(lms: LmsProcess, tool: TinyTool) -> None:
    lms.do("students", course=COURSE, count=1000)
    url, found, pages = "?limit=400", [], 0

    while url:
        answer = members(lms, tool, f"?{urlsplit(url).query}")
        found += answer.json()["members"]
        pages += 1
        url = answer.links.get("next", {}).get("url", "")

    assert (len({one["user_id"] for one in found}), pages) == (1005, 3)


def test_roster_of_a_link_adds_a_message(lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]) -> None:
    found = members(lms, tool, f"?rlid={activity['link_id']}").json()["members"]

    assert all(BASIC_OUTCOME in one["message"][0] for one in found)


def test_roster_needs_its_scope_and_its_media_type(lms: LmsProcess, tool: TinyTool) -> None:
    url = f"/mod/lti/services.php/CourseSection/{COURSE}/bindings/{tool.id}/memberships"
    wrong = tool.call(lms, "GET", url, "application/json")
    token = json.loads(tool.ask_token(lms, scopes.SCORE).text)["access_token"]

    answer = lms.client.get(url, headers={"Authorization": f"Bearer {token}", "Accept": services.MEMBERS})

    assert (wrong.status_code, answer.status_code) == (400, 401)


# Copies


def test_copy_has_new_numbers_and_keeps_parameters_resources_and_history(
    lms: LmsProcess, tool: TinyTool, activity: dict[str, Any]
) -> None:
    lms.do("tool", id=tool.id, custom={"before": "$Context.id.history"})

    copy = lms.do("copy_course", course=COURSE)

    said = launched(lms, tool, "tess", copy["activities"][0])
    assert said[LTI + "context"]["id"] != str(COURSE)
    assert said[LTI + "resource_link"]["id"] != str(activity["id"])
    assert said[LTI + "custom"]["id"] == "a1"
    assert said[LTI + "custom"]["before"] == str(COURSE)
    column = lms.do("grades", course=copy["id"])[0]
    assert (column["resource_id"], column["url"]) == ("loops", said[GRADES]["lineitem"])
    assert column["url"] != activity["line_item"]
