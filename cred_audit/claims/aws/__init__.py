"""Judging code for AWS that several checks share."""
