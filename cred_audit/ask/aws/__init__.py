"""Decisions of AWS on demand: many from a batch of lines, or one about an agent of a snapshot."""

from cred_audit.ask.aws.batch import answer_lines

__all__ = ["answer_lines"]
