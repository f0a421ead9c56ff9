"""The namespaces that the workshop may use, and the one that a command is about."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from bot.catalog import Invocation
from bot.engine.access.protected import EXPLAINED, ProtectedNamespaces
from bot.errors import UserError
from bot.steps import Workshop
from bot.text import Listed, Text


@dataclass(frozen=True)
class WorkshopNamespaces:
    """The namespaces of the workshop: its own, and the globs of those that `in=` may name.

    Those that are `protected` it may not, whatever the globs say.
    """

    workshop: Workshop
    patterns: tuple[str, ...]
    protected: ProtectedNamespaces = ProtectedNamespaces()

    @property
    def are_several(self) -> bool:
        """Tell whether there is more than one, so that a form has to ask which is meant."""
        return len(self.patterns) > 1 or any(set("*?[") & set(each) for each in self.patterns)

    def allows(self, namespace: str) -> bool:
        """Tell whether that is a namespace of the workshop."""
        return any(fnmatchcase(namespace, pattern) for pattern in self.patterns)

    def resolve_workshop(self, invocation: Invocation) -> Workshop:
        """Return the workshop in the namespace that the command names.

        Raises UserError when that is not one of the workshop's.
        """
        wanted = invocation.options.namespace
        if not wanted:
            return self.workshop
        if not self.allows(wanted):
            raise UserError(
                Text("{wanted} is not a namespace of this workshop.", wanted=wanted),
                Text("These are: {allowed}.", allowed=Listed(self.patterns, "comma")),
                self._correct_namespace(invocation.text, wanted),
            )
        # A glob is not meant so wide; who has the workshop in `default` says so.
        meant = wanted == "default" and wanted in self.patterns
        if not meant and not self.protected.may_be_owned(wanted):
            raise UserError(
                Text("{wanted} is not a namespace of this workshop.", wanted=wanted), EXPLAINED
            )
        return replace(self.workshop, app_namespace=wanted)

    def _correct_namespace(self, typed: str, wanted: str) -> tuple[str, ...]:
        """Return the command in the namespace whose name is most like the one that is wanted."""
        named = [pattern for pattern in self.patterns if not set("*?[") & set(pattern)]
        near = difflib.get_close_matches(wanted, named, n=1, cutoff=0.6) or named[:1]
        option = re.compile(rf"(?<=\bin=){re.escape(wanted)}(?!\S)", re.IGNORECASE)
        return tuple(option.sub(name, typed) for name in near if option.search(typed))
