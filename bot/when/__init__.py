"""When something is to happen, as people write it: `every 10m until 17:00`, `weekdays 09:00 Europe/Madrid`.

`split` finds such words in a command, `settle` makes a `Timing` of them at a moment, and `remarks` says what clocks
that change do to it. Pure: nothing here looks at a clock or at the world.
"""

from bot.when.clocks import remarks
from bot.when.grammar import KEYWORDS, split
from bot.when.pieces import of_city
from bot.when.settling import seconds_until, settle
from bot.when.timing import Kind, Timing, Wish

__all__ = ["KEYWORDS", "Kind", "Timing", "Wish", "of_city", "remarks", "seconds_until", "settle", "split"]
