"""Which fields of the server's objects may be kept: those named here, and plain yes-or-no fields; nothing else.

An object of an engine may carry a password in any text (a database's connection URL, a statement that creates users),
so a field is kept because it is known to be public, never because its name looks harmless.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

_DEPTH = 8
_LONGEST = 100_000
"""Characters of one text that are kept."""
_MOST = 10_000
"""Entries of one list or mapping that are kept."""
_SECRET = re.compile(
    r"pass(word|wd|phrase)?$|bindpass|secret$|secret_?key|client_secret|private|credential(s|_blob)?$"
    r"|jwt$|api_?key|access_?key|auth_?token|bearer|hmac_?key|^token$|_token$|authorization",
    re.IGNORECASE,
)
"""Keys whose values are not kept even inside a field that is public."""
_LOGIN_IN_URL = re.compile(r"(?<=://)[^\s/?#]*@")
_MORE_OF_URL = re.compile(r"(?<=://)\S*@|[?#].*", re.DOTALL)
"""What a field that is a URL loses: everything before the host, even badly quoted, and its query."""
_WITHHELD = "(withheld)"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_URLS = _names("url uri address jwks_url oidc_discovery_url kubernetes_host base_url iam_endpoint sts_endpoint")
_OF_TOKENS = """
    bound_cidr_list explicit_max_ttl max_ttl num_uses orphan period policies renewable ttl
    token_bound_cidrs token_explicit_max_ttl token_max_ttl token_no_default_policy token_num_uses token_period
    token_policies token_policies_template_claims token_strictly_bind_ip token_ttl token_type
"""
_ROLES = """
    allowed_entity_aliases allowed_policies allowed_policies_glob disallowed_policies disallowed_policies_glob name
    path_suffix
    bind_secret_id local_secret_ids role_id secret_id_bound_cidrs secret_id_num_uses secret_id_ttl secret_ids
    allowed_redirect_uris bound_audiences bound_claims bound_claims_type bound_subject callback_mode cel_program
    claim_mappings clock_skew_leeway expiration_leeway groups_claim max_age message not_before_leeway oidc_scopes
    role_type user_claim user_claim_json_pointer verbose_oidc_logging
    alias_name_source audience bound_service_account_names bound_service_account_namespace_selector
    bound_service_account_namespaces
    allowed_common_names allowed_dns_sans allowed_email_sans allowed_metadata_extensions allowed_names
    allowed_organizational_units allowed_uri_sans display_name ocsp_enabled ocsp_fail_open required_extensions groups
    auth_type bound_account_id bound_ami_id bound_arns bound_ec2_instance_id bound_iam_instance_profile_arn
    bound_iam_principal_arn bound_iam_role_arn bound_region bound_subnet_id bound_vpc_id inferred_aws_region
    inferred_entity_type resolve_aws_unique_ids role_tag
    bound_group_ids bound_locations bound_resource_groups bound_resource_ids bound_scale_sets
    bound_service_principal_ids bound_subscription_ids
    bound_instance_groups bound_labels bound_projects bound_regions bound_service_accounts bound_zones type
    bound_application_ids bound_cidrs bound_instance_ids bound_organization_ids bound_space_ids
    bound_attributes bound_attributes_type bound_subjects bound_subjects_type groups_attribute ocid_list arn
"""
_METHOD_SETTINGS = """
    bound_issuer default_role jwks_pairs_count jwks_url jwt_supported_algs oidc_client_id oidc_discovery_url
    oidc_response_mode oidc_response_types
    disable_iss_validation disable_local_ca_jwt issuer kubernetes_host
    anonymous_group_search binddn case_sensitive_names deny_null_bind dereference_aliases discoverdn groupattr groupdn
    groupfilter insecure_tls starttls tls_max_version tls_min_version upndomain url use_token_groups userattr userdn
    userfilter username_as_alias
    host nas_identifier port unregistered_user_policies
    base_url organization organization_id org_name
    ec2_alias ec2_metadata iam_alias iam_metadata gce_alias gce_metadata environment resource tenant_id home_tenancy_id
"""
_ENGINES = """
    auto_rotate_period convergent_encryption kdf latest_version min_available_version min_decryption_version
    min_encryption_version
    cas_required delete_version_after max_versions metadata_cas_required
    allowed_domains allowed_ip_sans_cidr allowed_other_sans allowed_serial_numbers allowed_uri_sans allowed_user_ids
    cn_validations country ext_key_usage ext_key_usage_oids issuer_ref key_bits key_type key_usage locality not_after
    not_after_bound not_before not_before_bound not_before_duration organization ou policy_identifiers postal_code
    province signature_bits street_address
    issuer_id issuer_name key_id leaf_not_after_behavior usage default allowed_issuers allowed_roles
    default_directory_policy eab_policy dns_resolver
    algorithm_signer allowed_critical_options allowed_extensions allowed_user_key_lengths allowed_users cidr_list
    default_critical_options default_extensions default_user exclude_cidr_list key_id_format
    credential_type db_name default_ttl password_policy plugin_name plugin_version rotation_period
    username verify_connection
    credential_types default_sts_ttl iam_groups iam_tags max_sts_ttl permissions_boundary_arn policy_arns
    policy_document role_arns session_tags user_path iam_endpoint region sts_endpoint
    allowed_kubernetes_namespace_selector allowed_kubernetes_namespaces extra_annotations extra_labels
    generated_role_rules kubernetes_role_name kubernetes_role_type name_template service_account_name
    token_default_audiences token_default_ttl
    dn schema service_account_names disable_check_in_enforcement
    tags vhost_topics vhosts
    account_name algorithm digits period issuer
    application_object_id azure_groups azure_roles bindings project secret_type service_account_email
    service_account_project token_scopes subscription_id
    consul_namespace consul_policies consul_roles node_identities partition service_identities local global
    team_id user_id roles project_id project_roles transformations template tweak_source masking_character
    key_ring crypto_key purpose
"""
_PUBLIC = _names(f"{_OF_TOKENS} {_ROLES} {_METHOD_SETTINGS} {_ENGINES}")
_TUNE = _names(
    "default_lease_ttl max_lease_ttl force_no_cache audit_non_hmac_request_keys audit_non_hmac_response_keys "
    "listing_visibility passthrough_request_headers allowed_response_headers token_type allowed_managed_keys "
    "plugin_version delegated_auth_accessors user_lockout_config identity_token_key "
    "trim_request_trailing_slashes"
)
_TOKEN = _names(
    "accessor bound_cidrs creation_time creation_ttl display_name entity_id expire_time explicit_max_ttl "
    "external_namespace_policies identity_policies issue_time last_renewal last_renewal_time namespace_id "
    "namespace_path num_uses orphan path period policies renewable role ttl type"
)
_DEVICE = _names(
"log_raw hmac_accessor elide_list_responses format mode prefix file_path path facility tag "
                    "socket_type address uri write_timeout")  # fmt: skip
_FLAGS = _names(
    "api_addr cluster_addr cluster_name default_lease_ttl max_lease_ttl default_max_request_duration log_format "
    "log_level plugin_directory type address tls_min_version tls_max_version proxy_protocol_behavior "
    "x_forwarded_for_authorized_addrs max_request_size max_request_duration cache_size"
)
_LISTENER_GROUPS = ("telemetry", "profiling", "inflight_requests_logging", "cors")
_SEAL = _names("type n t version build_date commit_date storage_type cluster_name cluster_id")
_QUOTA = _names("name path type rate interval block_interval role max_leases")


def object_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the public fields of a role, key or configuration; a CA certificate as its SHA-256."""
    kept = _chosen(data, _PUBLIC)
    certificate = data.get("certificate")
    if isinstance(certificate, str) and certificate:
        kept["certificate_sha256"] = hashlib.sha256(certificate.strip().encode("utf-8", "replace")).hexdigest()
    return kept


def tune_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tuning of a mount, as `sys/mounts` shows it."""
    return _chosen(data, _TUNE)


def token_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the server says of a token, without its id and without what its maker wrote about it."""
    return _chosen(data, _TOKEN)


def device_options(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of an audit device."""
    return _chosen(data, _DEVICE)


def quota_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a quota."""
    return _chosen(data, _QUOTA)


def seal_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `sys/seal-status` says that is not about an unsealing under way."""
    return _chosen(data, _SEAL)


def server_flags(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the server's configuration: its switches, its listeners, its seals and its storage."""
    kept = _chosen(data, _FLAGS)
    for name in ("listeners", "seals"):
        entries = data.get(name)
        if isinstance(entries, list):
            kept[name] = [_part(entry) for entry in entries[:100] if isinstance(entry, dict)]
    storage = data.get("storage")
    if isinstance(storage, dict):
        kept["storage"] = _part(storage)
    return kept


def _part(entry: Mapping[str, Any]) -> dict[str, Any]:
    kept = _chosen(entry, _FLAGS)
    inner = entry.get("config")
    if isinstance(inner, dict):
        kept["config"] = _chosen(inner, _FLAGS)
        for group in _LISTENER_GROUPS:
            # A block of HCL is a list of mappings, or one mapping.
            parts = inner.get(group)
            chosen = [_chosen(part, _FLAGS) for part in _listed(parts) if isinstance(part, dict)]
            if chosen:
                kept["config"][group] = chosen if isinstance(parts, list) else chosen[0]
    return kept


def _listed(value: Any) -> list[Any]:
    return value[:100] if isinstance(value, list) else [value]


def _chosen(data: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {
        key: _MORE_OF_URL.sub("", value[:_LONGEST]) if key in _URLS and isinstance(value, str) else _value(value, 0)
        for key, value in data.items()
        if key in names or (_switch(value) and isinstance(key, str) and len(key) < 100)
    }


def _switch(value: Any) -> bool:
    """Whether a value says yes or no and nothing else."""
    return isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("true", "false"))


def _value(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        short = value[:_LONGEST]
        return _LOGIN_IN_URL.sub("", short) if "://" in short and "@" in short else short
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth < _DEPTH and isinstance(value, list | tuple):
        return [_value(entry, depth + 1) for entry in value[:_MOST]]
    if depth < _DEPTH and isinstance(value, dict):
        pairs = list(value.items())[:_MOST]
        return {str(key): _WITHHELD if _SECRET.search(str(key)) else _value(inner, depth + 1) for key, inner in pairs}
    return None
