"""Why AWS gave no answer, as a text that can be shown and says what to do; never the server's own words alone."""

import re
from collections.abc import Callable

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_NOT_KNOWN = frozenset(
    {"InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "InvalidAccessKeyId", "InvalidToken"}
)
_OPTED_OUT = frozenset({"OptInRequired", "SubscriptionRequiredException", "RegionDisabledException"})
_UNSIGNED = frozenset(
    {"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "RequestTimeTooSkewed"}
)
_DENIED = re.compile(r"AccessDenied|Unauthorized|AuthorizationError|NotAuthorized|Forbidden|^403$")
_THROTTLED = re.compile(r"Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|LimitExceeded$|^429$")
_LACKING = frozenset({"NotImplemented", "UnknownOperationException", "InvalidAction", "404", "405", "501"})
_GONE = re.compile(r"NotFound|NoSuchEntity|InvalidResourceId")
_EXPLICIT = re.compile(r"explicit deny in an? ([a-z][a-z -]{3,40}) policy")
_NO_REGION = "no region"
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


class NotSeen(Exception):
    """Something was asked for and not seen; the text says why and what to do."""

    def __init__(self, reason: str, *, code: str = "") -> None:
        super().__init__(reason)
        self.code = code
        """AWS's error code, to decide on and never to show; empty without an answer, but for a region that is none."""

    @property
    def denied(self) -> bool:
        """Whether a permission is missing."""
        return _DENIED.search(self.code) is not None

    @property
    def invalid_token(self) -> bool:
        """Whether the credentials are not known where they were shown."""
        return self.code in _NOT_KNOWN

    @property
    def no_region(self) -> bool:
        """Whether there is no region of this name."""
        return self.code == _NO_REGION

    @property
    def invalid_request(self) -> bool:
        """Whether the call cannot be made of this object."""
        return self.code in ("InvalidParameterException", "InvalidRequestException")


def malformed(what: str) -> NotSeen:
    """Return that an answer is not as the API documents it."""
    return NotSeen(f"the answer is not as AWS documents it ({what}); is the endpoint AWS?")


def shown(text: object, limit: int = 200) -> str:
    """Return a text from outside as it may stand in a message: printable, and not long."""
    return _UNPRINTABLE.sub(" ", text if isinstance(text, str) else "")[:limit].strip()


def not_seen(error: Exception, action: str, hide: Callable[[str], str], region: str = "") -> NotSeen:
    """Return what an exception of a call means. `hide` takes credentials out of a text."""
    if isinstance(error, NotSeen):
        return error
    if isinstance(error, boto.ClientError):
        return _refused(error, action, hide, region)
    if isinstance(error, boto.InvalidRegionError | boto.NoRegionError | boto.UnknownRegionError):
        return NotSeen("there is no region of this name", code=_NO_REGION)
    return NotSeen(_without_answer(error))


def _refused(error: boto.ClientError, action: str, hide: Callable[[str], str], region: str) -> NotSeen:
    about = error.response.get("Error")
    about = about if isinstance(about, dict) else {}
    # What happened is told by AWS's own code; only what is shown is cleaned.
    code = str(about.get("Code") or "")
    named, message = shown(hide(code), 60), hide(str(about.get("Message") or ""))
    code = shown(code, 60)
    metadata = error.response.get("ResponseMetadata")
    status = metadata.get("HTTPStatusCode") if isinstance(metadata, dict) else None
    return NotSeen(_told(code, named, message, status, action, region), code=code)


def _told(code: str, named: str, message: str, status: object, action: str, region: str) -> str:  # noqa: PLR0913, PLR0917  (what there is to tell from)
    if _DENIED.search(code):
        found = _EXPLICIT.search(message)
        denies = f", which an explicit deny in a {found.group(1)} policy refuses" if found else ""
        return f"access denied; the auditor needs {action}{denies}"
    if code in _EXPIRED:
        return "the credentials have expired; sign in again (aws sso login, or fresh keys) and repeat"
    if code in _OPTED_OUT or (code in _NOT_KNOWN and region):
        where = region or "the region"
        return f"the credentials are not valid in {where}; enable it for the account, or leave it out of aws.regions"
    if code in _NOT_KNOWN:
        return "the access key is not known to AWS; check AWS_ACCESS_KEY_ID, the profile and the endpoint"
    if code in _UNSIGNED:
        return "the secret key does not fit the access key, or the clock of this machine is wrong"
    if _THROTTLED.search(code):
        return "AWS throttled the call, and again on every retry; repeat later, or read fewer regions at a time"
    if _GONE.search(code):
        return f"it does not exist, or no longer ({named})"
    if code in _LACKING:
        return f"the endpoint does not know the call ({named}); an emulator may lack it"
    if isinstance(status, int) and status >= 500:
        # Without a code in its body botocore gives the status as the code.
        more = f" {named}" if code not in ("", str(status)) else ""
        return f"the endpoint failed (HTTP {status}{more}), and again on every retry; repeat later"
    said = shown(message, 160)
    return f"AWS refused the call: {named}{': ' if said else ''}{said}"


def _without_answer(error: Exception) -> str:
    if isinstance(error, boto.NoCredentialsError):
        return "there are no credentials; set aws.profile or AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret key"
    if isinstance(error, boto.PartialCredentialsError):
        return "the credentials are incomplete: an access key id needs its secret access key"
    if isinstance(error, boto.ProfileNotFound):
        return "the AWS configuration has no such profile; `aws configure list-profiles` shows those that there are"
    if isinstance(error, boto.TokenRetrievalError | boto.SSOError):
        return "the sign-in has expired; run `aws sso login` and repeat"
    if isinstance(error, boto.CredentialRetrievalError | boto.ConfigParseError):
        return f"the AWS configuration gives no credentials ({type(error).__name__}); try `aws sts get-caller-identity`"
    if isinstance(error, boto.SSLError):
        return "the TLS certificate of the endpoint is not trusted; set AWS_CA_BUNDLE"
    if isinstance(error, boto.ProxyConnectionError):
        return "the proxy cannot be reached; check HTTPS_PROXY and NO_PROXY"
    if isinstance(error, boto.ConnectTimeoutError | boto.ReadTimeoutError):
        return "the endpoint did not answer in time"
    if isinstance(error, boto.EndpointConnectionError | boto.ConnectionClosedError | boto.HTTPClientError):
        return "the endpoint cannot be reached; check the region's name, aws.endpoint_url and the network"
    if isinstance(error, boto.PaginationError):
        return "the listing runs in circles: a page names itself as the next one"
    if isinstance(error, ResponseParserError | ValueError | TypeError | LookupError | AttributeError | RuntimeError):
        return str(malformed(type(error).__name__))
    return f"the call failed ({type(error).__name__})"
