//! What the distribution has and a fresh machine lacks.

use std::{path::Path, process::Stdio};

use tokio::process::Command;

/// Installs a package of the distribution, where that can be done: as root, with `apt-get`. Several processes may do so at once.
///
/// # Errors
/// What apt-get said, or `absent` where there is no way to install anything.
pub async fn install(package: &str, absent: &str) -> Result<(), String> {
    if !nix::unistd::geteuid().is_root() || !Path::new("/usr/bin/apt-get").exists() {
        return Err(absent.to_owned());
    }
    eprintln!("crossfade tests: no {package} found, running `apt-get install -y {package}`");
    let install = ["install", "-y", "--no-install-recommends", package];
    if apt_get(&install).await.is_ok() {
        return Ok(());
    }
    // A fresh image has no package lists yet.
    apt_get(&["update"]).await?;
    apt_get(&install).await
}

/// With a time-out of the lock, since another process may hold it.
async fn apt_get(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("apt-get")
        .args(["-q", "-o", "DPkg::Lock::Timeout=300"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| format!("apt-get could not be run ({error})"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("apt-get {} said: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
