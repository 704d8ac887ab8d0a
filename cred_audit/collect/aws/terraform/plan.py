"""A plan of Terraform or OpenTofu: its resources with what is known of them before the plan is applied.

Terraform documentation: "JSON Output Format" (format_version 0.x and 1.x). A value that only AWS will give, or
that is marked sensitive, is `UNKNOWN` here; no sensitive value is ever handed out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

_INDEX = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|[0-9]+)\]')
_VERSION = re.compile(r"([0-9]{1,4})\.[0-9]{1,6}(?:\.[0-9]{1,6})?")
_KNOWN = ("0", "1")
_MODULE = re.compile(r"module\.([A-Za-z_][\w-]*)")
_UNREAD = re.compile("awscc_(iam|secretsmanager|kms|ssm)_|aws_cloudformation_stack|aws_cloudcontrolapi_resource")
_ACCOUNT = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/.*")


class PlanError(Exception):
    """A plan that is not taken, and why."""


class _Unknown(Enum):
    UNKNOWN = "unknown"


UNKNOWN = _Unknown.UNKNOWN
"""Stands for a value that is not known before apply, or is marked sensitive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What the configuration says of the provider of a resource. Empty where it does not say."""

    region: str = ""
    account: str = ""
    adds_tags: bool = True
    """Whether it adds tags to all that it makes, or may do so."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resource:
    """One resource, as it will be."""

    address: str
    """`module.agents["a"].aws_iam_role.agent[0]`."""
    module: str
    """Address of its module; empty for the root."""
    type: str
    name: str
    index: str | int | None
    values: Mapping[str, Any]
    unknown: Mapping[str, Any] = field(default_factory=dict)
    sensitive: Mapping[str, Any] = field(default_factory=dict)
    expressions: Mapping[str, Any] | None = None
    """What the configuration gives for each argument; None where the plan does not show it."""
    provider: Provider = field(default_factory=Provider)

    def get(self, name: str) -> Any:
        """Return a value; None for one that is not set."""
        if self.hidden(name) or _marked(self.unknown.get(name)):
            return UNKNOWN
        return self.values.get(name)

    def hidden(self, name: str) -> bool:
        """Whether any of a value is marked sensitive."""
        return _marked(self.sensitive.get(name))

    def settled(self, name: str) -> Any:
        """Return a value; None also where only AWS's default is unknown, since the configuration gives nothing."""
        value = self.get(name)
        if value is UNKNOWN and not self.configured(name) and not self.hidden(name):
            return None
        return value

    def text(self, name: str) -> str:
        """Return a text that is known; empty for everything else."""
        value = self.get(name)
        return value if isinstance(value, str) else ""

    def configured(self, name: str) -> bool:
        """Whether the configuration gives something for an argument, or may do so."""
        return self.expressions is None or name in self.expressions

    @property
    def base(self) -> str:
        """Its address in its module without its index: `aws_iam_role.agent`."""
        return f"{self.type}.{self.name}"


def _marked(mask: Any) -> bool:
    """Tell whether a mask of a value (true for what is unknown or sensitive, mirrored below) marks any of it."""
    if mask is None or mask is False:
        return False
    waiting = [mask]
    while waiting:
        one = waiting.pop()
        if one is True:
            return True
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return False


def without_indexes(address: str) -> str:
    """Return an address without `[0]` and `["a"]`."""
    return _INDEX.sub("", address)


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a JSON object; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> Sequence[Any]:
    """Return a JSON list; an empty one in place of anything else."""
    return value if isinstance(value, list) else ()


class Plan:
    """One plan."""

    def __init__(self, document: Any) -> None:
        """Take the parsed JSON. Raises PlanError where it is no whole plan of a known version."""
        self._document = _checked(document)
        changes = [mapping(entry) for entry in listed(self._document.get("resource_changes"))]
        self._changes = {str(entry.get("address")): entry for entry in changes if "deposed" not in entry}
        self.configuration = Configuration(self._document)
        root = mapping(self._document.get("planned_values", self._document.get("values"))).get("root_module")
        self.resources = tuple(
            resource
            for module, entry in _resources(root)
            if entry.get("mode") == "managed" and (resource := self._resource(module, entry)) is not None
        ) + tuple(self._kept(changes))
        self.unread = tuple(sorted({
            str(entry.get("type")) for _, entry in _resources(root)
            if entry.get("mode") == "managed" and _UNREAD.match(str(entry.get("type")))
        }))  # fmt: skip
        """Types of resources that make what we look for in another way, and are not read."""
        self.by_base: dict[tuple[str, str], dict[str | int | None, Resource]] = {}
        """(module's address, address in it without index) -> its instances by index."""
        for resource in self.resources:
            self.by_base.setdefault((resource.module, resource.base), {})[resource.index] = resource

    def _resource(self, module: str, entry: Mapping[str, Any]) -> Resource | None:
        address, kind, name = entry.get("address"), entry.get("type"), entry.get("name")
        if not (isinstance(address, str) and isinstance(kind, str) and isinstance(name, str)):
            raise PlanError("a resource of planned_values has no address, type or name; print the plan again")
        if not kind.startswith("aws_"):
            return None
        change = mapping(mapping(self._changes.get(address)).get("change"))
        values = mapping(entry.get("values"))
        unknown = change.get("after_unknown")
        sensitive = [entry.get("sensitive_values"), change.get("after_sensitive")]
        index = entry.get("index")
        return Resource(
            address=address,
            module=module,
            type=kind,
            name=name,
            index=index if isinstance(index, str | int) else None,
            values=values,
            unknown=dict.fromkeys(_NAMES_OF_ALL, True) if unknown is True else mapping(unknown),
            sensitive=_either(sensitive),
            expressions=self.configuration.expressions(module, f"{kind}.{name}"),
            provider=self.configuration.provider(module, f"{kind}.{name}"),
        )

    def _kept(self, changes: list[Mapping[str, Any]]) -> Iterator[Resource]:
        """Yield what Terraform forgets: it stays in AWS as it is."""
        for entry in changes:
            change = mapping(entry.get("change"))
            if change.get("actions") == ["forget"] and entry.get("mode") == "managed":
                kept = {**entry, "values": change.get("before"), "sensitive_values": change.get("before_sensitive")}
                address = str(entry.get("module_address") or "")
                found = self._resource(address, kept)
                if found is not None:
                    yield found

    def changed(self) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any] | None]]:
        """Yield type, former and future values of what is changed; None as its future for what is deleted."""
        for entry in listed(self._document.get("resource_changes")):
            change = mapping(mapping(entry).get("change"))
            actions = listed(change.get("actions"))
            if mapping(entry).get("mode") == "managed" and ("delete" in actions or "update" in actions):
                before, sensitive = mapping(change.get("before")), mapping(change.get("before_sensitive"))
                shown = {key: value for key, value in before.items() if not _marked(sensitive.get(key))}
                after = None if "delete" in actions else mapping(change.get("after"))
                yield str(mapping(entry).get("type")), shown, after

    def data(self, kind: str) -> Iterator[Mapping[str, Any]]:
        """Yield the values of data sources of a type that have been read."""
        prior = mapping(mapping(self._document.get("prior_state")).get("values")).get("root_module")
        planned = mapping(self._document.get("planned_values")).get("root_module")
        for root in (prior, planned):
            for _, entry in _resources(root):
                if entry.get("mode") == "data" and entry.get("type") == kind:
                    sensitive = mapping(entry.get("sensitive_values"))
                    values = mapping(entry.get("values"))
                    yield {key: value for key, value in values.items() if not _marked(sensitive.get(key))}


_NAMES_OF_ALL = ("name", "arn", "policy", "role", "user", "group", "tags", "tags_all")
"""What is unknown of a resource of which all is: no plan says so of a resource as a whole, a broken one may."""


def _either(masks: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for mask in masks:
        if mask is True:
            found |= dict.fromkeys(_NAMES_OF_ALL, True)
        for key, value in mapping(mask).items():
            found[key] = [found[key], value] if key in found else value
    return found


def _checked(document: Any) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise PlanError("it must be the object that `terraform show -json PLAN` prints")
    version = document.get("format_version")
    match = _VERSION.fullmatch(version) if isinstance(version, str) else None
    if match is None:
        raise PlanError("it has no format_version; give what `terraform show -json PLAN` prints, not the plan itself")
    if match[1] not in _KNOWN:
        raise PlanError(f"its format_version is {version}; the versions 0.x and 1.x are known: upgrade cred-audit")
    if "planned_values" not in document and "values" not in document:
        raise PlanError("it has neither planned_values nor values: it is the answer of another command")
    if document.get("errored") is True:
        raise PlanError("the plan ended with an error, so it is not whole; mend the configuration and plan again")
    if document.get("complete") is False:
        raise PlanError("the plan is not complete (targeted or deferred); plan again without -target")
    return document


def _resources(root: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the resources of a module and of all below it, each with the address of its module."""
    waiting = [("", mapping(root))]
    while waiting:
        address, module = waiting.pop()
        for entry in listed(module.get("resources")):
            yield address, mapping(entry)
        children = [mapping(child) for child in listed(module.get("child_modules"))]
        waiting += [(str(child.get("address") or address), child) for child in children]


class Configuration:
    """What the configuration in a plan says: the expressions of arguments, and the providers."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Take the plan's document; a plan without configuration says nothing."""
        configuration = mapping(document.get("configuration"))
        self._root = mapping(configuration.get("root_module"))
        self._providers = mapping(configuration.get("provider_config"))
        self._variables = mapping(document.get("variables"))
        self._modules: dict[str, Mapping[str, Any]] = {}
        self._blocks: dict[str, dict[str, Mapping[str, Any]]] = {}
        self._known: dict[str, Provider] = {}

    def module(self, address: str) -> Mapping[str, Any]:
        """Return the configuration of a module."""
        path = without_indexes(address)
        if path not in self._modules:
            found = self._root
            for name in _MODULE.findall(path):
                found = mapping(self.call(found, name).get("module"))
            self._modules[path] = found
        return self._modules[path]

    @staticmethod
    def call(module: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """Return the call of a child module."""
        return mapping(mapping(module.get("module_calls")).get(name))

    def _block(self, module: str, base: str) -> Mapping[str, Any] | None:
        path = without_indexes(module)
        if path not in self._blocks:
            self._blocks[path] = {
                str(mapping(entry).get("address")): mapping(entry)
                for entry in listed(self.module(module).get("resources"))
            }
        return self._blocks[path].get(base)

    def expressions(self, module: str, base: str) -> Mapping[str, Any] | None:
        """Return what is given for a resource's arguments; None where the plan does not show it."""
        block = self._block(module, base)
        return None if block is None else mapping(block.get("expressions"))

    def provider(self, module: str, base: str) -> Provider:
        """Return the provider of a resource."""
        key = str(mapping(self._block(module, base)).get("provider_config_key") or "")
        if key not in self._known:
            self._known[key] = self._provider(key)
        return self._known[key]

    def _provider(self, key: str) -> Provider:
        config = self._providers.get(key)
        if config is None:
            # One that a module is handed has another name there; only where all are alike it does not matter.
            alike = {
                self._provider(name) for name, entry in self._providers.items()
                if mapping(entry).get("name") == "aws" and entry is not None
            }  # fmt: skip
            return alike.pop() if len(alike) == 1 else Provider()
        if "module_address" in mapping(config):
            return Provider()
        given = mapping(mapping(config).get("expressions"))
        region = self._constant(given.get("region"))
        accounts = self._constant(given.get("allowed_account_ids"))
        account = accounts[0] if isinstance(accounts, list) and len(accounts) == 1 else ""
        for role in listed(given.get("assume_role")):
            match = _ACCOUNT.fullmatch(str(self._constant(mapping(role).get("role_arn"))))
            account = match[1] if match else account
        return Provider(
            region=region if isinstance(region, str) else "",
            account=account if isinstance(account, str) else "",
            adds_tags="default_tags" in given,
        )

    def _constant(self, expression: Any) -> Any:
        expression = mapping(expression)
        references = listed(expression.get("references"))
        if len(references) == 1 and str(references[0]).startswith("var."):
            name = str(references[0]).removeprefix("var.")
            if mapping(mapping(self._root.get("variables")).get(name)).get("sensitive") is True:
                return None
            return mapping(self._variables.get(name)).get("value")
        return expression.get("constant_value")
