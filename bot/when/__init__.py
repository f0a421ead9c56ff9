"""Times of schedules as people write them: `every 10m until 17:00`, `weekdays 09:00
Europe/Madrid`.

`split_timing` finds such words in a command, `resolve_timing` makes a `Timing` of
them at a moment, and `describe_clock_changes` says what clocks that change do to it.
Pure: nothing here reads a clock or the outside world.
"""

from bot.when.clocks import describe_clock_changes
from bot.when.grammar import KEYWORDS, split_timing
from bot.when.pieces import find_city_zone
from bot.when.settling import resolve_timing, seconds_until
from bot.when.timing import Timing, TimingKind, TimingSpec

__all__ = [
    "KEYWORDS",
    "TimingKind",
    "Timing",
    "TimingSpec",
    "find_city_zone",
    "describe_clock_changes",
    "seconds_until",
    "resolve_timing",
    "split_timing",
]
