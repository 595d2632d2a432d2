"""A learning platform as small as one can be: a key pair, its public half at a real address, and what it signs.

The browser between it and Carrel is Django's test client.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import jwt
from django.test import Client

from assignments.models import Grade, Submission
from classes.models import Course
from lti.claims import DEEP_LINKING_SETTINGS, LTI
from lti.models import Context, Deployment, LtiPerson, Platform, Score
from tests.fakes.openid_provider import OpenIDProvider

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

PUBLIC_URL = "http://localhost:8000"
CLIENT_ID = "carrel-client"
MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"
TEACHER, STUDENT = f"{MEMBERSHIP}#Instructor", f"{MEMBERSHIP}#Learner"
LEFT_OUT = None


class SmallPlatform(OpenIDProvider):
    """Signs launches, and publishes its keys at `/keys`."""

    def recover(self) -> None:
        """Answer as ever again."""
        self._answers.clear()

    def registered(self, **facts: Any) -> Platform:
        """Its row here, with one deployment."""
        described = {
            "name": "Campus",
            "issuer": self.issuer,
            "client_id": CLIENT_ID,
            "auth_login_url": f"{self.issuer}/auth",
            "token_url": f"{self.issuer}/token",
            "jwks_url": f"{self.issuer}/keys",
            "state": Platform.State.ACTIVE,
        }
        platform = Platform.objects.create(**described | facts)
        platform.deployments.create(deployment_id="1")
        return platform

    def login_parameters(self, **changes: str | None) -> dict[str, str]:
        """What it sends a browser to us with."""
        said: dict[str, str | None] = {
            "iss": self.issuer,
            "client_id": CLIENT_ID,
            "login_hint": "42",
            "target_link_uri": f"{PUBLIC_URL}/lti/launch/",
            "lti_message_hint": "a hint, kept & returned",
            "lti_deployment_id": "1",
        }
        return {name: value for name, value in (said | changes).items() if value is not None}

    def message(self, nonce: str | None, **changes: Any) -> dict[str, Any]:
        """The claims of a student's launch. Names of LTI's own claims are short; None leaves one out."""
        now = int(time.time())
        said: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "42",
            "nonce": nonce,
            "iat": now,
            "exp": now + 60,
            "name": "Ada Lovelace",
            "email": "ada@example.org",
        }
        of_lti = {
            "version": "1.3.0",
            "message_type": "LtiResourceLinkRequest",
            "deployment_id": "1",
            "target_link_uri": f"{PUBLIC_URL}/lti/launch/",
            "resource_link": {"id": "7", "title": "First steps"},
            "context": {"id": "101", "label": "STAT", "title": "Statistics"},
            "roles": [STUDENT],
            "custom": LEFT_OUT,
        }
        said |= {f"{LTI}{name}": changes.pop(name, value) for name, value in of_lti.items()}
        if "deep_linking_settings" in changes:
            said[DEEP_LINKING_SETTINGS] = changes.pop("deep_linking_settings")
        return {name: value for name, value in (said | changes).items() if value is not None}

    def signed(self, claims: dict[str, Any], *, key: Any = None, **headers: Any) -> str:
        """A token of it. Without `kid=None`, it names the key it is signed with."""
        named = {name: value for name, value in ({"kid": self.key_id} | headers).items() if value is not None}
        return jwt.encode(claims, key or self.key, algorithm="RS256", headers=named)


class Browser:
    """Somebody's browser, on its way from the platform to us."""

    def __init__(self, lms: SmallPlatform, client: Client | None = None) -> None:
        self.lms = lms
        self.client = client or Client()

    def begin(self, **changes: str | None) -> dict[str, str]:
        """Begin a login; what the platform is asked."""
        answer = self.client.post("/lti/login/", self.lms.login_parameters(**changes))
        assert answer.status_code == 302, answer.content.decode()
        return {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}

    def post(self, **fields: str) -> Response:
        """Bring something to where launches end."""
        response: Response = self.client.post("/lti/launch/", fields)
        return response

    def launch(self, *, headers: dict[str, Any] | None = None, key: Any = None, **changes: Any) -> Response:
        """The whole way, with a message that is changed so."""
        asked = self.begin()
        token = self.lms.signed(self.lms.message(**{"nonce": asked["nonce"]} | changes), key=key, **headers or {})
        return self.post(state=asked["state"], id_token=token)


def connected(platform: Platform, course: Course, context_id: str = "101") -> Context:
    """The course of a launch, connected to this class."""
    deployment = Deployment.objects.get(platform=platform, deployment_id="1")
    return Context.objects.create(deployment=deployment, context_id=context_id, course=course)


def sent_to_a_platform(submission: Submission, *, now: datetime, state: str = Score.State.SENT) -> Grade:
    """What it is worth, on its way to Moodle where its student comes from, this far: by rows alone."""
    grade = Grade.objects.select_related("assignment", "membership__person").get(submission=submission)
    moodle, _is_new = Platform.objects.get_or_create(name="Moodle", issuer="https://moodle.test", client_id="1")
    deployment, _is_new = moodle.deployments.get_or_create(deployment_id="1")
    context, _is_new = deployment.contexts.get_or_create(context_id="101", course=grade.assignment.course)
    column, _is_new = context.line_items.get_or_create(assignment=grade.assignment, url="https://moodle.test/1")
    user = grade.membership.person
    person, _is_new = LtiPerson.objects.get_or_create(platform=moodle, sub=user.username, user=user)
    told = {"points": grade.points, "maximum": grade.max_points, "graded_at": now}
    sent_at = now if state == Score.State.SENT else None
    column.scores.create(person=person, grade=grade, **told, state=state, sent_at=sent_at)
    return grade
