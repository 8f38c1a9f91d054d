//! The SQL of the scratch schema.

/// Ends what is still running there: it would hold up the drop.
pub(super) const END_SESSIONS: &str = "
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE application_name = $1 AND datname = current_database() AND pid <> pg_backend_pid()";

/// Drops it. The name is not a parameter: it is made of lower case letters, digits and `_`.
pub(super) fn drop_schema(schema: &str) -> String {
    format!("DROP SCHEMA IF EXISTS {schema} CASCADE")
}
