"""Tests of the lessons beyond the workshop."""
