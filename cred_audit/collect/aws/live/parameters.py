"""Parameters of one region: names, keys and tags, never values (Systems Manager API: DescribeParameters)."""

from dataclasses import replace

from cred_audit.collect.aws.live.answers import Fields, arn, moment, tags, text
from cred_audit.collect.aws.live.failures import NotSeen
from cred_audit.collect.aws.live.gaps import Gaps
from cred_audit.collect.aws.live.service import Service
from cred_audit.collect.aws.live.workers import Workers
from cred_audit.decide.aws.world import Parameter

_PAGE = 50


def read_parameters(
    manager: Service, place: tuple[str, str], partition: str, workers: Workers, gaps: Gaps
) -> tuple[Parameter, ...] | None:
    """Read them. `place`: account and region."""
    account, region = place
    start = f"arn:{partition}:ssm:{region}:{account}:parameter/"
    try:
        listed = manager.listed("describe_parameters", "Parameters", PaginationConfig={"PageSize": _PAGE})
        named = [(text(entry, "Name"), parameter_of(entry, start)) for entry in listed]
    except NotSeen as why:
        gaps.part("parameters", account, region, why)
        return None

    def tagged(one: tuple[str, Parameter]) -> dict[str, str] | NotSeen:
        try:
            return tags(manager.ask("list_tags_for_resource", ResourceType="Parameter", ResourceId=one[0]), "TagList")
        except NotSeen as why:
            return why

    found = []
    for (_, parameter), seen in zip(named, workers.each(tagged, named), strict=True):
        if isinstance(seen, NotSeen):
            gaps.call(manager.named("list_tags_for_resource"), seen, parameter.arn)
        found.append(replace(parameter, tags=None if isinstance(seen, NotSeen) else seen))
    return tuple(found)


def parameter_of(data: Fields, start: str) -> Parameter:
    """Return a parameter without its tags. `start`: of its ARN, which older answers leave out."""
    return Parameter(
        arn=arn(data, "ARN", "ssm") if data.get("ARN") is not None else start + text(data, "Name").lstrip("/"),
        type=text(data, "Type"),
        tags=None,
        key=text(data, "KeyId", "") or None,
        last_changed=moment(data, "LastModifiedDate"),
    )
