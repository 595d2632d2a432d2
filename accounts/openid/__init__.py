"""OpenID Connect: allauth's, with a nonce, and with ID tokens whose signature is always checked."""
