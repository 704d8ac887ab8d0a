"""Live AWS accounts: who is asked, how, and what each answer becomes. The only package that imports boto3."""
