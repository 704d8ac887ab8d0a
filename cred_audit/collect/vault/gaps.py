"""What was asked for and not seen, told once: a refusal that meets thousands of objects of one folder is one gap."""

from dataclasses import dataclass, field

from cred_audit.collect.vault.client import Answer, Call
from cred_audit.facts import Gap

SOURCE = "vault"
_EACH = 20
"""Objects of one folder that get a gap of their own."""


@dataclass(slots=True)
class Gaps:
    """Collects gaps while the server is read."""

    found: list[Gap] = field(default_factory=list)
    more: dict[tuple[str, str, int], int] = field(default_factory=dict)
    """Verb, folder and status -> how many gaps there were."""
    reasons: dict[tuple[str, str, int], str] = field(default_factory=dict)

    def unseen(self, call: Call, answer: Answer) -> None:
        """Note that a call was not answered."""
        path = f"{call.namespace}{call.path}"
        folder = path if path.endswith("/") or call.verb == "POST" else path.rpartition("/")[0] + "/"
        key = (call.verb, folder, answer.status)
        count = self.more[key] = self.more.get(key, 0) + 1
        if count <= (1 if call.verb == "POST" else _EACH):
            self.add(f"{call.verb} {path}", answer.reason)
        self.reasons[key] = answer.reason.replace(f'path "{path}"', f'path "{folder}+"')

    def add(self, what: str, reason: str) -> None:
        """Note anything else that was not seen."""
        self.found.append(Gap(source=SOURCE, what=what, reason=reason))

    def all(self) -> tuple[Gap, ...]:
        """Return every gap, the many of one folder summed up."""
        summed = list(self.found)
        for (verb, folder, status), count in sorted(self.more.items()):
            shown = 1 if verb == "POST" else _EACH
            if count > shown:
                name = folder if verb == "POST" else f"{folder}+"
                reason = self.reasons[verb, folder, status]
                summed.append(
                    Gap(source=SOURCE, what=f"{verb} {name}", reason=f"{count - shown} more like it: {reason}")
                )
        return tuple(summed)
