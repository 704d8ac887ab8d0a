"""The target file: read, checked as a whole, and made into the types of the model.

A target may come from a stranger. Loading executes nothing, is bounded in size, depth and number of values, and
stays in the target's folder unless the caller allows otherwise.
"""

from pathlib import Path
from typing import Any

from cred_audit.target import build
from cred_audit.target.events import read_yaml
from cred_audit.target.fields import DEFAULTS, MOST_TENANTS, ROOT, SECTIONS, TABLE
from cred_audit.target.json_text import read_json
from cred_audit.target.model import Target
from cred_audit.target.node import Map, Seq, Stopped, plain, read_text
from cred_audit.target.problem import START, Place, Problems, quoted, shown_path
from cred_audit.target.shape import BAD, Context, kind_of
from cred_audit.target.table import tenants_of

_RESERVED = "(others)"


def load_target(path: Path, *, allow_outside: bool = False) -> Target:
    """Return the target that a .yaml or .json file declares.

    Raises TargetError with every problem of the file, sorted by line, at most 20 of them written out.
    """
    shown = shown_path(path)
    problems = Problems(file=shown)
    try:
        text = read_text(path, shown, problems)
        read = read_json if path.suffix.lower() == ".json" else read_yaml
        root, place = read(text, problems)
        target = _Loading(path, problems, allow_outside=allow_outside).target(root, place)
    except Stopped:
        raise problems.error() from None
    if target is None or problems.found:
        raise problems.error()
    return target


class _Loading:
    """One target being loaded."""

    def __init__(self, path: Path, problems: Problems, *, allow_outside: bool) -> None:
        self.path = path
        self.base = path.absolute().parent.resolve()  # a link's own folder: its neighbours are links too
        self.problems = problems
        self.context = Context(problems=problems, base=self.base, allow_outside=allow_outside)
        self.warnings = build.Warnings(problems.file)

    def target(self, root: Any, place: Place) -> Target | None:
        """Return the target, or None with the problems noted."""
        if not isinstance(root, Map):
            self.problems.add(place or START, f"a target must be a mapping of keys, not {kind_of(root)}")
            return None
        whole = self._merged(root)
        if whole is None:
            ROOT.check(_without_tenants(root), root.place, "target", self.context)
            return None
        values = ROOT.check(whole, root.place, "target", self.context)
        self._distinct(whole.get("tenants"))
        if values is BAD:
            return None
        tenants = tuple(
            build.tenant_of(entry, entry_place, self.warnings)
            for entry, entry_place in zip(values["tenants"], whole["tenants"].places, strict=True)
        )
        accepted = values.get("accepted", ())
        return Target(
            name=values["name"],
            tenants=tenants,
            others=values.get("others", len(tenants) == 1),
            vault=build.vault_of(values["vault"], self.base) if "vault" in values else None,
            aws=build.aws_of(values["aws"], self.base) if "aws" in values else None,
            sections={key: plain(values[key]) for key in SECTIONS if key in values},
            accepted=tuple(
                build.accepted_of(entry, entry_place)
                for entry, entry_place in zip(accepted, whole["accepted"].places if accepted else (), strict=True)
            ),
            path=self.path,
            warnings=self.warnings.all(),
        )

    def _merged(self, root: Map) -> Map | None:
        """Return the file with its table and its defaults written out; None where that cannot be done."""
        tenants = root.get("tenants")
        defaults = root.get("defaults")
        if defaults is not None:
            before = len(self.problems.found)
            checked = DEFAULTS.check(defaults, root.at("defaults"), "defaults", self.context)
            if checked is BAD or len(self.problems.found) > before:
                return None
        if isinstance(tenants, Seq) and isinstance(defaults, Map):
            tenants = _each(tenants, lambda tenant: _with_defaults(tenant, defaults))
        elif isinstance(tenants, Map):
            tenants = self._table(tenants, root.at("tenants"), defaults)
            if tenants is None:
                return None
        whole = _copy(root)
        if "tenants" in whole:
            whole["tenants"] = tenants
        return whole

    def _table(self, table: Map, place: Place, defaults: Any) -> Seq | None:
        if isinstance(table.get("each"), Map) and isinstance(defaults, Map):
            table = _copy(table)
            table["each"] = _with_defaults(table["each"], defaults)
        values = TABLE.check(table, place, "tenants", self.context)
        if values is BAD:
            return None
        file = self.base / values["from"]
        try:
            return tenants_of(table["each"], file, shown_path(values["from"]), self.problems, place)
        except Stopped:
            return None

    def _distinct(self, tenants: Any) -> None:
        """Note ids that are given twice, also in tenants that are wrong in another way."""
        if not isinstance(tenants, Seq) or len(tenants) > MOST_TENANTS:
            return
        first: dict[str, Place] = {}
        acting: set[str] = set()
        for tenant in tenants:
            identity = tenant.get("id") if isinstance(tenant, Map) else None
            if not isinstance(identity, str):
                continue
            place = tenant.at("id")
            if identity == _RESERVED:
                self.problems.add(place, f"tenant id {quoted(identity)} has a meaning of its own; choose another")
            if identity in first:
                self._twice(f"tenant id {quoted(identity)}", place, first[identity])
            first.setdefault(identity, place)
            agents = tenant.get("agents")
            own: dict[str, Place] = {}
            for agent in agents if isinstance(agents, Seq) else ():
                if not isinstance(agent, Map) or not isinstance(name := agent.get("id", identity), str):
                    continue
                at = agent.at("id")
                if name in own:
                    self._twice(f"agent id {quoted(name)} of tenant {quoted(identity)}", at, own[name])
                elif (both := f"{identity}/{name}") in acting and first[identity] is place:
                    self.problems.add(at, f"two agents are both called {quoted(both)} (tenant/agent); rename one")
                acting.add(f"{identity}/{name}")
                own.setdefault(name, at)

    def _twice(self, what: str, place: Place, first: Place) -> None:
        self.problems.add(place, f"{what} is given twice (first on line {first.line + 1})")


def _without_tenants(root: Map) -> Map:
    """Return the file with one tenant that is right, to check the rest when tenants or defaults are wrong."""
    rest = _copy(root)
    rest.pop("defaults", None)
    if "tenants" in rest:
        stand_in, tenant = Seq(), Map()
        stand_in.place, stand_in.places = root.place, [root.place]
        tenant.place, tenant.places = root.place, {"id": (root.place, root.place)}
        tenant["id"] = "a"
        stand_in.append(tenant)
        rest["tenants"] = stand_in
    return rest


def _each(items: Seq, change: Any) -> Seq:
    changed = Seq(change(item) for item in items)
    changed.place, changed.places = items.place, items.places
    return changed


def _copy(mapping: Map) -> Map:
    copy = Map(mapping)
    copy.place, copy.places = mapping.place, dict(mapping.places)
    return copy


def _with_defaults(tenant: Any, defaults: Map) -> Any:
    """Return a tenant with the defaults below its own values. What is no tenant is left for the check."""
    if not isinstance(tenant, Map):
        return tenant
    tenant = _copy(tenant)
    agent, territory = defaults.get("agent"), defaults.get("territory")
    if isinstance(agent, Map):
        agents = tenant.get("agents", _alone(agent))
        if isinstance(agents, Seq):
            tenant["agents"] = _each(agents, lambda own: _below(agent, own))
            tenant.places.setdefault("agents", (tenant.place, tenant.place))
    if isinstance(territory, Map):
        tenant["territory"] = _below(territory, tenant["territory"]) if "territory" in tenant else territory
        tenant.places.setdefault("territory", (tenant.place, tenant.place))
    return tenant


def _alone(agent: Map) -> Seq:
    agents = Seq()
    empty = Map()
    empty.place, empty.places = agent.place, {}
    agents.append(empty)
    agents.place, agents.places = agent.place, [agent.place]
    return agents


def _below(default: Any, own: Any) -> Any:
    """Return a value with a default below it: mappings are merged, everything else is replaced."""
    if not isinstance(default, Map) or not isinstance(own, Map):
        return own
    merged = _copy(default)
    merged.place = own.place
    for key, value in own.items():
        merged[key] = _below(default[key], value) if key in default else value
        merged.places[key] = own.places[key]
    return merged
