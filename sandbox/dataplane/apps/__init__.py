"""Bookinfo's applications."""
