"""What is done again and again: schedules that are remembered, their slots, and traffic that goes on.

The only user of APScheduler. It knows the steps' vocabulary and the ledger; what a slot does is handed in.
"""

from bot.schedule.keeper import Hands, Keeper, Outcome
from bot.schedule.limits import Limits
from bot.schedule.office import Office, Order
from bot.schedule.streams import Streams

__all__ = ["Hands", "Keeper", "Limits", "Office", "Order", "Outcome", "Streams"]
