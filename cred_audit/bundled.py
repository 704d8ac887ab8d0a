"""Where the bundled folders are: inside the installed package, or beside it in a checkout."""

import importlib.resources
from pathlib import Path


def bundled(name: str) -> Path:
    """Return the folder `checks` or `reports/templates` of this installation.

    Raises FileNotFoundError where the installation carries neither copy.
    """
    package = Path(str(importlib.resources.files("cred_audit")))
    for folder in (package / "_bundled" / name, package.parent / name):
        if folder.is_dir():
            return folder
    message = f"this installation of cred-audit lacks its folder {name}; reinstall it"
    raise FileNotFoundError(message)
