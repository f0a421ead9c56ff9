"""The language of the channel: says a `bot.text.Text` in it, by a gettext catalogue.

The bot is written in English and everything it says stays a `Text` until the view renders it with
a `Localizer`. A language is one file, `locales/LANGUAGE.po`.
"""

from bot.language.localizer import ENGLISH, Localizer
from bot.language.translations import list_languages

__all__ = ["ENGLISH", "Localizer", "list_languages"]
