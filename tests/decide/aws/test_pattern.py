"""Wildcards against a slow twin, and against patterns made to be slow."""

import itertools
import random
import time
from functools import cache

from cred_audit.decide.aws.pattern import action_matcher, arn_expression, compiled, glob_expression


@cache
def twin(pattern: str, text: str) -> bool:
    """The definition: a star is any run, a question mark any one character."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return twin(pattern[1:], text) or (bool(text) and twin(pattern, text[1:]))
    return bool(text) and pattern[0] in (text[0], "?") and twin(pattern[1:], text[1:])


def test_wildcards_match_as_defined() -> None:
    texts = ["".join(word) for length in range(5) for word in itertools.product("ab:", repeat=length)]
    patterns = ["".join(word) for length in range(5) for word in itertools.product("a*?:", repeat=length)]
    for pattern in patterns:
        expression = compiled(glob_expression([(pattern, True)]))
        for text in texts:
            assert (expression.fullmatch(text) is not None) == twin(pattern, text), (pattern, text)


def test_arn_patterns_match_part_by_part() -> None:
    source = random.Random(5)  # noqa: S311  (not for secrets)
    for _ in range(3000):
        pattern = ":".join("".join(source.choices("ab*?", k=source.randint(0, 3))) for _ in range(6))
        text = ":".join("".join(source.choices("ab", k=source.randint(0, 3))) for _ in range(source.choice((6, 6, 7))))
        expected = all(map(twin, pattern.split(":", 5), text.split(":", 5)))
        expression = arn_expression([(pattern, True)])
        assert expression is not None
        assert (compiled(expression).fullmatch(text) is not None) == expected, (pattern, text)


def test_special_characters_of_regular_expressions_are_plain_text() -> None:
    for text in ("[a]", "a.b", "a+", "(a|b)", "a\\d", "^a$", "{2}"):
        assert compiled(glob_expression([(text, True)])).fullmatch(text)
        assert not compiled(glob_expression([(text, True)])).fullmatch("aab")


def test_a_thousand_stars_are_not_slow() -> None:
    pattern = "*a" * 1000 + "*b"
    start = time.process_time()
    assert compiled(glob_expression([(pattern, True)])).fullmatch("a" * 6000) is None
    assert compiled(glob_expression([(pattern, True)])).fullmatch("a" * 6000 + "b") is not None
    assert not action_matcher("s3:" + "*?" * 500 + "x")("s3:" + "y" * 5000)
    assert time.process_time() - start < 2


def test_stars_inside_one_part_are_not_slow() -> None:
    expression = arn_expression([("arn:" + "*a" * 500 + "*b:x:y:z:*", True)])
    assert expression is not None
    start = time.process_time()
    assert compiled(expression).fullmatch("arn:" + "a" * 5000 + ":x:y:z:w") is None
    assert time.process_time() - start < 2
