"""Read AWS accounts through boto3, read-only, into facts and gaps. Nothing asks for the value of a secret."""

from collections.abc import Callable, Mapping

from cred_audit.facts import AwsFacts, Gap
from cred_audit.target.model import AwsSource, Target

Progress = Callable[[str, int, int | None], None]


def collect_aws(
    source: AwsSource, target: Target, *, environ: Mapping[str, str], progress: Progress
) -> tuple[AwsFacts, tuple[Gap, ...]]:
    """Return what could be seen of the accounts, and the gaps. Raises CollectError where nothing can be read.

    `environ` gives the credentials, region and endpoint where the target is silent.
    """
    from cred_audit.collect.aws.live.reader import read_accounts  # noqa: PLC0415  (imports boto3)

    del target
    return read_accounts(source, environ, progress)
