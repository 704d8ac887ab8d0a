"""What a plan takes away from the roles, users and groups that are there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cred_audit.collect.aws.terraform.plan import Plan, listed, mapping

KINDS = {"role": "aws_iam_role", "user": "aws_iam_user", "group": "aws_iam_group"}
"""Who can hold a policy -> its type of resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What a plan takes away, or puts back in another form."""

    arns: frozenset[str]
    """Of roles, users, groups and managed policies."""
    inline: frozenset[tuple[str, str, str]]
    """(kind, name, name of the policy)"""
    attached: frozenset[tuple[str, str, str]]
    """(kind, name, ARN of the policy)"""
    members: frozenset[tuple[str, str]]
    """(user, group)"""

    @classmethod
    def of(cls, plan: Plan) -> "Gone":
        """Return what a plan takes away. It does not say in which account, where it is given for several."""
        arns: set[str] = set()
        inline: set[tuple[str, str, str]] = set()
        attached: set[tuple[str, str, str]] = set()
        members: set[tuple[str, str]] = set()
        for type_, before, after in plan.changed():
            for kind in KINDS:
                if type_ == f"aws_iam_{kind}_policy":
                    inline.add((kind, str(before.get(kind)), str(before.get("name"))))
                if type_ == f"aws_iam_{kind}_policy_attachment":
                    attached.add((kind, str(before.get(kind)), str(before.get("policy_arn"))))
                if type_ == "aws_iam_policy_attachment":
                    attached |= {
                        (kind, str(name), str(before.get("policy_arn"))) for name in listed(before.get(f"{kind}s"))
                    }
            if type_ == "aws_iam_user_group_membership":
                members |= {(str(before.get("user")), str(group)) for group in listed(before.get("groups"))}
            if type_ == "aws_iam_group_membership":
                members |= {(str(user), str(before.get("group"))) for user in listed(before.get("users"))}
            if type_ == "aws_iam_role" and after is not None:
                name, kept = str(before.get("name")), [str(one) for one in listed(after.get("managed_policy_arns"))]
                attached |= {("role", name, str(arn)) for arn in listed(before.get("managed_policy_arns"))} - {
                    ("role", name, arn) for arn in kept
                }
                inline |= _blocks(name, before) - _blocks(name, after)
            if after is None and type_ in {*KINDS.values(), "aws_iam_policy"}:
                arns.add(str(before.get("arn")))
        return cls(
            arns=frozenset(arns),
            inline=frozenset(inline),
            attached=frozenset(attached),
            members=frozenset(members),
        )


def _blocks(role: str, values: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    return {("role", role, str(mapping(one).get("name"))) for one in listed(values.get("inline_policy"))}
