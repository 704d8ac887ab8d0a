"""Plans as `terraform show -json` prints them, put together by hand from their resources."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests import aws_lab as lab

_ADDRESS = re.compile(r'(?:(module\..*)\.)?(aws_\w+|random_\w+)\.([\w-]+?)(?:\[(?:"(.*)"|(\d+))\])?')
_INDEX = re.compile(r'\[(?:"[^"]*"|\d+)\]')
COMPUTED: Mapping[str, tuple[str, ...]] = {
    "aws_iam_role": ("arn", "create_date", "id", "inline_policy", "managed_policy_arns", "name_prefix", "unique_id"),
    "aws_iam_policy": ("arn", "attachment_count", "id", "name_prefix", "policy_id"),
    "aws_iam_role_policy": ("id", "name_prefix"),
    "aws_iam_role_policy_attachment": ("id",),
    "aws_iam_user": ("arn", "id", "unique_id"),
    "aws_iam_group": ("arn", "id", "unique_id"),
    "aws_secretsmanager_secret": ("arn", "id", "name_prefix", "policy", "replica"),
    "aws_kms_key": ("arn", "id", "key_id", "multi_region", "policy"),
    "aws_ssm_parameter": ("arn", "id", "version", "key_id", "insecure_value"),
    "aws_cloudtrail": ("arn", "id", "home_region", "sns_topic_arn"),
    "aws_lambda_function": ("arn", "id", "qualified_arn", "version"),
}
"""What only AWS gives a new resource."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One resource of a plan."""

    address: str
    values: Mapping[str, Any]
    unknown: Mapping[str, Any] = field(default_factory=dict)
    sensitive: Mapping[str, Any] = field(default_factory=dict)
    refers: Mapping[str, Any] = field(default_factory=dict)
    """Argument -> what its expression refers to."""
    before: Mapping[str, Any] | None = None
    actions: tuple[str, ...] = ("create",)
    provider: str = "aws"

    @property
    def parts(self) -> tuple[str, str, str, str | int | None]:
        match = _ADDRESS.fullmatch(self.address)
        assert match is not None
        return match[1] or "", match[2], match[3], int(match[5]) if match[5] else match[4]

    @property
    def not_yet(self) -> dict[str, Any]:
        """The mask of what is not known."""
        computed = COMPUTED.get(self.parts[1], ("id",)) if self.actions == ("create",) else ()
        return {**{name: True for name in computed if name not in self.values}, **self.unknown}


def new(address: str, **values: Any) -> Planned:
    """Return a resource that the plan makes, known but for what AWS gives. `_refers`, `_unknown` as in Planned."""
    more = {key[1:]: values.pop(key) for key in tuple(values) if key.startswith("_")}
    return Planned(address=address, values=values, **more)


def there(address: str, **values: Any) -> Planned:
    """Return a resource that is there already and stays."""
    more = {key[1:]: values.pop(key) for key in tuple(values) if key.startswith("_")}
    return Planned(address=address, values=values, actions=("no-op",), before=values, **more)


def deleted(address: str, **values: Any) -> Planned:
    """Return a resource that the plan deletes."""
    return Planned(address=address, values={}, before=values, actions=("delete",))


def plan(  # noqa: PLR0913  (the parts of a plan)
    resources: Iterable[Planned],
    *,
    version: str = "1.2",
    providers: Mapping[str, Any] | None = None,
    data: Iterable[Mapping[str, Any]] = (),
    outputs: Mapping[str, Mapping[str, Any]] | None = None,
    calls: Mapping[str, Mapping[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return a plan. `outputs`: module -> output -> references; `calls`: module -> variable -> references."""
    resources = tuple(resources)
    planned: dict[str, Any] = {}
    changes = []
    for one in resources:
        module, kind, name, index = one.parts
        own: dict[str, Any] = {"address": one.address, "mode": "managed", "type": kind, "name": name}
        own |= {} if index is None else {"index": index}
        own["provider_name"] = "registry.terraform.io/hashicorp/aws" if version != "0.1" else "aws"
        kept = {key: value for key, value in one.values.items() if key not in one.not_yet}
        if one.actions not in {("delete",), ("forget",)}:
            shown = {**own, "schema_version": 0, "values": kept}
            if version != "0.1":
                shown["sensitive_values"] = dict(one.sensitive)
            _module(planned, module).setdefault("resources", []).append(shown)
        change = {
            "actions": list(one.actions),
            "before": one.before,
            "after": None if one.actions == ("delete",) else kept,
            "after_unknown": one.not_yet,
        }
        if version != "0.1":
            change |= {"before_sensitive": {}, "after_sensitive": dict(one.sensitive)}
        changes.append({**own, **({"module_address": module} if module else {}), "change": change})
    if providers is None:
        providers = {"aws": {"name": "aws", "expressions": {"region": {"constant_value": lab.REGION}}}}
    return {
        "format_version": version,
        "terraform_version": "1.9.8",
        "planned_values": {"root_module": planned},
        "resource_changes": changes,
        "prior_state": {
            "format_version": "1.0",
            "values": {"root_module": {"resources": [{"mode": "data", **one} for one in data]}},
        },
        "configuration": {
            "provider_config": providers,
            "root_module": _configured(resources, "", outputs or {}, calls or {}),
        },
        **more,
    }


def _module(root: dict[str, Any], address: str) -> dict[str, Any]:
    if not address:
        return root
    children = root.setdefault("child_modules", [])
    for child in children:
        if child["address"] == address:
            return child  # type: ignore[no-any-return]
    children.append({"address": address})
    return children[-1]  # type: ignore[no-any-return]


def _configured(
    resources: tuple[Planned, ...],
    module: str,
    outputs: Mapping[str, Mapping[str, Any]],
    calls: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    blocks: dict[str, Any] = {}
    inside: dict[str, list[Planned]] = {}
    for one in resources:
        own, kind, name, _ = one.parts
        path = _INDEX.sub("", own)
        if path != module:
            inside.setdefault(path, []).append(one)
            continue
        given = {key: {"constant_value": value} for key, value in one.values.items() if key != "arn"}
        given |= {argument: {"references": list(names)} for argument, names in one.refers.items()}
        if one.actions != ("delete",):
            blocks[f"{kind}.{name}"] = {
                "address": f"{kind}.{name}", "mode": "managed", "type": kind, "name": name,
                "provider_config_key": one.provider, "expressions": given,
            }  # fmt: skip
    found: dict[str, Any] = {"resources": list(blocks.values())}
    if inside:
        found["module_calls"] = {
            path.removeprefix("module."): {
                "source": "./agent",
                "expressions": {key: {"references": list(names)} for key, names in calls.get(path, {}).items()},
                "module": {
                    **_configured(tuple(some), path, {}, {}),
                    "outputs": {
                        key: {"expression": {"references": list(names)}} for key, names in outputs.get(path, {}).items()
                    },
                },
            }
            for path, some in inside.items()
        }
    return found


TRUST = lab.trust({"Service": "ecs-tasks.amazonaws.com"})
OWN = lab.document(lab.statement(Condition=lab.EQUAL))
ALL = lab.document(lab.statement())


def role(name: str, *, address: str = "", **more: Any) -> Planned:
    """Return a new role `agent-NAME` of a tenant."""
    values = {
        "name": f"agent-{name}", "path": "/", "assume_role_policy": TRUST, "description": None,
        "max_session_duration": 3600, "permissions_boundary": None,
        "tags": {"TenantId": name}, "tags_all": {"TenantId": name},
    }  # fmt: skip
    return new(address or f'aws_iam_role.agent["{name}"]', **(values | more))


def secret(name: str, *, address: str = "", **more: Any) -> Planned:
    """Return a new secret `NAME/db` of a tenant."""
    values = {
        "name": f"{name}/db", "description": None, "kms_key_id": None, "recovery_window_in_days": 30,
        "tags": {"TenantId": name}, "tags_all": {"TenantId": name},
    }  # fmt: skip
    return new(address or f'aws_secretsmanager_secret.db["{name}"]', **(values | more))


def inline(name: str, policy: str, **more: Any) -> Planned:
    """Return a new inline policy of a tenant's role, which is named by a reference."""
    more.setdefault("_refers", {"role": ["aws_iam_role.agent", "each.key"]})
    values = {"name": "secrets", "policy": policy, "_unknown": {"role": True}}
    return new(f'aws_iam_role_policy.secrets["{name}"]', **(values | more))


def tenants(policy: str, *names: str) -> tuple[Planned, ...]:
    """Return role, inline policy and secret of each tenant."""
    return tuple(one for name in names for one in (role(name), inline(name, policy), secret(name)))
