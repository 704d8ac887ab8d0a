# its own secrets
path "secret/data/acme/*" {
  capabilities = ["create", "read", "update", "delete"]
}
