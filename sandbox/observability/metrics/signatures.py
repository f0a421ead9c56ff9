"""The functions and aggregations of PromQL that are understood, with the types of their arguments,
and the check that a query's types fit together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sandbox.observability.metrics.lexing import QueryError, build_parse_error
from sandbox.observability.metrics.query_tree import (
    Aggregation,
    Binary,
    Call,
    Negation,
    Node,
    Number,
    Selector,
    Subquery,
    Text,
)

Kind = Literal["scalar", "string", "instant vector", "range vector"]
S: Kind = "scalar"
T: Kind = "string"
V: Kind = "instant vector"
R: Kind = "range vector"
COMPARISONS = ("==", "!=", "<=", "<", ">=", ">")
SETS = ("and", "or", "unless")
AGGREGATIONS: dict[str, Kind | None] = {
    **dict.fromkeys(("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")),
    **dict.fromkeys(("topk", "bottomk", "quantile", "limitk"), S),
    "count_values": T,
}
"""By name, the type of the parameter before the vector; None for those without."""


@dataclass(frozen=True)
class Signature:
    """What a function takes and gives. `optional` arguments may be left out at the end; the last of
    a `variadic` one may be repeated."""

    arguments: tuple[Kind, ...]
    result: Kind = V
    optional: int = 0
    variadic: bool = False


_OF_A_VECTOR = (
    "abs absent ceil exp floor ln log10 log2 sgn sort sort_desc sqrt timestamp "
    "acos acosh asin asinh atan atanh cos cosh sin sinh tan tanh deg rad"
)
_OF_DATES = "day_of_month day_of_week day_of_year days_in_month hour minute month year"
_OF_A_RANGE = (
    "absent_over_time avg_over_time changes count_over_time delta deriv idelta increase irate "
    "last_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time "
    "stdvar_over_time sum_over_time"
)
FUNCTIONS: dict[str, Signature] = {
    **{name: Signature((V,)) for name in _OF_A_VECTOR.split()},
    **{name: Signature((V,), optional=1) for name in _OF_DATES.split()},
    **{name: Signature((R,)) for name in _OF_A_RANGE.split()},
    "clamp": Signature((V, S, S)),
    "clamp_max": Signature((V, S)),
    "clamp_min": Signature((V, S)),
    "histogram_quantile": Signature((S, V)),
    "label_join": Signature((V, T, T, T), optional=1, variadic=True),
    "label_replace": Signature((V, T, T, T, T)),
    "pi": Signature((), S),
    "predict_linear": Signature((R, S)),
    "quantile_over_time": Signature((S, R)),
    "round": Signature((V, S), optional=1),
    "scalar": Signature((V,), S),
    "time": Signature((), S),
    "vector": Signature((S,)),
}
"""All functions that are understood, by name; names are known in lower case only, as in
Prometheus."""


def check_types(node: Node, query: str) -> Kind:
    """Return the type of a query's result.

    Raises QueryError where an argument has another type than is asked for.
    """
    match node:
        case Number() | Text():
            return T if isinstance(node, Text) else S
        case Selector():
            return R if node.seconds else V
        case Subquery() | Negation():
            found = _require(node.argument, (V, S), "expression", query)
            return R if isinstance(node, Subquery) else found
        case Aggregation():
            return _check_aggregation(node, query)
        case Call():
            return _check_call(node, query)
        case Binary():
            return _check_binary(node, query)


def _require(node: Node, wanted: tuple[Kind, ...], where: str, query: str) -> Kind:
    found = check_types(node, query)
    if found not in wanted:
        raise _refuse(query, node.place, f"expected type {wanted[0]} in {where}, got {found}")
    return found


def _refuse(query: str, place: int, words: str) -> QueryError:
    return build_parse_error(query, place, words)


def _check_aggregation(node: Aggregation, query: str) -> Kind:
    _require(node.argument, (V,), "aggregation expression", query)
    wanted = AGGREGATIONS[node.operator]
    if wanted and node.parameter is not None:
        _require(node.parameter, (wanted,), "aggregation parameter", query)
    return V


def _check_call(node: Call, query: str) -> Kind:
    known = FUNCTIONS.get(node.function)
    if known is None:
        raise _refuse(query, node.place, f'unknown function with name "{node.function}"')
    most, given = len(known.arguments), len(node.arguments)
    least = most - known.optional
    if given < least or (given > most and not known.variadic):
        count = f"at least {least}" if known.optional else str(most)
        if known.optional and given > most:
            count = f"at most {most}"
        words = f'expected {count} argument(s) in call to "{node.function}", got {given}'
        raise _refuse(query, node.place, words)
    for index, argument in enumerate(node.arguments):
        wanted = known.arguments[min(index, most - 1)]
        _require(argument, (wanted,), f'call to function "{node.function}"', query)
    return known.result


def _check_binary(node: Binary, query: str) -> Kind:
    left = _require(node.left, (S, V), "binary expression", query)
    right = _require(node.right, (S, V), "binary expression", query)
    scalars = [kind for kind in (left, right) if kind == S]
    if node.operator in SETS and scalars:
        words = f'set operator "{node.operator}" not allowed in binary scalar expression'
        raise _refuse(query, node.place, words)
    if scalars and node.labels is not None:
        raise _refuse(query, node.place, "vector matching only allowed between instant vectors")
    if len(scalars) == 2 and node.operator in COMPARISONS and not node.boolean:
        raise _refuse(query, node.place, "comparisons between scalars must use BOOL modifier")
    return S if len(scalars) == 2 else V
