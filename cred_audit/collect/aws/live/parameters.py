"""Parameters of one region: names, keys and tags, never values (Systems Manager API: DescribeParameters)."""

from dataclasses import replace

from cred_audit.collect.aws.live.answers import Fields, Lost, arn, moment, part, tags, text
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
        call = manager.named("describe_parameters")
        names = [text(entry, "Name") for entry in listed]
        named = [
            (name, parameter_of(entry, start, gaps.fields(call, name)))
            for name, entry in zip(names, listed, strict=True)
        ]
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


def parameter_of(data: Fields, start: str, lost: Lost) -> Parameter:
    """Return a parameter without its tags. `start`: of its ARN, which older answers leave out."""
    key = part(lambda: text(data, "KeyId", ""), lost)
    return Parameter(
        arn=arn(data, "ARN", "ssm") if data.get("ARN") is not None else start + text(data, "Name").lstrip("/"),
        # What has no type that is known is taken for the one that a key encrypts.
        type=part(lambda: text(data, "Type"), lost) or "SecureString",
        tags=None,
        # No fact says that a parameter's key is unknown; a name that no key has does.
        key="a key that was not seen" if key is None else key or None,
        last_changed=part(lambda: moment(data, "LastModifiedDate"), lost),
    )
