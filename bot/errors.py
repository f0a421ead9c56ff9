"""All errors that the bot raises itself, and who has to act on each.

MeshbotError
├── UserError            the person who typed can correct it: shown to them unchanged
├── CatalogError         the steps contradict each other: shown at start, exit code 2
├── SettingsError        the settings are wrong: shown at start, exit code 2
├── ClusterError         the cluster refused or could not be reached
│   ├── Unavailable      away, restarting or too slow: worth trying again
│   ├── Throttled        429: worth trying again after `retry_after` seconds
│   ├── Unreadable       answered, but more, longer or otherwise packed than is read
│   ├── Forbidden        403: the cluster's administrator must grant it
│   │   └── Unauthorized 401: whoever runs the bot must renew its credentials
│   ├── NotFound         404
│   ├── Conflict         409: another field manager or a newer version of the object
│   └── Rejected         any other 4xx: what was sent is wrong
├── LedgerError          the database is away, full or of another release
├── IstioError           istioctl could not be run, or ended with an error
└── SlackError           Slack refused a call for good
"""

from __future__ import annotations

from bot.text import EMPTY, Text


class MeshbotError(Exception):
    """Anything that the bot raises on purpose."""


class UserError(MeshbotError):
    """A mistake that the person can correct; `hint` is what to type instead.

    `fixes` are whole commands that may have been meant, without the slash command's name.
    """

    def __init__(self, message: Text, hint: Text = EMPTY, fixes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message, self.hint, self.fixes = message, hint, fixes


class CatalogError(MeshbotError):
    """Steps that contradict each other; the text lists every fault."""


class SettingsError(MeshbotError):
    """Settings that cannot be used; the text names the field."""


class ClusterError(MeshbotError):
    """The Kubernetes API refused or failed; the text is the server's own message, never a body or
    header dump."""

    def __init__(self, message: Text, *, status: int = 0) -> None:
        super().__init__(message)
        self.message, self.status = message, status


class Unavailable(ClusterError):
    """The API server is away, restarting, or answered 5xx."""


class Throttled(ClusterError):
    """429; `retry_after` in seconds."""

    def __init__(self, message: Text, *, retry_after: float = 1.0) -> None:
        super().__init__(message, status=429)
        self.retry_after = retry_after


class Unreadable(ClusterError):
    """Something answered, and the answer was not read to its end: it is longer than is read, did
    not end in time, or is packed in a way that is not known. Asking again brings the same."""


class Forbidden(ClusterError):
    """403; `acting_as` is the user as whom the cluster was asked, "" for the bot's own account."""

    acting_as: str = ""


class Unauthorized(Forbidden):
    """401, or credentials that cannot be had: they were read anew once, to no avail. No right is
    missing."""


class NotFound(ClusterError):
    """404."""


class Conflict(ClusterError):
    """409."""


class Rejected(ClusterError):
    """The request itself was wrong (400, 422, …) or an admission webhook denied it."""


class LedgerError(MeshbotError):
    """The ledger's database cannot be used; the text says where it is and why, never a password or
    a statement.

    `why` is the reason for people, which names no place; EMPTY where it is not known.
    """

    def __init__(self, text: str, why: Text = EMPTY) -> None:
        super().__init__(text)
        self.why = why


class IstioError(MeshbotError):
    """istioctl failed; `code` is its exit code (-1 when it could not be started), `lines` the end
    of what it said."""

    def __init__(self, message: Text, *, code: int = -1, lines: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message, self.code, self.lines = message, code, lines


class SlackError(MeshbotError):
    """Slack refused; `code` is its error code, e.g. `not_in_channel`."""

    def __init__(self, code: str, method: str) -> None:
        super().__init__(f"{method}: {code}")
        self.code, self.method = code, method
