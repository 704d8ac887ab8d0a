"""What `aws ... --output json` prints, made into facts."""
