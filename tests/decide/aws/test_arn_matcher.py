"""ARN patterns compared as text give what their regular expressions give."""

import re
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from cred_audit.decide.aws.pattern import arn_expression, arn_matcher, compiled

_TEXT = st.text(alphabet="ab:*", max_size=14)
_PIECES = st.lists(st.tuples(st.text(alphabet="ab:*?", max_size=8), st.booleans()), max_size=4)
_ARN = st.lists(st.sampled_from(["", "a", "b", "ab", "*", "a*", "*b", "a*b", "a:*", "?"]), min_size=1, max_size=8)


def same(runs: Iterable[tuple[str, bool]], text: str, *, short: bool, completed: bool) -> None:
    runs = tuple(runs)
    expression = arn_expression(runs, short=short, completed=completed)
    matcher = arn_matcher(runs, short=short, completed=completed)
    assert (expression is None) is (matcher is None)
    if expression is not None and matcher is not None:
        assert bool(matcher(text)) is (re.compile(expression, re.DOTALL).fullmatch(text) is not None)


@settings(max_examples=400, deadline=None)
@given(_PIECES, _TEXT, st.booleans(), st.booleans())
def test_any_runs(runs: list[tuple[str, bool]], text: str, short: bool, completed: bool) -> None:
    same(runs, text, short=short, completed=completed)


@settings(max_examples=600, deadline=None)
@given(_ARN, st.lists(st.sampled_from(["", "a", "b", "ab", "aab", "\n"]), min_size=1, max_size=8), st.booleans())
def test_arns(parts: list[str], fields: list[str], completed: bool) -> None:
    same([(":".join(parts), True)], ":".join(fields), short=True, completed=completed)


def test_what_is_easily_missed() -> None:
    same([("*", False)], "*", short=True, completed=True)
    same([("a:b:*", True)], "a:b:c:d:e:f", short=True, completed=False)
    same([("a:a:a:a:a:a*a", True)], "a:a:a:a:a:a", short=True, completed=False)
    same([("a:a:a:a:a:*", True)], "a:a:a:a:a:b:c\n", short=True, completed=False)


def test_patterns_of_one_star_are_not_compiled() -> None:
    before = compiled.cache_info().misses
    for number in range(50):
        matcher = arn_matcher([(f"arn:aws:secretsmanager:*:1:secret:t{number}/*", True)], short=True)
        assert matcher is not None
        assert matcher(f"arn:aws:secretsmanager:r:1:secret:t{number}/x")
        assert not matcher(f"arn:aws:secretsmanager:r:1:secret:t{number}x/x")
    assert compiled.cache_info().misses == before
