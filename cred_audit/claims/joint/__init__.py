"""What claims about Vault and AWS together share."""
