"""Results are kept for the last value, by identity."""

from cred_audit.decide.kept import of_the_last


def test_the_last_value_is_asked_for_once_and_another_takes_its_place() -> None:
    asked: list[list[int]] = []

    @of_the_last
    def total(values: list[int]) -> int:
        asked.append(values)
        return sum(values)

    first, equal = [1, 2], [1, 2]
    assert [total(first), total(first), total(equal), total(first)] == [3, 3, 3, 3]
    assert len(asked) == 3
