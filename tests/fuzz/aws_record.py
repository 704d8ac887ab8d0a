"""Record answers of the independent evaluator on our own cases: `python -m tests.fuzz.aws_record FILE --count 500`.

Cases on which both agree are added to FILE, spread over actions, kinds of principal, policy types and operators, each
with allows and denies; so that tests without the evaluator hold the engine to what it said.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.aws import Comparison
from tests.fuzz.aws_departures import departures, documents
from tests.fuzz.aws_evaluator import folder_option, skipped
from tests.fuzz.aws_maker import Case, Maker

_LONGEST = 1600
"""Characters of a recorded case."""
_KINDS = (":assumed-role/", ":role/", ":user/", ":root", ":federated-user/", "-provider/", ".amazonaws.com")


def features(case: Case) -> Iterator[str]:
    """Yield what a case exercises, each with the answer."""
    answer, policies = case["expect"], case["policies"]
    yield f"{answer} {case['request']['action'].lower()}"
    yield f"{answer} by {next((kind for kind in _KINDS if kind in case['principal']), '*')}"
    foreign = case["request"]["resource"].split(":")[4:5] != case["principal"].split(":")[4:5]
    for name in policies:
        yield f"{answer} {name} {'across' if foreign else 'within'}"
    yield f"{answer} {'+'.join(sorted(name for name in policies if policies[name]))}"
    for document in documents(policies):
        statements = document["Statement"]
        yield f"{answer} version {document.get('Version')}"
        for statement in statements if isinstance(statements, list) else [statements]:
            yield from (f"{answer} {statement['Effect']} {element}" for element in statement if element[:3] == "Not")
            yield f"{answer} {json.dumps(statement.get('Principal'))}"
            for operator, block in statement.get("Condition", {}).items():
                yield from (f"{answer} {statement['Effect']} {operator} {key.partition('/')[0]}" for key in block)


def spread(cases: list[Case], count: int) -> list[Case]:
    """Return cases that cover every feature about equally often."""
    seen: Counter[str] = Counter()
    chosen: dict[int, Case] = {}
    for quota in range(1, count):
        for number, case in enumerate(cases):
            if len(chosen) == count:
                return list(chosen.values())
            if number not in chosen and any(seen[feature] < quota for feature in features(case)):
                chosen[number] = case
                seen.update(set(features(case)))
    return list(chosen.values())


def main() -> int:
    """Add cases to a file."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    folder_option(options)
    options.add_argument("file", type=Path)
    options.add_argument("--count", type=int, default=500)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    if skipped(chosen.evaluator, "recording"):
        return 2
    maker, found = Maker(random.Random(chosen.seed)), Comparison(keep=True)  # noqa: S311  (not for secrets)
    found.batch([maker.case(number) for number in range(chosen.count * 12)], chosen.evaluator)
    lines = chosen.file.read_text("utf-8").splitlines() if chosen.file.exists() else []
    clear = [case for case in found.agreed if not departures(case) and len(json.dumps(case)) <= _LONGEST]
    for number, case in enumerate(spread(clear, chosen.count), len(lines) + 1):
        lines.append(json.dumps(case | {"id": str(number)}))
    chosen.file.write_text("\n".join(lines) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
