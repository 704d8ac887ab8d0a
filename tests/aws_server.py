"""An AWS emulator (moto in server mode) as a process of its own: loopback only, in memory, ends with the tests."""

import contextlib
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

OWN_ACCOUNT = "123456789012"
"""The account of every caller that has not assumed a role elsewhere."""
REGION = "us-east-1"
KEY_ID, SECRET_KEY = "AKIAIOSFODNN7EXAMPLE", "canary-secret-access-key-0123456789abcdef"

_START = """\
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsServer:
    """A running emulator. It keeps what was made until `reset`; it enforces no policy."""

    url: str

    def reset(self) -> None:
        """Forget everything."""
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")):  # noqa: S310
            return

    def environ(self, *, region: str = REGION) -> dict[str, str]:
        """Return the variables with which a program reads the own account."""
        return {
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, *, account: str = OWN_ACCOUNT, region: str = REGION) -> Any:
        """Return an administrator's client of one service in one account."""
        from botocore.config import Config  # noqa: PLC0415  (a third of a second that few tests need)

        keys = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET_KEY}
        if account != OWN_ACCOUNT:
            arn = f"arn:aws:iam::{account}:role/administrator"
            answer = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="tests")["Credentials"]
            keys = {
                "aws_access_key_id": answer["AccessKeyId"],
                "aws_secret_access_key": answer["SecretAccessKey"],
                "aws_session_token": answer["SessionToken"],
            }
        config = Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=30)
        return _session().client(service, region_name=region, endpoint_url=self.url, config=config, **keys)


@cache
def _session() -> Any:
    """Return the one session of all administrators, which reads the descriptions of the services once."""
    import boto3  # noqa: PLC0415  (likewise)

    return boto3.session.Session()


@contextlib.contextmanager
def running_aws(environ: Mapping[str, str] | None = None) -> Iterator[AwsServer]:
    """Start an emulator on a free port, and stop it at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", _START],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environ,
    ) as process:  # fmt: skip
        try:
            if process.stdout is None:
                raise LookupError("the emulator has no output to read")
            port = process.stdout.readline().strip()
            if not port:
                raise RuntimeError("the AWS emulator did not start; is moto[server] installed?")
            yield AwsServer(url=f"http://127.0.0.1:{port}")
        finally:
            # It ends when its input does, also when the tests are killed.
            process.kill()
