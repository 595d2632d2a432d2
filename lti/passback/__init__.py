"""Grades on their way into the gradebooks of platforms: written down, sent, and followed until they are there."""
