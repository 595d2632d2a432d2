"""The tests: one folder per app, contracts run over fake and real, journeys in a browser."""
