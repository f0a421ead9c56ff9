"""Tests of the embedded data plane's engine, applications and programs."""
