"""Backends that run a kernel somebody else's code may take over: a protocol, real ones, and a fake."""
