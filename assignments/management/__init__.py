"""Carrel's own commands of manage.py."""
