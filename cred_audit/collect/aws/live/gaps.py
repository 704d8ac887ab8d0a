"""What was asked of AWS and not seen, told once: one refusal that meets thousands of secrets is one gap in the end."""

from collections.abc import Callable

from cred_audit.collect.aws.live.failures import NotSeen, shown
from cred_audit.decide.aws.world import asked
from cred_audit.facts import Gap

SOURCE = "aws"
_EACH = 20
"""Objects that get a gap of their own where a call fails for the same reason again and again."""


class Gaps:
    """Collects gaps while one part is read."""

    def __init__(self, account: str = "", region: str = "") -> None:
        self._found: list[Gap] = []
        self._count: dict[tuple[str, str], int] = {}
        self._place = ", ".join(word for word in (account, region) if word)

    def part(self, part: str, account: str, region: str, why: NotSeen | str) -> None:
        """Note that a whole part was not seen."""
        self._found.append(Gap(source=SOURCE, what=asked(part, account, region), reason=str(why)))

    def call(self, call: str, why: NotSeen | str, resource: str = "") -> None:
        """Note that one call was not answered. `call`: as the AWS command line names it."""
        count = self._count[call, str(why)] = self._count.get((call, str(why)), 0) + 1
        if count <= _EACH:
            place = "" if resource.startswith("arn:") or not self._place else f" ({self._place})"
            what = f"{call} {shown(resource)}{place}" if resource else f"{call}{place}"
            self._found.append(Gap(source=SOURCE, what=what, reason=str(why)))

    def fields(self, call: str, resource: str) -> Callable[[NotSeen], None]:
        """Return what notes that a field of one object in an answer was not seen."""
        return lambda why: self.call(call, why, resource)

    def all(self) -> tuple[Gap, ...]:
        """Return every gap, the many of one call summed up."""
        more = (
            Gap(
                source=SOURCE,
                what=f"{call}{f' ({self._place})' if self._place else ''}",
                reason=f"{count - _EACH} more like it: {why}",
            )
            for (call, why), count in self._count.items()
            if count > _EACH
        )
        return (*self._found, *more)
