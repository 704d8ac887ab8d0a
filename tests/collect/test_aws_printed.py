"""The script that prints an account for offline audits: what it prints is what the live collector reads."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from cred_audit.collect.aws import collect_aws
from cred_audit.collect.aws.offline import read_aws_files
from cred_audit.decide.aws.world import Account, AwsWorld
from cred_audit.facts import Gap
from cred_audit.target.model import AwsFiles, AwsSource, Target
from tests.aws_server import OWN_ACCOUNT, REGION, AwsServer
from tests.collect import aws_planted as planted

SCRIPT = Path(__file__).parents[2] / "examples" / "aws-offline" / "print_account.py"
REGIONS = (REGION, "eu-west-1")
PARTS = ("secrets", "parameters", "keys", "functions", "trails")
Run = Callable[..., subprocess.CompletedProcess[str]]


def command_line(server: AwsServer, refused: str = "") -> Run:
    """Return what stands for starting `aws SERVICE OPERATION --option value ... --output json`: the same call."""

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        program, service, operation, *rest = command
        given = dict(zip(rest[::2], rest[1::2], strict=True))
        assert (program, given.pop("--output")) == ("aws", "json")
        if service == refused:
            raise subprocess.CalledProcessError(254, command, stderr="denied\n")
        client = server.client(service, region=given.pop("--region", REGION))
        name = operation.replace("-", "_")
        model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[name])
        options = {f"--{xform_name(one, '-')}": one for one in (model.input_shape.members if model.input_shape else ())}
        arguments = {options[option]: value for option, value in given.items()}
        try:
            if client.can_paginate(name):
                answer = client.get_paginator(name).paginate(**arguments).build_full_result()
            else:
                answer = getattr(client, name)(**arguments)
        except ClientError as error:
            raise subprocess.CalledProcessError(254, command, stderr=f"{error}\n") from None
        answer.pop("ResponseMetadata", None)
        text = json.dumps(answer, default=lambda moment: moment.isoformat())
        return subprocess.CompletedProcess(command, 0, stdout=text, stderr="")

    return run


def printed(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the script."""
    spec = importlib.util.spec_from_file_location("print_account", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(subprocess, "run", run)
    script.main(folder, list(REGIONS))


def started(*words: str) -> subprocess.CompletedProcess[str]:
    """Start the script where there is no `aws`."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words], check=False, capture_output=True, text=True, env={"PATH": ""}, timeout=30
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "a folder and a region are needed"),
        (("{folder}",), "a folder and a region are needed"),
        (("{folder}", "nowhere"), "'nowhere' is no region"),
        (("{folder}/file/below", REGION), "the folder cannot be made"),
        (("{folder}/new/below", REGION), "`aws` must be installed"),
    ],
)
def test_wrong_arguments_are_said_in_one_line(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = started(*(word.format(folder=tmp_path) for word in words))
    assert ended.returncode == 1
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert (tmp_path / "new" / "below").is_dir() == ("new" in "".join(words))


def test_the_script_says_how_it_is_used() -> None:
    ended = started("--help")
    assert ended.returncode == 0
    assert "print_account.py FOLDER REGION [REGION ...]" in ended.stdout


def from_files(folder: Path) -> tuple[AwsWorld, tuple[Gap, ...]]:
    files: dict[str, Any] = {part: (folder / f"{part}.json",) for part in PARTS}
    files["authorization_details"] = (folder / "iam.json",)
    organization = folder / "organization.json"
    source = AwsSource(regions=REGIONS, files={OWN_ACCOUNT: AwsFiles(**files)}, organization=organization)
    facts, gaps = read_aws_files(source, Target(name="t", tenants=(), path=folder / "target.yaml"))
    return facts.world, gaps


def plain(value: Any) -> Any:
    """Return facts in one order, with policies as what they say."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return sorted((plain(one) for one in value), key=repr)
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value


def comparable(account: Account) -> Any:
    """Return an account without what the files leave out, and without what the emulator tells of AWS's own keys."""
    used = {arn for role in account.roles or () for arn in (*(role.attached or ()), role.boundary)}
    found = asdict(account)
    for user in found["users"]:
        user["access_keys"] = None
    found["policies"] = [one for one in found["policies"] if one["name"] in used]
    for region in found["regions"]:
        region["keys"] = [one for one in region["keys"] if "alias/acme" in one["aliases"]]
    return plain(found)


def test_the_files_say_what_the_live_collector_reads(
    planted_server: AwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed(command_line(planted_server), tmp_path, monkeypatch)
    files = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()}
    assert len(files) == 7
    assert not [name for name, text in files.items() if planted.CANARY in text]
    offline, gaps = from_files(tmp_path)
    assert gaps == ()
    live, _ = collect_aws(
        AwsSource(regions=REGIONS), Target(name="t", tenants=()), environ=planted_server.environ(),
        progress=lambda *_: None,
    )  # fmt: skip
    (was,), (found,) = live.world.accounts, offline.accounts
    assert comparable(found) == comparable(was)
    assert offline.organization == live.world.organization


def test_an_organization_that_is_not_shown_is_left_out(
    planted_server: AwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed(command_line(planted_server, refused="organizations"), tmp_path, monkeypatch)
    assert "no organization.json: " in capsys.readouterr().err
    assert not (tmp_path / "organization.json").exists()
    assert (tmp_path / "iam.json").exists()
