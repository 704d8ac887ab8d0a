"""Decisions on demand: many from a batch of lines, or one about an agent of a snapshot."""

from cred_audit.ask.batch import answer_lines
from cred_audit.ask.lines import Answers, bounded_lines
from cred_audit.ask.single import OPERATIONS, ask_one

__all__ = ["OPERATIONS", "Answers", "answer_lines", "ask_one", "bounded_lines"]
