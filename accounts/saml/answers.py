"""One strict way to speak SAML: our configuration, the question we ask, and the answers we believe.

python3-saml checks signatures, times and addresses. Which of its checks are on is decided here, and none of them can be
switched off by a setting. What it leaves open is checked besides: an answer has to name us as its audience, and to be
the answer to a question of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from lxml.etree import LxmlError
from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Constants
from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML
from xmlsec import Error as SignatureError

from accounts.claims import Claims, read_claims
from accounts.fetching import fetch
from accounts.identity_providers import LASTING_NAME_ID, NAME_ID, IdentityProvider, Saml
from accounts.refusals import SignInRefused

if TYPE_CHECKING:
    from django.http import HttpRequest

MAX_ANSWER_LETTERS = 256 * 1024
_SECURITY = {
    "wantAssertionsSigned": True,
    "wantMessagesSigned": False,
    "wantNameId": False,
    "wantAttributeStatement": False,
    "allowRepeatAttributeName": True,
    "allowSingleLabelDomains": True,
    "rejectDeprecatedAlgorithm": True,
    "requestedAuthnContext": False,
    "signatureAlgorithm": Constants.RSA_SHA256,
    "digestAlgorithm": Constants.SHA256,
    "metadataValidUntil": "",  # Whoever runs the provider may put it in place next month.
}
_TOO_LATE = {
    OneLogin_Saml2_ValidationError.ASSERTION_EXPIRED,
    OneLogin_Saml2_ValidationError.ASSERTION_TOO_EARLY,
    OneLogin_Saml2_ValidationError.SESSION_EXPIRED,
    OneLogin_Saml2_ValidationError.RESPONSE_EXPIRED,
}
_OTHER_SITE = {
    OneLogin_Saml2_ValidationError.WRONG_AUDIENCE,
    OneLogin_Saml2_ValidationError.WRONG_DESTINATION,
    OneLogin_Saml2_ValidationError.SP_NAME_QUALIFIER_NAME_MISMATCH,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Who signed in, and the question this answers."""

    question: str
    claims: Claims


def ask(request: HttpRequest, provider: IdentityProvider) -> tuple[str, str]:
    """Where to send the browser so that the provider asks who this is, and the question's id. Raises SignInRefused."""
    auth = OneLogin_Saml2_Auth(_request_data(request), _configuration(request, provider))
    # Where to go afterwards is remembered here, not carried around by the browser.
    url: str = auth.login(return_to="")
    return url, auth.get_last_request_id()


def read_answer(request: HttpRequest, provider: IdentityProvider) -> Answer:
    """What the provider answers by way of the browser, once it is certain that it does. Raises SignInRefused."""
    encoded = request.POST.get("SAMLResponse", "")
    if not encoded or len(encoded) > MAX_ANSWER_LETTERS:
        raise SignInRefused("unreadable", "there is no SAMLResponse, or it is too long")
    settings = OneLogin_Saml2_Settings(_configuration(request, provider))
    try:
        response = OneLogin_Saml2_Response(settings, encoded)
        response.is_valid(_request_data(request), raise_exceptions=True)
        own_entity_id = settings.get_sp_data()["entityId"]
        if own_entity_id not in response.get_audiences():
            raise SignInRefused("other_site", "SAML: no audience is named")
        return Answer(_question_of(response), _claims_of(response, provider))
    except OneLogin_Saml2_ValidationError as error:
        raise SignInRefused(_code_of(error), f"SAML: python3-saml's check {error.code} failed") from error
    except (OneLogin_Saml2_Error, SignatureError, LxmlError, ValueError) as error:
        raise SignInRefused("unreadable", f"SAML: {type(error).__name__}") from error


def own_metadata(request: HttpRequest, provider: IdentityProvider) -> bytes:
    """What the provider has to know of us; with a key of ours, that it may encrypt."""
    own = _ourselves(request, provider)
    security = _SECURITY | {"authnRequestsSigned": "privateKey" in own, "wantAssertionsEncrypted": "privateKey" in own}
    settings = OneLogin_Saml2_Settings({"strict": True, "security": security, "sp": own}, sp_validation_only=True)
    metadata = settings.get_sp_metadata()
    return metadata.encode() if isinstance(metadata, str) else metadata


def _code_of(error: OneLogin_Saml2_ValidationError) -> str:
    if error.code == OneLogin_Saml2_ValidationError.STATUS_CODE_IS_NOT_SUCCESS:
        return "denied"
    if error.code in _TOO_LATE:
        return "too_late"
    return "other_site" if error.code in _OTHER_SITE else "untrusted"


def _question_of(response: OneLogin_Saml2_Response) -> str:
    """The question it answers, as the signed part says; what stands around that part anybody could have written."""
    document = response.decrypted_document if response.encrypted else response.document
    asked = set(OneLogin_Saml2_XML.query(document, "//saml:SubjectConfirmationData/@InResponseTo"))
    if len(asked) != 1:
        raise SignInRefused("stale", "SAML: it answers no question of ours, or several")
    return str(asked.pop())


def _claims_of(response: OneLogin_Saml2_Response, provider: IdentityProvider) -> Claims:
    said: dict[str, Any] = dict(response.get_attributes())
    name_id = response.get_nameid_data()
    kind = name_id.get("Format")
    said[NAME_ID] = None if kind == Constants.NAMEID_TRANSIENT else name_id.get("Value")
    said[LASTING_NAME_ID] = name_id.get("Value") if kind == Constants.NAMEID_PERSISTENT else None
    return read_claims(provider, said, is_email_confirmed=False)


def _request_data(request: HttpRequest) -> dict[str, Any]:
    return {
        "https": "on" if request.is_secure() else "off",
        "http_host": request.get_host(),
        "script_name": request.path,
        "get_data": {},
        "post_data": {},
    }


def _configuration(request: HttpRequest, provider: IdentityProvider) -> dict[str, Any]:
    own = _ourselves(request, provider)
    security = _SECURITY | {"authnRequestsSigned": "privateKey" in own}
    return {"strict": True, "security": security, "sp": own, "idp": _them(provider)}


def _ourselves(request: HttpRequest, provider: IdentityProvider) -> dict[str, Any]:
    protocol = _protocol(provider)
    metadata_url = request.build_absolute_uri(reverse("saml_metadata", args=[provider.key]))
    own: dict[str, Any] = {
        "entityId": protocol.own_entity_id or metadata_url,
        "assertionConsumerService": {
            "url": request.build_absolute_uri(reverse("saml_acs", args=[provider.key])),
            "binding": Constants.BINDING_HTTP_POST,
        },
        "NameIDFormat": Constants.NAMEID_UNSPECIFIED,
    }
    if protocol.private_key:
        own |= {"x509cert": protocol.certificate, "privateKey": protocol.private_key}
    return own


def _them(provider: IdentityProvider) -> dict[str, Any]:
    """What the provider's metadata say: where to ask, and whose signature to believe."""
    protocol = _protocol(provider)
    metadata = fetch(protocol.metadata_url) if protocol.metadata_url else protocol.metadata.encode()
    try:
        described = OneLogin_Saml2_XML.query(OneLogin_Saml2_XML.to_etree(metadata), "//md:IDPSSODescriptor")
        if len(described) > 1 and not protocol.entity_id:
            raise SignInRefused("unreadable", "metadata: several providers are described, and ENTITY_ID names none")
        found = OneLogin_Saml2_IdPMetadataParser.parse(metadata, entity_id=protocol.entity_id or None)
    except (OneLogin_Saml2_Error, LxmlError, ValueError) as error:
        raise SignInRefused("unreadable", f"metadata: {type(error).__name__}") from error
    them: dict[str, Any] = found.get("idp", {})
    if "singleSignOnService" not in them or not ("x509cert" in them or "x509certMulti" in them):
        raise SignInRefused("unreadable", "metadata: no provider is described there, or not how to ask it by redirect")
    return them


def _protocol(provider: IdentityProvider) -> Saml:
    assert isinstance(provider.protocol, Saml)  # noqa: S101
    return provider.protocol
