"""Access reviews: what the API server would allow the account that asks."""

from __future__ import annotations

from collections.abc import Mapping

from bot.cluster.api import Api
from bot.kinds import Kind
from bot.ports import Identity

PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class AccessReviews:
    """SelfSubjectAccessReviews of one client, for its own account or the one it acts as."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def is_allowed(self, verb: str, kind: Kind, namespace: str, name: str) -> bool:
        """Tell whether a verb is allowed; a kind whose plural is `pods/log` asks for the
        subresource, a namespace or name of "" for all of them.
        """
        plural, _, subresource = kind.plural.partition("/")
        asked = {"verb": verb, "group": kind.group, "resource": plural, "subresource": subresource}
        named = {"name": name} if name else {}
        return await self._review(
            {**asked, **named, **({"namespace": namespace} if namespace else {})}
        )

    async def list_missing_impersonation_rights(self, identity: Identity) -> list[str]:
        """Return the rights that the account lacks to act as that user: `impersonate users
        NAME` and so on; empty when none is missing.
        """
        wanted = [("users", identity.user), *(("groups", group) for group in identity.groups)]
        answers = [
            await self._review({"verb": "impersonate", "resource": r, "name": name_to_review(n)})
            for r, n in wanted
        ]
        return [
            f"impersonate {r} {n}"
            for (r, n), allowed in zip(wanted, answers, strict=True)
            if not allowed
        ]

    async def _review(self, attributes: Mapping[str, str]) -> bool:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": dict(attributes)},
        }
        # A review changes nothing, so that it may be sent again although it is a POST.
        answer = await self._api.send("POST", PATH, body=review, repeatable=True)
        return bool(answer.get("status", {}).get("allowed"))


def name_to_review(name: str) -> str:
    """Return the name that an access review asks for: "" (all of them) when it differs from
    user to user.
    """
    return "" if "{user}" in name else name
