"""The API: the same queries, policies and verbs as the pages, in JSON. A module for each thing it is about."""
