"""Compare `ask vault` with a live server on random rules and requests.

Run `python -m tests.fuzz.vault --seconds 60 --seed 1`. Prints how many decisions were compared and writes each
mismatch as a case file, ready for tests/decide/cases/vault.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from cred_audit.ask import answer_lines
from tests.fuzz import requests, rules
from tests.fuzz.replay import CannotReplayError, Case, Replayer, replayer, sent, verdict
from tests.fuzz.wire_client import Got

MISMATCHES = Path("fuzz-mismatches.ndjson")
_PATHS = (900, 150, 500, 700, 150)
"""Paths asked about under each kind of rules; the server reads templates anew for each path."""
_REQUESTS = (30, 30, 60, 40, 60)
_FRESH = 60.0
"""Seconds after which a server, which keeps every token, is replaced by a fresh one."""


def asked(case: Case) -> dict[str, Any]:
    """The answer of `ask vault` to a line."""
    found: list[str] = []
    answer_lines([json.dumps(case)], found.append)
    answer: dict[str, Any] = json.loads(found[0])
    return answer


def excused(request: dict[str, Any], got: Got) -> bool:
    """Whether an answer does not tell what decided.

    HEAD has no body that would tell a rejection from a path that is not there, and one handler says the same of
    a list that cannot be built and of its own failures.
    """
    if request["method"] == "HEAD" and not got.text and got.status in (400, 404, 500):
        return True
    return got.status == 500 and "sys/internal/" in request["path"]


class Comparison:
    """Runs cases against one server and counts."""

    def __init__(self, replayer: Replayer, seed: int) -> None:
        self.replayer = replayer
        self.source = random.Random(seed)  # noqa: S311  (no secret)
        self.compared = 0
        self.real = 0
        self.counts: Counter[str] = Counter()
        self.mismatches: list[Case] = []

    def run(self, seconds: float, version: str = "2.7.2") -> None:
        until = time.monotonic() + seconds
        number = 0
        while time.monotonic() < until and len(self.mismatches) < 50:
            case = rules.base(self.source, number)
            case["server"] = {"product": "openbao", "version": version}
            self.one(case)
            number += 1

    def one(self, case: Case) -> None:
        """Compare the capabilities of many paths, then many requests, under one set of rules."""
        replayer = self.replayer
        try:
            try:
                token = replayer.set_up(case)
            except CannotReplayError as error:
                self.counts["skipped: " + str(error)[:60]] += 1
                return
            if token is None:
                line = {**case, "requests": [{"method": "GET", "path": "x"}]}
                self.compare(line, asked(line)["decisions"][0]["decision"], "invalid_policy", None)
                return
            real = replayer.real(case)
            line = requests.capabilities(self.source, real, _PATHS[case["id"] % 5])
            self.capabilities(line, token)
            many = requests.requests(self.source, real, _REQUESTS[case["id"] % 5])
            for request in many:
                if request["method"] in ("POST", "PUT"):
                    request["exists"] = self.exists(request)
            answers = asked({**real, "requests": many})
            if "error" in answers:
                raise AssertionError(answers)
            got = replayer.client.send(sent(request, token) for request in many)
            for request, answer, theirs in zip(many, answers["decisions"], got, strict=True):
                self.real += 1
                self.compare({**real, "requests": [request]}, answer["decision"], verdict(theirs), theirs)
        finally:
            replayer.clean()

    def exists(self, request: dict[str, Any]) -> bool:
        """Whether the object is there, as the root token sees it before the request is sent."""
        path = request["path"].partition("?")[0].replace("/data/", "/metadata/", 1)
        got = self.replayer.client.ask("GET", path, namespace=request.get("namespace", ""))
        return got.status == 200

    def capabilities(self, line: Case, token: str) -> None:
        if not line["capabilities"]:
            return
        ours = asked(line)
        body = {"token": token, "paths": line["capabilities"]}
        got = self.replayer.client.ask("POST", "sys/capabilities", body, namespace=line["namespace"])
        held = got.json()["data"] if got.status == 200 else {}
        for path in line["capabilities"]:
            theirs = held.get(path.strip(), ["deny"])
            one = {**line, "capabilities": [path]}
            self.compare(one, ours["capabilities"][path], theirs, None if held else got)

    def compare(self, case: Case, ours: Any, theirs: Any, got: Got | None) -> None:
        self.compared += 1
        self.counts[str(theirs)] += isinstance(theirs, str)
        if got is not None and "requests" in case and excused(case["requests"][0], got):
            return
        if ours != theirs:
            answer = None if got is None else [got.status, got.text[:300]]
            self.mismatches.append({**case, "ours": ours, "server": case["server"], "theirs": theirs, "answer": answer})


def work(seconds: float, seed: int, program: str | None, version: str) -> tuple[int, int, Counter[str], list[Case]]:
    """Compare for some seconds; return how many decisions, how many by real requests, verdicts and mismatches."""
    until = time.monotonic() + seconds
    compared = real = number = 0
    counts: Counter[str] = Counter()
    mismatches: list[Case] = []
    while (left := until - time.monotonic()) > 0 and not mismatches:
        with replayer({"namespaces": rules.NAMESPACES, "mounts": rules.MOUNTS}, program) as server:
            comparison = Comparison(server, seed + 1000 * number)
            comparison.run(min(left, _FRESH), version)
        compared, real, number = compared + comparison.compared, real + comparison.real, number + 1
        counts += comparison.counts
        mismatches += comparison.mismatches
    return compared, real, counts, mismatches


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="servers at a time")
    parser.add_argument("--program", help="another bao")
    parser.add_argument("--version", default="2.7.2", help="its version")
    given = parser.parse_args()
    start = time.monotonic()
    with ProcessPoolExecutor(given.jobs) as pool:
        jobs = [
            pool.submit(work, given.seconds, given.seed + 1_000_000 * job, given.program, given.version)
            for job in range(given.jobs)
        ]
        results = [job.result() for job in jobs]
    spent = time.monotonic() - start
    compared, real = sum(result[0] for result in results), sum(result[1] for result in results)
    counts = sum((result[2] for result in results), Counter[str]())
    mismatches = [case for result in results for case in result[3]]
    print(  # noqa: T201  (the result)
        f"{compared} decisions compared ({real} by real requests, the rest by sys/capabilities) in {spent:.0f} s, "
        f"{compared / spent:.0f}/s; {dict(sorted(counts.items()))}; {len(mismatches)} mismatches"
    )
    if mismatches:
        MISMATCHES.write_text("".join(json.dumps(case) + "\n" for case in mismatches), encoding="utf-8")
        print(f"written to {MISMATCHES}")  # noqa: T201  (likewise)
    return 1 if mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
