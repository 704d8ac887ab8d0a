"""Read AWS accounts through boto3, read-only, into facts and gaps."""

from collections.abc import Callable, Mapping

from cred_audit.errors import CollectError
from cred_audit.facts import AwsFacts, Gap
from cred_audit.target.model import AwsSource, Target

Progress = Callable[[str, int, int | None], None]


def collect_aws(
    source: AwsSource, target: Target, *, environ: Mapping[str, str], progress: Progress
) -> tuple[AwsFacts, tuple[Gap, ...]]:
    """Return what could be seen of the accounts, and the gaps. Raises CollectError where nothing can be read."""
    del source, target, environ, progress
    raise CollectError("aws: live accounts cannot be read yet; give files")
