"""The diagnosis: which causes hold, and which do not."""
