# everything but acme's
path "secret/data/*" {
  capabilities = ["read"]
}

path "secret/data/acme/*" {
  capabilities = ["deny"]
}
