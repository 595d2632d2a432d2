"""The pretend LMS of `lti.demo_lms` as a process for tests, with every misbehaviour added.

    python -m tests.fakes.lms --port 9000

`POST /control` takes a JSON object whose `do` names one of the commands in `commands.py`; the other members are its
arguments, and the answer is what the command returns. `GET /log` lists the requests that came, and what was answered.
`tests.fakes.lms.client` starts such a process, speaks to it, and walks through a launch as a browser would.
"""
