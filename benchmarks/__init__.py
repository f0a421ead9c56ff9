"""Figures with a peer beside them: each module here is a program, `python -m benchmarks.NAME` (see
README.md)."""
