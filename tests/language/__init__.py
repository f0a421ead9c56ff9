"""Tests of the languages that the bot speaks."""
