"""Running the tests of an assignment over notebooks: nbgrader at both ends, and a kernel in between."""
