//! Finds `initdb` and `postgres`, or installs them.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::TestPostgresError;

/// The directory that holds `initdb` and `postgres`.
pub(super) async fn directory() -> Result<PathBuf, TestPostgresError> {
    if let Some(found) = installed().await {
        return Ok(found);
    }
    install().await?;
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

async fn install() -> Result<(), TestPostgresError> {
    if !nix::unistd::geteuid().is_root() || !Path::new("/usr/bin/apt-get").exists() {
        return Err(TestPostgresError::NoBinaries(
            "none in PATH, /usr/lib/postgresql or pg_config --bindir".to_owned(),
        ));
    }
    eprintln!("crossfade tests: no PostgreSQL binaries found, running `apt-get install -y postgresql`");
    if apt_get(&["install"]).await.is_ok() {
        return Ok(());
    }
    // A fresh image has no package lists yet.
    apt_get(&["update"]).await.map_err(TestPostgresError::NoBinaries)?;
    apt_get(&["install"]).await.map_err(TestPostgresError::NoBinaries)
}

/// Runs `apt-get update` or `apt-get install`; several test processes may do so at once, hence the lock's time-out.
async fn apt_get(verb: &[&str]) -> Result<(), String> {
    let packages: &[&str] = if verb == ["install"] { &["-y", "--no-install-recommends", "postgresql"] } else { &[] };
    let output = Command::new("apt-get")
        .args(["-q", "-o", "DPkg::Lock::Timeout=300"])
        .args(verb)
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| format!("apt-get could not be run ({error})"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("apt-get {} said: {}", verb.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
