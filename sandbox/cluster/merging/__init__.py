"""Patches, strategic merge, and server-side apply with its field managers."""
