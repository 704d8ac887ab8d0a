"""One plan, read for one account."""

from dataclasses import dataclass
from typing import Any

from cred_audit.collect.aws.printed.iam import Identities
from cred_audit.collect.aws.printed.regional import Belongings
from cred_audit.collect.aws.printed.shape import Place
from cred_audit.collect.aws.terraform.belongings import PlannedBelongings
from cred_audit.collect.aws.terraform.identities import PlannedIdentities
from cred_audit.collect.aws.terraform.organization import planned_organization
from cred_audit.collect.aws.terraform.plan import Plan, PlanError
from cred_audit.collect.aws.terraform.site import Site
from cred_audit.decide.aws.world import Organization


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What one plan says of one account."""

    refused: str = ""
    """Why it is not taken; empty where it is."""
    site: Site | None = None
    identities: PlannedIdentities | None = None
    belongings: PlannedBelongings | None = None

    def into(self, identities: Identities, belongings: Belongings) -> None:
        """Put it on top of what other files say."""
        if self.identities is not None and self.belongings is not None:
            self.identities.into(identities)
            self.belongings.into(belongings)

    def organization(self, accounts: tuple[str, ...]) -> Organization | None:
        """Return what it says of the organization; None where it does not hold one."""
        return planned_organization(self.site, accounts) if self.site is not None else None


def read_plan(document: Any, place: Place, elsewhere: frozenset[str]) -> Planned:
    """Return what a plan says. `elsewhere`: other accounts that the same plan is given for."""
    try:
        plan = Plan(document)
    except PlanError as error:
        return Planned(refused=str(error))
    site = Site(plan=plan, place=place, elsewhere=elsewhere)
    place.notes.assume(
        f"{place.file}: a plan shows what Terraform manages, as it will be after it is applied; the account "
        f"{place.account} is taken to hold nothing else but what its other files show"
    )
    for kind in plan.unread:
        place.notes.detail(
            place.file,
            f"{place.file}: {kind}",
            "resources of this type are not read, and they may make roles, policies, secrets or keys; "
            "collect from the account after it is applied",
        )
    identities, belongings = PlannedIdentities(site=site), PlannedBelongings(site=site)
    identities.read()
    belongings.read()
    if plan.unread:
        reason = f"{place.file}: what {plan.unread[0]} makes is not read"
        identities.found.miss(reason)
        for part in ("secrets", "parameters", "keys"):
            getattr(belongings.found, part).missing.append(reason)
    return Planned(site=site, identities=identities, belongings=belongings)
