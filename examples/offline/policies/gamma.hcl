# its own secrets
path "secret/data/gamma/*" {
  capabilities = ["read"]
}
