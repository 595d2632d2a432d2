"""Assignments of a class: released by teachers, worked on and submitted by students, graded and returned."""
