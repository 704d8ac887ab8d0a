"""The policies of an organization in a plan: which of them bind which account.

The plan must hold the organization and the accounts with all units above them; else nothing is said.
"""

from cred_audit.collect.aws.printed.shape import document_of
from cred_audit.collect.aws.terraform.plan import UNKNOWN, Resource, listed, mapping
from cred_audit.collect.aws.terraform.site import Site
from cred_audit.decide.aws.world import Levels, Organization, PolicyText

_SCP, _RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
_FULL = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
_DEEPEST = 10


def planned_organization(site: Site, accounts: tuple[str, ...]) -> Organization | None:
    """Return the organization of a plan; None for a plan without one."""
    of_type: dict[str, list[Resource]] = {}
    for resource in site.plan.resources:
        of_type.setdefault(resource.type, []).append(resource)
    whole = of_type.get("aws_organizations_organization")
    if not whole:
        return None
    roots = [str(mapping(one).get("id")) for one in listed(whole[0].get("roots"))]
    parents = {
        one.text("id"): one.text("parent_id")
        for kind in ("aws_organizations_account", "aws_organizations_organizational_unit")
        for one in of_type.get(kind, ())
        if one.text("id")
    }
    policies = {one.address: one for one in of_type.get("aws_organizations_policy", ())}
    by_id = {one.text("id"): one for one in policies.values() if one.text("id")}
    attached: dict[str, list[Resource | None]] = {}
    sure = True
    for one in of_type.get("aws_organizations_policy_attachment", ()):
        target = one.get("target_id")
        policy = by_id.get(one.text("policy_id"))
        if policy is None and one.get("policy_id") is UNKNOWN:
            policy = site.referred(one, "policy_id", "aws_organizations_policy")
        if not isinstance(target, str):
            site.unseen(one, "target_id")
            sure = False
        elif one.text("policy_id") != "p-FullAWSAccess":
            attached.setdefault(target, []).append(policy)
            if policy is None:
                site.unseen(one, "policy_id")
    found: dict[str, dict[str, Levels | None]] = {_SCP: {}, _RCP: {}}
    management = whole[0].text("master_account_id")
    for account in accounts:
        chain = _chain(account, parents, roots)
        for kind, levels in found.items():
            if account != management:
                levels[account] = _levels(site, chain, attached, kind) if sure and chain is not None else None
                if levels[account] is None:
                    site.unseen(whole[0], f"policies of {account}", "the plan does not show all that binds the account")
    site.assume(
        "FullAWSAccess is taken to be attached to the root, to every unit and to every account, as AWS does by itself"
    )
    return Organization(management=management, scps=found[_SCP], rcps=found[_RCP])


def _chain(account: str, parents: dict[str, str], roots: list[str]) -> list[str] | None:
    """Return root, units and account, from above; None where a step is not known."""
    chain = [account]
    while len(chain) < _DEEPEST:
        above = parents.get(chain[0])
        if not above:
            return None
        chain.insert(0, above)
        if above in roots:
            return chain
    return None


def _levels(site: Site, chain: list[str], attached: dict[str, list[Resource | None]], kind: str) -> Levels | None:
    levels = []
    for place in chain:
        level = [PolicyText(name="p-FullAWSAccess", text=_FULL)] if kind == _SCP else []
        for policy in attached.get(place, ()):
            type_ = policy.get("type") if policy is not None else UNKNOWN
            if policy is None or type_ is UNKNOWN:
                return None
            if (type_ or _SCP) == kind:
                content = policy.get("content")
                text = None if content is UNKNOWN else document_of(content)
                if text is None:
                    site.unseen(policy, "content")
                level.append(PolicyText(name=policy.text("id") or policy.address, text=text))
        levels.append(tuple(level))
    return tuple(levels)
