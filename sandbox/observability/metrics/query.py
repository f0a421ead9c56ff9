"""Evaluation of a PromQL query at one moment, from what the store holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sandbox.observability.metrics import instant_functions as functions
from sandbox.observability.metrics.aggregations import aggregate
from sandbox.observability.metrics.lexing import QueryError
from sandbox.observability.metrics.query_tree import (
    Aggregation,
    Binary,
    Call,
    Moment,
    Negation,
    Node,
    Number,
    Selector,
    Subquery,
    Text,
)
from sandbox.observability.metrics.range_functions import apply_range_function
from sandbox.observability.metrics.store import NAME, Point, Store
from sandbox.observability.metrics.syntax import parse_query
from sandbox.observability.metrics.vector_matching import combine
from sandbox.observability.metrics.vectors import (
    RangeVector,
    Result,
    Samples,
    Value,
    Vector,
    drop_metric_name,
)

__all__ = ["Result", "Value", "evaluate_any", "evaluate_query", "evaluate_tree"]

SUBQUERY_SECONDS = 60.0
"""The step of a subquery that names none (Prometheus' default evaluation interval)."""
Anything = Result | RangeVector | str


def evaluate_query(query: str, store: Store, at: float) -> Result:
    """Return the result of a query at a moment (epoch seconds): a scalar or an instant vector.

    Raises QueryError when it can't be read or computed.
    """
    return evaluate_tree(parse_query(query), store, at, (at, at))


def evaluate_any(query: str, store: Store, at: float) -> Anything:
    """Return the result of an instant query, whatever its type."""
    return _Evaluator(store, at, (at, at)).evaluate(parse_query(query))


def evaluate_tree(node: Node, store: Store, at: float, between: tuple[float, float]) -> Result:
    """Return the result of a query at one moment of a range query, `between` whose first and last
    it is."""
    found = _Evaluator(store, at, between).evaluate(node)
    if isinstance(found, RangeVector | str):
        kind = "string" if isinstance(found, str) else "range vector"
        raise QueryError(
            f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector'
        )
    return found


@dataclass(frozen=True)
class _Evaluator:
    store: Store
    at: float
    between: tuple[float, float]

    def evaluate(self, node: Node) -> Anything:
        match node:
            case Number() | Text():
                return node.value
            case Selector():
                return self._select_range(node) if node.seconds else self._select(node)
            case Subquery():
                return self._evaluate_subquery(node)
            case Negation():
                return self._negate(node)
            case Aggregation():
                return self._aggregate(node)
            case Call():
                return self._call(node)
            case Binary():
                return combine(node, self.get_result(node.left), self.get_result(node.right))

    def get_result(self, node: Node) -> Result:
        found = self.evaluate(node)
        assert isinstance(found, float | list), "types were checked"
        return found

    def get_vector(self, node: Node) -> Vector:
        found = self.evaluate(node)
        assert isinstance(found, list), "types were checked"
        return found

    def get_scalar(self, node: Node) -> float:
        found = self.evaluate(node)
        assert isinstance(found, float), "types were checked"
        return found

    def get_range(self, node: Node) -> RangeVector:
        found = self.evaluate(node)
        assert isinstance(found, RangeVector), "types were checked"
        return found

    def _find_moment(self, at: Moment | None, offset: float) -> float:
        fixed = {"start": self.between[0], "end": self.between[1], None: self.at}
        moment = at if isinstance(at, float) else fixed[at]
        return moment - offset

    def _select(self, node: Selector) -> Vector:
        return [Value(labels, point.value) for labels, point in self.select_points(node)]

    def select_points(self, node: Selector) -> list[tuple[Mapping[str, str], Point]]:
        moment = self._find_moment(node.at, node.offset)
        found = (
            (series.labels, series.get_point_at(moment))
            for series in self.store.select_series(node.matchers)
        )
        return [(labels, point) for labels, point in found if point is not None]

    def _select_range(self, node: Selector) -> RangeVector:
        end = self._find_moment(node.at, node.offset)
        start = end - node.seconds
        found = (
            Samples(series.labels, series.list_points_between(start, end))
            for series in self.store.select_series(node.matchers)
        )
        return RangeVector([series for series in found if series.points], start, end)

    def _evaluate_subquery(self, node: Subquery) -> RangeVector:
        end = self._find_moment(node.at, node.offset)
        start, step = end - node.seconds, node.step or SUBQUERY_SECONDS
        # Steps are multiples of the step since the epoch, so that they do not move with the query.
        moment = math.floor(start / step) * step
        rows: dict[frozenset[tuple[str, str]], list[Point]] = {}
        while moment <= end:
            if moment > start:
                inside = replace(self, at=moment).get_result(node.argument)
                pairs = [Value({}, inside)] if isinstance(inside, float) else inside
                for each in pairs:
                    key = frozenset(each.labels.items())
                    rows.setdefault(key, []).append(Point(moment, each.value))
            moment += step
        return RangeVector([Samples(dict(k), points) for k, points in rows.items()], start, end)

    def _negate(self, node: Negation) -> Result:
        found = self.get_result(node.argument)
        if isinstance(found, float):
            return -found
        return functions.apply_to_numbers(found, lambda value: -value)

    def _aggregate(self, node: Aggregation) -> Vector:
        parameter = None if node.parameter is None else self.evaluate(node.parameter)
        assert parameter is None or isinstance(parameter, float | str), "types were checked"
        return aggregate(node, self.get_vector(node.argument), parameter)

    def _call(self, node: Call) -> Result:
        name, given = node.function, node.arguments
        if name in functions.NUMERIC:
            return functions.apply_to_numbers(self.get_vector(given[0]), functions.NUMERIC[name])
        if functions.is_of_dates(name):
            vector = self.get_vector(given[0]) if given else [Value({}, self.at)]
            return functions.read_dates(name, vector)
        special = _SPECIAL.get(name)
        if special is not None:
            return special(self, given)
        return self._call_range_function(name, given)

    def _call_range_function(self, name: str, given: tuple[Node, ...]) -> Result:
        if name == "quantile_over_time":
            return apply_range_function(name, self.get_range(given[1]), self.get_scalar(given[0]))
        if name == "predict_linear":
            parameter = self.get_scalar(given[1])
            return apply_range_function(name, self.get_range(given[0]), parameter, self.at)
        if name == "absent_over_time":
            return [] if self.get_range(given[0]).series else [Value(_read_equal(given[0]), 1.0)]
        return apply_range_function(name, self.get_range(given[0]))

    def read_texts(self, given: tuple[Node, ...]) -> list[str]:
        """Return arguments that are strings."""
        return [str(self.evaluate(node)) for node in given]


def _read_equal(node: Node) -> dict[str, str]:
    """Return the labels that a selector asks for by `=`: those of a series that is absent."""
    if not isinstance(node, Selector):
        return {}
    asked = [m for m in node.matchers if m.label != NAME]
    once = {m.label for m in asked if sum(o.label == m.label for o in asked) == 1}
    return {m.label: m.value for m in asked if m.operator == "=" and m.label in once and m.value}


def _call_absent(run: _Evaluator, given: tuple[Node, ...]) -> Result:
    return [] if run.get_vector(given[0]) else [Value(_read_equal(given[0]), 1.0)]


def _call_scalar(run: _Evaluator, given: tuple[Node, ...]) -> Result:
    found = run.get_vector(given[0])
    return found[0].value if len(found) == 1 else math.nan


def _call_timestamp(run: _Evaluator, given: tuple[Node, ...]) -> Result:
    if isinstance(given[0], Selector):
        points = run.select_points(given[0])
        return [Value(drop_metric_name(labels), point.at) for labels, point in points]
    return functions.apply_to_numbers(run.get_vector(given[0]), lambda _value: run.at)


def _call_round(run: _Evaluator, given: tuple[Node, ...]) -> Result:
    nearest = run.get_scalar(given[1]) if len(given) > 1 else 1.0
    return functions.round_numbers(run.get_vector(given[0]), nearest)


def _call_clamp(run: _Evaluator, given: tuple[Node, ...]) -> Result:
    least, most = run.get_scalar(given[1]), run.get_scalar(given[2])
    return functions.clamp_numbers(run.get_vector(given[0]), least, most)


_Special = Callable[[_Evaluator, tuple[Node, ...]], Result]
_SPECIAL: Mapping[str, _Special] = {
    "absent": _call_absent,
    "scalar": _call_scalar,
    "timestamp": _call_timestamp,
    "round": _call_round,
    "clamp": _call_clamp,
    "clamp_min": lambda run, given: functions.clamp_numbers(
        run.get_vector(given[0]), run.get_scalar(given[1]), math.inf
    ),
    "clamp_max": lambda run, given: functions.clamp_numbers(
        run.get_vector(given[0]), -math.inf, run.get_scalar(given[1])
    ),
    "histogram_quantile": lambda run, given: functions.compute_histogram_quantiles(
        run.get_scalar(given[0]), run.get_vector(given[1])
    ),
    "label_replace": lambda run, given: functions.replace_label(
        run.get_vector(given[0]), run.read_texts(given[1:])
    ),
    "label_join": lambda run, given: functions.join_labels(
        run.get_vector(given[0]), run.read_texts(given[1:])
    ),
    "pi": lambda _run, _given: math.pi,
    "sort": lambda run, given: functions.sort_series(run.get_vector(given[0]), descending=False),
    "sort_desc": lambda run, given: functions.sort_series(
        run.get_vector(given[0]), descending=True
    ),
    "time": lambda run, _given: run.at,
    "vector": lambda run, given: [Value({}, run.get_scalar(given[0]))],
}
"""Functions that need more than the numbers of one vector."""
