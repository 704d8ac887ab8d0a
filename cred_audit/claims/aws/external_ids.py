"""Can somebody guess an external id? Judged by its form alone: what is not random can be tried out.

IAM User Guide: the id has to be "unique among your customers and controlled by" the one who is trusted, "not your
customers".
"""

import re
from collections.abc import Iterable, Mapping

_SHORT = 12
"""Characters; ten random ones of an alphabet of 36 are 50 bits."""
_REST = 10
"""Characters beside a name, date or number that must be left to count as random."""
_COUNTED = re.compile(r"[A-Za-z]*[^A-Za-z0-9]?(?:[A-Za-z]*[^A-Za-z0-9])*\d{1,8}", re.DOTALL)
_DATE = re.compile(r"(?:19|20)\d\d[-/._]?(?:0[1-9]|1[0-2])[-/._]?(?:0[1-9]|[12]\d|3[01])")
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_WORDS = re.compile(r"[A-Za-z]+(?:[^A-Za-z0-9]+[A-Za-z]+)*")
_LAST_NUMBER = re.compile(r"\d+(?=\D*\Z)")
_TOKEN = re.compile(r"[a-z0-9]+")


def guessable(value: str, tenants: frozenset[str], owners: Iterable[str]) -> str | None:
    """Return why an id can be guessed, as half a sentence; None where its form does not show it.

    `tenants`: every tenant's id in lower case.
    """
    lowered = value.lower()
    for name in (*(owner.lower() for owner in owners), *_TOKEN.findall(lowered), lowered):
        if name in tenants and name in lowered and _left(lowered.replace(name, "")) < _REST:
            return "is made of a tenant's name"
    account = _ACCOUNT.search(value)
    if account and _left(value.replace(account[0], "")) < _REST:
        return "is made of an account id"
    date = _DATE.search(value)
    if date and _left(value.replace(date[0], "")) < _REST:
        return "is made of a date"
    if _COUNTED.fullmatch(value):
        return "is a number with words before it"
    if len(value) < _SHORT:
        return f"has {len(value)} characters only"
    if _WORDS.fullmatch(value) and (len(value) < 20 or re.search(r"[^A-Za-z]", value)):
        return "is made of words"
    if len(set(value)) < 6:
        return "repeats a few characters"
    return None


def sequences(values: Iterable[str]) -> set[str]:
    """Return the ids that differ from another one by their last number alone."""
    alike: dict[tuple[str, str], list[str]] = {}
    for value in values:
        number = _LAST_NUMBER.search(value)
        if number is not None:
            alike.setdefault((value[: number.start()], value[number.end() :]), []).append(value)
    return {value for (before, _), same in alike.items() if len(same) > 1 and before for value in same}


def templates(owners: Mapping[str, frozenset[str]]) -> set[str]:
    """Return the ids that are another tenant's id with the names exchanged. `owners`: id -> whose it is."""
    alike: dict[str, list[str]] = {}
    for value, names in owners.items():
        for name in names:
            if name.lower() in value.lower():
                alike.setdefault(value.lower().replace(name.lower(), "\0"), []).append(value)
    return {value for same in alike.values() if len(same) > 1 for value in same}


def _left(text: str) -> int:
    """Return how many letters and digits are left."""
    return sum(character.isalnum() for character in text)
