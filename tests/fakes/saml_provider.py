"""A SAML identity provider as a process of its own: pysaml2's, behind a form that asks who one is.

    python -m tests.fakes.saml_provider PORT METADATA   # METADATA: a file with that of the service it serves

`/metadata` describes it. Whoever is sent to `/sso` chooses a name and, with `fault`, in what way its answer shall be
wrong. It signs with `xmlsec1`, which has to be installed.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from saml2 import BINDING_HTTP_REDIRECT, samlp
from saml2.authn_context import PASSWORDPROTECTEDTRANSPORT
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import NAME_FORMAT_URI, NAMEID_FORMAT_PERSISTENT, NAMEID_FORMAT_TRANSIENT, NameID
from saml2.server import Server
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA1, SIG_RSA_SHA256

ELSEWHERE = "https://elsewhere.example/metadata"


def certificate_and_key(directory: Path, name: str) -> tuple[str, str]:
    """The paths of a new certificate, signed by itself, and its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, SHA256())
    )
    paths = directory / f"{name}.crt", directory / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(paths[0]), str(paths[1])


class Provider:
    """What it answers, by a server of pysaml2 for each way to answer."""

    def __init__(self, base_url: str, service_metadata: str, directory: Path) -> None:
        self.base_url = base_url
        self.service_metadata = service_metadata
        honest = certificate_and_key(directory, "honest")
        self.config = self._config(*honest, minutes=5)
        self.servers = {
            "": Server(config=self.config),
            "expired": Server(config=self._config(*honest, minutes=-30)),
            "no_audience": _for_everybody(Server(config=self._config(*honest, minutes=5))),
            "other_key": Server(config=self._config(*certificate_and_key(directory, "other"), minutes=5)),
        }

    def _config(self, certificate: str, key: str, *, minutes: int) -> Any:
        sso = [(f"{self.base_url}/sso", BINDING_HTTP_REDIRECT)]
        return IdPConfig().load(
            {
                "entityid": f"{self.base_url}/metadata",
                "service": {
                    "idp": {
                        "endpoints": {"single_sign_on_service": sso},
                        "policy": {"default": {"lifetime": {"minutes": minutes}, "name_form": NAME_FORMAT_URI}},
                    }
                },
                "metadata": {"local": [self.service_metadata]},
                "cert_file": certificate,
                "key_file": key,
            }
        )

    def metadata(self) -> bytes:
        """What describes it."""
        return str(entity_descriptor(self.config)).encode()

    def answer(self, request: str, username: str, fault: str) -> tuple[str, bytes]:
        """Where to post what it says of this person, and that."""
        server = self.servers.get(fault, self.servers[""])
        asked = server.parse_authn_request(request, BINDING_HTTP_REDIRECT).message
        where = server.response_args(asked)
        where.pop("binding", None)
        where.pop("name_id_policy", None)
        if fault == "denied":
            why = (samlp.STATUS_AUTHN_FAILED, "not today")
            refusal = server.create_error_response(where["in_response_to"], where["destination"], why)
            return where["destination"], str(refusal).encode()
        if fault == "audience":
            where["sp_entity_id"] = ELSEWHERE
        if fault == "no_question":
            where["in_response_to"] = None
        said = {
            "eduPersonUniqueId": f"id-of-{username}",
            "uid": username,
            "displayName": username.capitalize(),
            "mail": f"{username}@example.org",
        }
        if fault in ("transient", "persistent"):
            del said["eduPersonUniqueId"]
        form = NAMEID_FORMAT_TRANSIENT if fault != "persistent" else NAMEID_FORMAT_PERSISTENT
        response = server.create_authn_response(
            said,
            name_id=NameID(format=form, text=f"name-of-{username}"),
            authn={"class_ref": PASSWORDPROTECTEDTRANSPORT},
            sign_assertion=fault != "unsigned",
            sign_response=False,
            sign_alg=SIG_RSA_SHA1 if fault == "sha1" else SIG_RSA_SHA256,
            digest_alg=DIGEST_SHA256,
            encrypt_assertion=fault == "encrypted",
            encrypt_assertion_self_contained=False,
            **where,
        )
        return where["destination"], str(response).encode()


def _for_everybody(server: Any) -> Any:
    """A server whose answers do not say whom they are for."""
    policy = server.config.getattr("policy", "idp")
    conditions = policy.conditions

    def without_audience(service: str) -> Any:
        made = conditions(service)
        made.audience_restriction = []
        return made

    policy.conditions = without_audience
    return server


class Handler(BaseHTTPRequestHandler):
    """Its three pages: metadata, the question who one is, the form that leads back."""

    provider: Provider

    def do_GET(self) -> None:
        """`/metadata`, or the question."""
        url = urlsplit(self.path)
        if url.path == "/metadata":
            self._say(self.provider.metadata(), "application/samlmetadata+xml")
            return
        asked = escape(parse_qs(url.query).get("SAMLRequest", [""])[0])
        self._say(
            f'<form method="post" action="/sso"><input type="hidden" name="SAMLRequest" value="{asked}">'
            '<label>Name <input name="username"></label><button>Sign in</button></form>'.encode()
        )

    def do_POST(self) -> None:
        """The form that leads back, for whoever said who they are."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        where, answer = self.provider.answer(given["SAMLRequest"], given["username"], given.get("fault", ""))
        self._say(
            f'<form method="post" action="{escape(where)}">'
            f'<input type="hidden" name="SAMLResponse" value="{b64encode(answer).decode()}">'
            "<button>Go back</button></form>".encode()
        )

    def _say(self, body: bytes, kind: str = "text/html") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main(port: int, service_metadata: str) -> None:
    """Serve until ended by a signal."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit())  # So that the folder is removed.
    with tempfile.TemporaryDirectory(prefix="saml-provider-") as directory:
        Handler.provider = Provider(f"http://127.0.0.1:{port}", service_metadata, Path(directory))
        ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
