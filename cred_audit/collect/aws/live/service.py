"""One service of one account and region: a call either answers, or raises NotSeen with a reason that can be shown."""

from collections.abc import Callable
from threading import Event
from typing import Any

from cred_audit.collect.aws.live.answers import Fields, entries
from cred_audit.collect.aws.live.failures import NotSeen, malformed, not_seen

_MOST_PAGES = 20_000


class Service:
    """A boto3 client, its failures told apart."""

    def __init__(self, client: Any, *, hide: Callable[[str], str], stopped: Event, region: str = "") -> None:
        """Take a client; `hide` takes credentials out of a text, `region` is named where the region is at fault.

        Once `stopped` is set nothing more is asked.
        """
        self._stopped = stopped
        self._client = client
        self._hide = hide
        self._region = region
        self._name: str = client.meta.service_model.service_name

    def named(self, operation: str) -> str:
        """Return a call as the AWS command line names it."""
        return f"{self._name} {operation.replace('_', '-')}"

    def ask(self, operation: str, **parameters: Any) -> Fields:
        """Return the answer of one call, named as boto3 names it."""
        self._go_on()
        try:
            answer = getattr(self._client, operation)(**parameters)
        except Exception as error:  # noqa: BLE001  (a hostile answer breaks boto3's parsers in any way)
            raise self._failed(error, operation) from None
        if not isinstance(answer, dict):
            raise malformed(operation)
        return answer

    def pages(self, operation: str, **parameters: Any) -> list[Fields]:
        """Return every page of a listing; one that fails in the middle raises: a part of a list is no list."""
        found: list[Fields] = []
        self._go_on()
        try:
            for page in self._client.get_paginator(operation).paginate(**parameters):
                self._go_on()
                found.append(page)
                if len(found) > _MOST_PAGES:
                    break
        except Exception as error:  # noqa: BLE001  (likewise)
            why = self._failed(error, operation)
            after = f" (after {len(found)} pages that came)" if found else ""
            raise NotSeen(f"{why}{after}", code=why.code) from None
        if len(found) > _MOST_PAGES:
            raise NotSeen(f"the listing has more than {_MOST_PAGES} pages")
        if not all(isinstance(page, dict) for page in found):
            raise malformed(operation)
        return found

    def listed(self, operation: str, field: str, **parameters: Any) -> list[Fields]:
        """Return the objects of a listing, from all of its pages."""
        return [entry for page in self.pages(operation, **parameters) for entry in entries(page, field, required=True)]

    def _go_on(self) -> None:
        if self._stopped.is_set():
            raise NotSeen("the audit was stopped")

    def _failed(self, error: Exception, operation: str) -> NotSeen:
        action = f"{self._name}:{self._client.meta.method_to_api_mapping.get(operation, operation)}"
        return not_seen(error, action, self._hide, self._region)
