"""Every error that the user can meet; the command line prints each as one line and ends with 2."""


class CredAuditError(Exception):
    """Something that the user can act on; never shown with a traceback."""


class UsageError(CredAuditError):
    """The command line asks for something that cannot be done; whoever typed it has to act."""


class TargetError(CredAuditError):
    """The target file is wrong; whoever wrote it has to act. Names file, line, column and key."""


class SnapshotError(CredAuditError):
    """A snapshot or result file cannot be read; whoever made it has to act."""


class CheckError(CredAuditError):
    """A check module is malformed; its author has to act. Names the file and the line."""


class TemplateError(CredAuditError):
    """A report template is broken; its author has to act."""


class CollectError(CredAuditError):
    """Nothing at all could be collected; the operator has to act (address, token, TLS ...)."""
