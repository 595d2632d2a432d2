"""nbgrader as a command: JSON in, files and JSON out, one call per process.

The only code that imports nbgrader, and never imported by the rest of Carrel: `assignments/running/engine.py` starts
it. It imports nothing of Carrel either, and runs nothing of what is in a notebook.
"""
