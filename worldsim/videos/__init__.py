"""Anybody's clips of our scenes: read from files, laid over a recorded episode, judged."""
