"""Lessons beyond the workshop: mutual TLS, who may ask whom, time limits, tries, limits, copies.

Each is proven from both sides by requests, or says why it cannot be.
"""
