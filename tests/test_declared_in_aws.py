"""What the audit says about territories that fit badly what is there in AWS."""

from collections.abc import Iterable

from cred_audit.claims.aws.declared import territory_warnings
from cred_audit.decide.aws.world import Secret
from cred_audit.target.model import AwsTerritory, Tenant
from tests import aws_lab as lab


def warned(tenants: Iterable[Tenant], *secrets: Secret, **more: object) -> list[str]:
    parts: dict[str, object] = {"secrets": secrets} | more
    return list(territory_warnings(lab.snapshot([lab.account(**parts)], tenants)))  # type: ignore[arg-type]


def of_arns(name: str, *arns: str) -> Tenant:
    return lab.tenant(name, territory=[AwsTerritory(arns=arns)])


def test_a_territory_that_fits_is_not_mentioned() -> None:
    assert warned([lab.tenant("acme"), lab.tenant("beta")], lab.secret("acme"), lab.secret("beta")) == []


def test_tenants_who_own_nothing_are_named() -> None:
    (text,) = warned(map(lab.tenant, ("acme", "beta", "gamma", "delta", "eps")), lab.secret("acme"))
    assert text.startswith("Nothing that was read in AWS belongs to beta, gamma, delta and 1 more by the tags")
    (text,) = warned([lab.tenant("acme"), of_arns("beta", "arn:aws:secretmanager:*:*:secret:beta/*")],
                     lab.secret("acme"), lab.secret("beta"))  # fmt: skip
    assert "belongs to beta by" in text


def test_who_may_own_what_was_not_seen_is_not_named() -> None:
    assert warned([lab.tenant("acme"), lab.tenant("beta")], lab.secret("acme"), lab.secret("x", tags=None)) == []
    assert warned([lab.tenant("acme"), lab.tenant("beta")], lab.secret("acme"), parameters=None) == []


def test_an_account_or_a_role_is_something_to_own() -> None:
    whole = lab.tenant("beta", territory=[AwsTerritory(account=lab.ACCOUNT)])
    assert warned([whole]) == []
    assert warned([lab.tenant("acme")], roles=[lab.role("x", tags={"TenantId": "acme"})]) == []
    assert warned([lab.tenant("acme")], roles=[lab.role("x", tags=None)]) == []
    assert len(warned([lab.tenant("acme")], roles=[lab.role("x")])) == 1


def test_what_several_tenants_own_is_said() -> None:
    start = "arn:aws:secretsmanager:*:*:secret:"
    both = [of_arns("acme", f"{start}acme*"), of_arns("acme-eu", f"{start}acme-eu/*")]
    (text,) = warned(both, lab.secret("acme"), lab.secret("acme-eu"))
    assert text.startswith("By the target a thing in AWS belongs to several tenants, such as ")
    assert ":secret:acme-eu/db-AbCdEf to acme, acme-eu:" in text
    (text,) = warned(both, lab.secret("acme-eu", "a"), lab.secret("acme-eu", "b"))
    assert "2 things in AWS belong to several tenants" in text
