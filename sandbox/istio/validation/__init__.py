"""Admission answers of istiod's validating webhook."""
