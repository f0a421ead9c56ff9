"""JSON patch (RFC 6902) and JSON merge patch (RFC 7386), for PATCH requests and for the answers of
webhooks."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.cluster.api_refusals import bad_request_error
from sandbox.cluster.contract import ApiError


def apply_merge_patch(value: Any, patch: Any) -> Any:
    """Return the value after a JSON merge patch (RFC 7386), in which null removes."""
    if not isinstance(patch, dict):
        return patch
    out = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            out.pop(key, None)
        else:
            out[key] = apply_merge_patch(out.get(key), change)
    return out


def apply_json_patch(document: Any, operations: Any) -> Any:
    """Return a copy of the document after a JSON patch (RFC 6902).

    Raises ApiError(400) for what is no patch and ApiError(422) for what can't be carried
    out.
    """
    if not isinstance(operations, list) or not all(isinstance(each, dict) for each in operations):
        raise bad_request_error(
            "error decoding patch: json: cannot unmarshal into Go value of type jsonpatch.Patch"
        )
    out = copy.deepcopy(document)
    for operation in operations:
        out = _apply_operation(out, operation)
    return out


def _unprocessable_error(why: str) -> ApiError:
    """Return the 422 whose message, like the real server's, does not say why.

    The reason is a note on the exception.
    """
    error = ApiError(
        422, "Invalid", "the server rejected our request due to an error in our request"
    )
    error.add_note(why)
    return error


def _apply_operation(document: Any, operation: dict[str, Any]) -> Any:
    name, path = operation.get("op"), _parse_pointer(operation.get("path", ""))
    if name in ("add", "replace", "test"):
        return _CARRY[name](document, path, operation.get("value"))
    if name == "remove":
        return _remove_value(document, path)
    if name in ("move", "copy"):
        source = _parse_pointer(operation.get("from", ""))
        value = copy.deepcopy(_read_value(document, source))
        return _add_value(
            _remove_value(document, source) if name == "move" else document, path, value
        )
    raise bad_request_error(f"Unexpected kind: {name}")


def _parse_pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise _unprocessable_error(f"invalid pointer {text}")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _read_value(document: Any, path: list[str]) -> Any:
    for part in path:
        document = _get_child(document, part, path)
    return document


def _get_child(value: Any, part: str, path: list[str]) -> Any:
    if isinstance(value, dict) and part in value:
        return value[part]
    if isinstance(value, list) and part.isdigit() and int(part) < len(value):
        return value[int(part)]
    raise _unprocessable_error(f"path /{'/'.join(path)} does not exist")


def _add_value(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _read_value(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        parent.insert(_resolve_index(parent, last, path), value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise _unprocessable_error(
            f"add operation does not apply: doc is missing path: /{'/'.join(path)}"
        )
    return document


def _resolve_index(parent: list[Any], last: str, path: list[str]) -> int:
    if last == "-":
        return len(parent)
    if last.isdigit() and int(last) <= len(parent):
        return int(last)
    raise _unprocessable_error(f"index out of range in /{'/'.join(path)}")


def _remove_value(document: Any, path: list[str]) -> Any:
    _read_value(document, path)
    if not path:
        return None
    parent = _read_value(document, path[:-1])
    if isinstance(parent, list):
        del parent[int(path[-1])]
    else:
        del parent[path[-1]]
    return document


def _replace_value(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    _read_value(document, path)
    parent = _read_value(document, path[:-1])
    if isinstance(parent, list):
        parent[int(path[-1])] = value
    else:
        parent[path[-1]] = value
    return document


def _test_value(document: Any, path: list[str], value: Any) -> Any:
    if _read_value(document, path) != value:
        raise _unprocessable_error(f"testing value /{'/'.join(path)} failed")
    return document


_CARRY = {"add": _add_value, "replace": _replace_value, "test": _test_value}
