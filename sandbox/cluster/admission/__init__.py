"""Admission: built-in plug-ins, policies and webhooks."""
