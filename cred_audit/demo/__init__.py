"""A small platform with planted mistakes on a server of its own, for `cred-audit demo`."""
