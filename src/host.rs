//! The machine, by a name that people know.

/// `HOSTNAME`, as containers have it; else at least the process.
pub(crate) fn name() -> String {
    std::env::var("HOSTNAME").unwrap_or_else(|_| format!("process {}", std::process::id()))
}
