"""Decisions of AWS on demand: many from a batch of lines, or one about an agent of a snapshot."""

from cred_audit.ask.aws.batch import answer_lines
from cred_audit.ask.aws.single import Given, ask_one

__all__ = ["Given", "answer_lines", "ask_one"]
