"""What `terraform show -json` prints of a plan, made into the facts that will hold after it is applied."""
