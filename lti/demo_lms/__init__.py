"""A pretend LMS: an LTI 1.3 platform of our own, which behaves as Moodle 5.1 was seen to.

It knows nothing of Carrel and nothing of Django: the two meet over HTTP, as a real LMS and its tool do. It is there for
whoever wants to try the whole circle, and the tests run it as a process, with every misbehaviour added.
"""
