"""Every way in which a target file can be wrong: one line a problem, with its place and what to do."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from cred_audit.errors import TargetError
from cred_audit.target import events, json_text
from cred_audit.target.load import load_target

HEAD = "schema: 1\nname: x\n"
ONE = HEAD + "tenants: [{id: a}]\n"


def problems(tmp_path: Path, text: str | bytes, name: str = "t.yaml") -> list[str]:
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(TargetError) as raised:
        load_target(file)
    return [line.removeprefix(f"{tmp_path}/") for line in str(raised.value).split("\n")]


CASES = yaml.safe_load(Path(__file__).with_name("refusals.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["says"][:40])
def test_a_problem_names_its_place_and_what_to_do(tmp_path: Path, case: dict[str, str]) -> None:
    (found,) = problems(tmp_path, case["file"])
    says = f"t.yaml:{case['says']}"
    assert found == says if not says.endswith("...") else found.startswith(says.removesuffix("..."))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "1:1: "),
        (b"  \n\n", "1:1: "),
        (b"# nothing\n", "1:1: the file is empty but for comments"),
        (b"- a\n", "1:1: a target must be a mapping of keys, not a list"),
        (b"text\n", "1:1: a target must be a mapping of keys, not a text"),
        (b"a: b\n---\nc: d\n", "2:1: a second document begins here; a target file holds one"),
        (b"a: [b\nc: d\n", "2:2: did not find expected ',' or ']'"),
        (b"a: 'b\n", "2:1: found unexpected end of stream"),
        (b"a: b: c\n", "1:5: mapping values are not allowed in this context"),
        (b"\ta: b\n", "1:1: found character that cannot start any token"),
        (b"? [a]\n: b\n", "1:3: a key must be a text"),
        (b"a: &x 1\nb: *x\n", "1:4: aliases and anchors (`*name`, `&name`) are not supported; write what"),
        (b"a: *x\n", "1:4: aliases and anchors"),
        (b"a: !!python/object/apply:os.system [id]\n", "1:4: tags (here 'tag:yaml.org,2002:python/object"),
        (b"a: !x b\n", "1:4: tags (here '!x') are not supported"),
        (b"a: .inf\n", "1:4: '.inf' is no number that can be used here; quote it if it is a text"),
        (b"a: " + b"9" * 5000, "1:4: the number '99999"),
        (b"a: 1e999\n", "1:4: the number '1e999' is too large"),
        (b"\x7fELF\x02\x01\x00", "1:1: a control character (U+007F) stands here: this is not a text file"),
        (b"name: a\nb: \x00\n", "2:4: a control character (U+0000) stands here"),
        (b"a: \xff\n", "1:4: this is not UTF-8 text (byte 0xff): save it as UTF-8"),
        ("a: b\n".encode("utf-16"), "1:1: this is not UTF-8 text (byte 0xff): it looks like UTF-16; save it as UTF-8"),
        (b"[" * 41, "1:41: this is nested too deeply (more than 40 levels)"),
        (b"- " * 100_000, "1:81: this is nested too deeply"),
        (b"{a: " * 100_000, "1:161: this is nested too deeply"),
        (b"? " * 100_000, "1:3: a key must be a text"),
        (b'"\\ud800"', "1:4: found invalid Unicode character escape code"),
        (b"\xef\xbb\xbf[", "2:1: did not find expected node content"),
    ],
)  # fmt: skip
def test_what_is_no_target_at_all_is_one_line(tmp_path: Path, text: bytes, problem: str) -> None:
    (found,) = problems(tmp_path, text)
    assert found.startswith(f"t.yaml:{problem}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "1:2: a key in double quotes is missing here"),
        ('{"a" 1}', "1:6: a ':' is missing here"),
        ('{"a": 1,}', "1:9: a key in double quotes is missing here"),
        ('{"a": 1 "b"', "1:9: a ',' or '}' is missing here"),
        ('{"a": [1 2]}', "1:10: a ',' or ']' is missing here"),
        ('{"a": }', "1:7: a value is missing here"),
        ('{"a":\n', "2:1: the file ends too early"),
        ('{"a": "b', "1:7: unterminated string starting at"),
        ('{"a": "\t"}', "1:8: invalid control character at"),
        ('{"a": NaN}', "1:7: a value is missing here"),
        ('{"a": 1e999}', "1:7: the number '1e999' is too large"),
        ('{"a": ' + "9" * 5000 + "}", "1:7: the number '99999"),
        ('{"a": "\\ud800"}', "1:7: half a surrogate pair stands here"),
        ('{"a": 1, "b": 2,\n"a": 3} x', "2:1: key 'a' is given twice (first on line 1)"),
        ("{} x", "1:4: something follows the end of the document"),
        ("[" * 100_000, "1:41: this is nested too deeply"),
        ('{"a":' * 100_000, "1:201: this is nested too deeply"),
        ('{"schema": 1, "name": "x",\n "tenants": [{"id": 7}]}', "2:21: `id` must be a text, not a number; quote it"),
    ],
)  # fmt: skip
def test_json_is_refused_at_its_place_too(tmp_path: Path, text: str, problem: str) -> None:
    assert problems(tmp_path, text, "t.json")[0].startswith(f"t.json:{problem}")


def test_all_problems_come_at_once_and_sorted(tmp_path: Path) -> None:
    found = problems(tmp_path, "nam: x\nschema: 3\ntenants:\n- id: 1\n- idd: a\nvault: {adress: x}\n")
    assert found == [
        "t.yaml:1:1: the target needs `name`",
        "t.yaml:1:1: unknown key 'nam' in the target; did you mean 'name'?",
        "t.yaml:2:9: `schema` must be 1, the format that this version reads, not 3",
        't.yaml:4:7: `id` must be a text, not a number; quote it: "1"',
        "t.yaml:5:3: a tenant needs `id`",
        "t.yaml:5:3: unknown key 'idd' in a tenant; did you mean 'id'?",
        "t.yaml:6:9: unknown key 'adress' in the Vault source; did you mean 'address'?",
    ]


def test_twenty_problems_are_shown_and_the_rest_is_counted(tmp_path: Path) -> None:
    found = problems(tmp_path, HEAD + "tenants:\n" + "".join(f"- id: {n}\n" for n in range(30_000)))
    assert len(found) == 21
    assert found[19].startswith("t.yaml:23:7: ")
    assert found[20] == f"and 29,980 more problems in {tmp_path}/t.yaml"


@pytest.mark.parametrize("wrong", ["hvs.CANARY", "[hvs.CANARY]", "12345", "{env: hvs.CANARY}", "{command: hvs.CANARY}"])
@pytest.mark.parametrize(
    "text",
    [
        ONE + "vault: {token: %s}\n",
        HEAD + "tenants: [{id: a, agents: [{platform: {token: %s}}]}]\n",
        HEAD + "tenants: [{id: a, agents: [{vault: {token: %s}}]}]\n",
        ONE + "providers: [{vendor: v, admin_key: %s}]\n",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_shown(tmp_path: Path, text: str, wrong: str) -> None:
    (found,) = problems(tmp_path, text % wrong)
    assert "CANARY" not in found
    assert "12345" not in found
    assert wrong.startswith("{") or "write {env: NAME}, {file: path} or {command: [program, argument]}" in found


def test_a_password_in_an_address_is_refused_and_not_shown(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, ONE + "vault: {address: 'https://user:CANARY@host'}\n")
    assert "without user or password" in found
    assert "CANARY" not in found


def test_a_secret_reference_is_one_way_only(tmp_path: Path) -> None:
    assert problems(tmp_path, ONE + "vault: {token: {env: A, file: b}}\n") == [
        "t.yaml:4:25: `env` and `file` exclude each other in a secret reference; leave one out"
    ]
    assert problems(tmp_path, ONE + "vault: {token: {}}\n") == [
        "t.yaml:4:16: a secret reference needs one of `env`, `file` or `command`"
    ]


def test_hostile_text_is_shown_on_one_line_and_cut(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, ONE + '"\\e[31m\\u202e\\n' + "k" * 100_000 + '": 1\n')
    assert found.isprintable()
    assert len(found) < 300


def test_wrong_defaults_are_told_once(tmp_path: Path) -> None:
    tenants = "".join(f"- id: t{n}\n" for n in range(50))
    assert problems(tmp_path, HEAD + "defaults: {agent: {vault: {rolle: x}}}\ntenants:\n" + tenants) == [
        "t.yaml:3:28: unknown key 'rolle' in an agent's principal in Vault; did you mean 'role'?"
    ]
    text = HEAD + "defaults: {agent: {vault: {namespace: x}}}\ntenants:\n" + tenants
    assert problems(tmp_path, text) == [
        "t.yaml:3:27: an agent's principal in Vault needs one of `role`, `entity`, `policies` or `token`"
    ]


def test_the_rest_is_checked_even_if_the_defaults_are_wrong(tmp_path: Path) -> None:
    found = problems(tmp_path, ONE + "defaults: []\nvault: {adress: x}\n")
    assert [line.partition(": ")[0] for line in found] == ["t.yaml:4:11", "t.yaml:5:9"]


def test_a_file_of_more_than_64_megabytes_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "big.yaml"
    with file.open("wb") as out:
        out.truncate(100 * 1024 * 1024)
    started = time.perf_counter()
    with pytest.raises(TargetError, match=r"big\.yaml is larger than 64 MB"):
        load_target(file)
    assert time.perf_counter() - started < 5


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(TargetError, match="/dev/zero is larger than 64 MB"):
        load_target(Path("/dev/zero"))


def test_an_alias_bomb_is_refused_at_its_first_anchor(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    assert problems(tmp_path, "\n".join(lines))[0].startswith("t.yaml:1:5: aliases and anchors")


def test_a_folder_or_an_odd_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"cannot read .*: is a directory"):
        load_target(tmp_path)
    with pytest.raises(TargetError, match="it has no valid name"):
        load_target(Path("a\0b"))


def test_deep_nesting_does_not_end_the_process(tmp_path: Path) -> None:
    file = tmp_path / "deep.yaml"
    file.write_text("[" * 100_000)
    code = f"from pathlib import Path; from cred_audit.target.load import load_target; load_target(Path({str(file)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1  # an exception, not a signal
    assert "nested too deeply" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        'vault: {policies: {"": ../policies}}',
        "vault: {bundle: /etc/passwd}",
        "aws: {files: {organization: ../org.json}}",
        "platform: {base_url: 'https://h', har: link/x.har}",
        "platform: {base_url: 'https://h', openapi: ../x.json}",
        "logs: [{format: cloudtrail, path: 'a/*/../../../x'}]",
        "logs: [{format: cloudtrail, path: '/*'}]",
        "logs: [{format: cloudtrail, path: '../*'}]",
    ],
)
def test_paths_leave_the_folder_only_when_allowed(tmp_path: Path, text: str) -> None:
    (tmp_path / "link").symlink_to("/tmp")  # noqa: S108  (outside of the target's folder)
    (found,) = problems(tmp_path, ONE + text + "\n")
    assert "leaves the target's folder" in found
    assert "--allow-outside" in found
    assert load_target(tmp_path / "t.yaml", allow_outside=True).name == "x"


def test_a_path_at_the_platform_is_no_file(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(ONE + "platform: {base_url: 'https://h', openapi: /openapi.json}\n")
    assert load_target(file).sections["platform"]["openapi"] == "/openapi.json"


def test_the_number_of_values_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for reader in (events, json_text):
        monkeypatch.setattr(reader, "MAX_VALUES", 1_000)
    for text in ("[" + "1, " * 2_000 + "1]", "{" + "".join(f'"k{n}": 1, ' for n in range(2_000)) + '"k": 1}'):
        for name in ("t.yaml", "t.json"):
            (found,) = problems(tmp_path, text, name)
            assert "the file holds more than 1,000 values" in found


def test_ten_thousands_of_unknown_keys_are_counted_quickly(tmp_path: Path) -> None:
    started = time.process_time()
    found = problems(tmp_path, ONE + "".join(f"k{n}: 1\n" for n in range(50_000)))
    assert found[-1] == f"and 49,980 more problems in {tmp_path}/t.yaml"
    assert time.process_time() - started < 5
