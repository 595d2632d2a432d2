"""Course directories of nbgrader: brought by teachers and taken over, and made for them of a class."""
