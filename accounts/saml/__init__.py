"""SAML: allauth's flow, with one strict configuration, and with answers checked before anything is stored."""
