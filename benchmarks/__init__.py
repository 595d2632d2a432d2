"""Measures of Carrel beside its peers: see README.md."""
