//! Finds `initdb` and `postgres`, or installs them.

use std::{
    env,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use super::TestPostgresError;
use crate::testing::packages;

/// The directory that holds `initdb` and `postgres`.
pub(super) async fn directory() -> Result<PathBuf, TestPostgresError> {
    if let Some(found) = installed().await {
        return Ok(found);
    }
    let absent = "none in PATH, /usr/lib/postgresql or pg_config --bindir";
    packages::install("postgresql", absent).await.map_err(TestPostgresError::NoBinaries)?;
    installed().await.ok_or_else(|| TestPostgresError::NoBinaries("installing them did not help".to_owned()))
}

async fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates: Vec<PathBuf> = env::split_paths(&path).collect();
    candidates.extend(debian());
    candidates.extend(pg_config().await);
    candidates.into_iter().find(|directory| is_complete(directory))
}

fn is_complete(directory: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|program| directory.join(program).is_file())
}

/// `/usr/lib/postgresql/*/bin`, the newest version first.
fn debian() -> Vec<PathBuf> {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else { return Vec::new() };
    let mut versions: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, directory)| directory).collect()
}

async fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().await.ok()?;
    let directory = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(directory.trim()))
}
