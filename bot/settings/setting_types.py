"""The kinds of values that settings have, each with its own words for what is wrong, which never
repeat the value."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import yaml
from pydantic import AfterValidator, SecretStr

from bot.language.translations import list_languages
from bot.masking import hide_passwords

ROLES = ("attendee", "host", "admin")
"""The roles as settings spell them; a test compares them with `bot.steps.Role`."""

USER_MARK = "{user}"
"""Stands for the Slack user's id, in small letters."""

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def parse_list(value: Any) -> Any:
    """Return a list, also when it is written as one text.

    The text has commas or blanks, or is a YAML list.
    """
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return [word for word in re.split(r"[,\s]+", value) if word]
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise ValueError("should be a list such as [one, two]") from None


def parse_assignments(value: Any) -> Any:
    """Return a list of NAME=VALUE parted by blanks alone.

    A value of Istio's may hold commas.
    """
    return (
        value.split()
        if isinstance(value, str) and not value.lstrip().startswith("[")
        else parse_list(value)
    )


def parse_mapping(value: Any) -> Any:
    """Return a mapping, also when it is written as one text.

    The text is `one=a, two=b`, or a YAML mapping.
    """
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("{"):
        pairs = [entry.partition("=") for entry in parse_list(value)]
        if not all(equals and key and text for key, equals, text in pairs):
            raise ValueError("should be a mapping such as one=a, two=b")
        return {key: text for key, _, text in pairs}
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise ValueError("should be a mapping such as {one: a, two: b}") from None


def parse_role_mapping(value: Any) -> Any:
    """Return a mapping by role; raise ValueError for a key that is none."""
    value = parse_mapping(value)
    if isinstance(value, dict) and not set(value) <= set(ROLES):
        raise ValueError(f"should name only roles, which are {', '.join(ROLES)}")
    return value


def parse_user_mapping(value: Any) -> Any:
    """Return a mapping by Slack user id, in capital letters.

    An environment variable's name may have made the id small.
    """
    value = parse_mapping(value)
    return (
        {str(key).upper(): each for key, each in value.items()}
        if isinstance(value, dict)
        else value
    )


def _validate_own_namespace(value: str) -> str:
    if not value:
        return ""
    example = value.replace(USER_MARK, "u012ab3cd4ef")
    if value.count(USER_MARK) != 1 or not LABEL.fullmatch(example) or value.startswith("kube-"):
        raise ValueError(
            f"should be a namespace's name with {USER_MARK} in it, such as bookinfo-{USER_MARK}"
        )
    return value


def build_pattern_validator(pattern: str, words: str) -> AfterValidator:
    """Build a validator of text that matches the whole pattern.

    `words` says what it should be.
    """

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"should be {words}")
        return value

    return AfterValidator(check)


def build_token_validator(prefix: str, words: str) -> AfterValidator:
    """Build a validator of a secret with this prefix.

    It takes blanks off the ends, which copying leaves there.
    """

    def check(value: SecretStr) -> SecretStr:
        text = value.get_secret_value().strip()
        if not text.startswith(prefix) or len(text) < len(prefix) + 8:
            raise ValueError(
                f"should be {words}" + (f", which begins with {prefix}" if prefix else "")
            )
        if not prefix and text.startswith("x"):
            raise ValueError(f"should be {words}, not a token")
        return SecretStr(text)

    return AfterValidator(check)


def _validate_web_url(value: str) -> str:
    if not value:
        return ""
    wrong = ValueError("should be a whole URL that begins with http:// or https://")
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in {"http", "https"} or not host or re.search(r"[\s<>|\"]", value):
        raise wrong
    # A password with a slash in it ends what is parsed as one.
    if "@" in value or hide_passwords(value) != value:
        raise ValueError("should not hold a user name or password: everyone in the channel sees it")
    return value.rstrip("/")


def _validate_api_url(value: str) -> str:
    return _validate_web_url(value) + "/"


def _expand_home(value: Path) -> Path:
    try:
        return value.expanduser()
    except RuntimeError:
        raise ValueError("should be a path; there is no such user") from None


def _validate_workshop_namespace(value: str) -> str:
    if not LABEL.fullmatch(value) or value.startswith("kube-"):
        raise ValueError("should be the name of a namespace, and not one of Kubernetes' own")
    return value


def _validate_time_zone(value: str) -> str:
    names = {name.lower(): name for name in available_timezones()}
    if value.lower() not in names:
        raise ValueError("should be a time zone such as Europe/Madrid or UTC")
    return names[value.lower()]


def validate_language(value: str) -> str:
    """Return the language when there is a catalogue of it. Raises ValueError for another."""
    if value not in list_languages():
        raise ValueError(f"should be one of {', '.join(list_languages())}")
    return value


def validate_database_url(value: SecretStr) -> SecretStr:
    """Return the URL of a database that the ledger can be kept in; raise ValueError."""
    text = value.get_secret_value()
    if not re.match(r"(sqlite(\+aiosqlite)?:///|postgres(ql(\+asyncpg)?)?://)[^\s]", text):
        raise ValueError("should be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
    if text.startswith("postgres") and (text.count("@") > 1 or re.search(r"\s", text.strip())):
        raise ValueError(
            "should have one @, before the host, and no blanks; in a password write %40 for @, "
            "%2F for /, %3A for :, %3F for ? and %20 for a blank"
        )
    return value


Web = Annotated[str, AfterValidator(_validate_web_url)]
Api = Annotated[str, AfterValidator(_validate_api_url)]
Namespace = Annotated[str, AfterValidator(_validate_workshop_namespace)]
OwnNamespace = Annotated[str, AfterValidator(_validate_own_namespace)]
Zone = Annotated[str, AfterValidator(_validate_time_zone)]
Place = Annotated[Path, AfterValidator(_expand_home)]
User = Annotated[
    str,
    build_pattern_validator(
        r"[UW][A-Z0-9]{2,}",
        "a Slack user id such as U012AB3CD (in the person's profile: Copy member ID)",
    ),
]
Team = Annotated[
    str,
    build_pattern_validator(
        r"[TE][A-Z0-9]{2,}", "the id of a workspace (T012AB3CD) or organization (E012AB3CD)"
    ),
]
Group = Annotated[
    str, build_pattern_validator(r"S[A-Z0-9]{2,}", "a Slack user group's id such as S012AB3CD")
]
Glob = Annotated[
    str,
    build_pattern_validator(r"[a-z0-9*?\[\]!-]+", "a namespace, or a pattern such as bookinfo-*"),
]
Channel = Annotated[
    str,
    build_pattern_validator(
        r"[CG][A-Z0-9]{2,}",
        "a Slack channel id such as C012AB3CD (in the channel's details, at the bottom)",
    ),
]
Known = Annotated[
    str,
    build_pattern_validator(
        r"(?=.)[^\s{}]*(\{user\})?[^\s{}]*", "a name without blanks, in which {user} may stand"
    ),
]
Assignment = Annotated[
    str, build_pattern_validator(r"[^\s=]+=\S.*", "NAME=VALUE, as istioctl's --set takes it")
]
