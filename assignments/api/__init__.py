"""Assignments over the API."""
