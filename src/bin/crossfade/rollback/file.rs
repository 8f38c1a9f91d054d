//! The flag file: what is set in it wins over the table, and needs nobody.

use std::{
    fmt, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crossfade::plan::Refusal;
use tokio::task::spawn_blocking;

use super::{edit, ways::Order};

/// A file that has been changed.
#[derive(Debug)]
pub(super) struct Written {
    path: PathBuf,
    before: Option<String>,
    /// Where what could not be read is kept.
    kept: Option<PathBuf>,
    /// Not replaced in one step.
    in_place: bool,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("it cannot be read: {0}")]
    Read(io::Error),
    #[error("it cannot be written: {0}")]
    Write(io::Error),
    #[error("it would be refused: {0}")]
    Refused(Refusal),
    #[error("this program broke while it wrote")]
    Broken,
}

/// Sets the flags of a rollback in a file, which need not exist.
pub(super) async fn write(path: PathBuf, order: &Order<'_>) -> Result<Written, FileError> {
    let (level, mark) = (order.level, edit::mark(order.by, order.why));
    blocking(move || {
        // Through symbolic links: the file is replaced, not the link to it.
        let path = fs::canonicalize(&path).unwrap_or(path);
        let before = read(&path)?;
        let (after, unreadable) = match edit::set(before.as_deref().unwrap_or_default(), level, &mark) {
            Ok(after) => (after, false),
            Err(edit::Unusable::Refused(refusal)) => return Err(FileError::Refused(refusal)),
            // Nobody goes by it as it is, so that nothing is lost by leaving it out.
            Err(edit::Unusable::Unreadable) => (edit::alone(level, &mark), true),
        };
        let kept = before.as_deref().filter(|_| unreadable).map(|text| keep(&path, text)).transpose()?;
        let in_place = replace(&path, &after)?;
        Ok(Written { path, before, kept, in_place })
    })
    .await
}

/// Takes the lines of a rollback out of a file again; whether there were any.
pub(super) async fn clear(path: PathBuf) -> Result<bool, FileError> {
    blocking(move || {
        let path = fs::canonicalize(&path).unwrap_or(path);
        let Some(before) = read(&path)? else { return Ok(false) };
        let after = edit::clear(&before);
        match after {
            Some(after) => replace(&path, &after).map(|_| true),
            None => Ok(false),
        }
    })
    .await
}

/// Whether a rollback could be written; changes nothing, but makes a file beside it for a moment.
pub(super) async fn check(path: PathBuf, order: &Order<'_>) -> Result<(), FileError> {
    let (level, mark) = (order.level, edit::mark(order.by, order.why));
    blocking(move || {
        let path = fs::canonicalize(&path).unwrap_or(path);
        let before = read(&path)?;
        if let Err(edit::Unusable::Refused(refusal)) = edit::set(before.as_deref().unwrap_or_default(), level, &mark) {
            return Err(FileError::Refused(refusal));
        }
        let beside = beside(&path);
        match fs::File::create(&beside) {
            Ok(_) => fs::remove_file(&beside).map_err(FileError::Write),
            // As it would be written then.
            Err(_) => fs::OpenOptions::new().append(true).open(&path).map(drop).map_err(FileError::Write),
        }
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    spawn_blocking(work).await.unwrap_or(Err(FileError::Broken))
}

fn read(path: &Path) -> Result<Option<String>, FileError> {
    match fs::read(path) {
        // What is no text is no set of flags either, and is kept as well as it can be.
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::Read(error)),
    }
}

fn keep(path: &Path, text: &str) -> Result<PathBuf, FileError> {
    let kept = PathBuf::from(format!("{}.before-rollback", path.display()));
    fs::write(&kept, text).map_err(FileError::Write)?;
    Ok(kept)
}

fn beside(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.{}.tmp", path.display(), std::process::id()))
}

/// Replaces the file in one step, so that a reader sees the old or the new one. Where that cannot be, as for a single file
/// mounted into a container, it is written in place; whether it was.
fn replace(path: &Path, text: &str) -> Result<bool, FileError> {
    let beside = beside(path);
    let replaced = || {
        let mut file = fs::File::create(&beside)?;
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    let Err(error) = replaced() else { return Ok(false) };
    let _ = fs::remove_file(&beside);
    match fs::OpenOptions::new().write(true).truncate(true).open(path) {
        Ok(mut file) => {
            file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(FileError::Write)?;
            Ok(true)
        }
        // What was wrong at first says more.
        Err(_) => Err(FileError::Write(error)),
    }
}

impl Written {
    /// As it was before.
    pub(super) async fn take_back(self) -> Result<(), FileError> {
        blocking(move || match self.before {
            Some(before) => replace(&self.path, &before).map(drop),
            None => fs::remove_file(&self.path).map_err(FileError::Write),
        })
        .await
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("written; the processes that read it see it now, and it stays until `rollback clear --flag-file`")?;
        if self.in_place {
            f.write_str(" (in place, for it could not be replaced)")?;
        }
        match &self.kept {
            Some(kept) => write!(f, "; it was no set of flags, and is kept as {}", kept.display()),
            None => Ok(()),
        }
    }
}
