"""Errors of the embedded `istioctl`, with the messages and exit codes of the real one."""

from __future__ import annotations

FAILED = 1
"""Any failure."""
MISUSED = 64
"""An unknown command or flag, or a flag's bad value (sysexits EX_USAGE)."""
BAD_DATA = 65
"""A file that cannot be parsed, in `analyze` (sysexits EX_DATAERR)."""
FINDINGS = 79
"""`analyze` found something at or above its threshold."""


class CtlError(Exception):
    """An error that ends the command; it is printed as `Error: …` on standard error."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.message, self.code = message, code


class SettingsError(CtlError):
    """Settings that cannot be merged or are not valid."""


class Cancelled(Exception):
    """Raised when the user declines the confirmation prompt."""
