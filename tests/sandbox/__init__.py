"""Tests of the sandbox: the other end of every wire."""
