//! Files that are full, damaged, missing or something else.

use std::{
    fs,
    os::unix::fs::{FileExt as _, PermissionsExt as _},
};

use crossfade::journal::{
    Duty, End, Intent, Journal, JournalErrorKind, Outcome, Seq, Settled,
    sqlite::{SqliteJournal, SqliteOptions},
};

use super::{
    super::conformance::{OPTIONS, put},
    File,
};

async fn fill(journal: &SqliteJournal, entries: i64) -> Vec<Seq> {
    let intents: Vec<Intent> = (0..entries).map(|at| put(&at.to_string(), at)).collect();
    journal.append(&intents, Outcome::Accepted(None)).await.unwrap()
}

async fn kind_of_opening(file: &File) -> JournalErrorKind {
    let failed = SqliteJournal::open(file.path(), OPTIONS).await.unwrap_err();
    assert!(failed.to_string().contains("opening") && failed.to_string().contains("journal.db"), "{failed}");
    failed.kind()
}

#[tokio::test]
async fn a_full_journal_refuses_and_goes_on_once_there_is_room() {
    let file = File::new();
    let extent = SqliteOptions { max_bytes: Some(400 * 4096) };
    let journal = SqliteJournal::open_with(file.path(), OPTIONS, extent).await.unwrap();
    let batch: Vec<Intent> = (0..50).map(|at| put(&at.to_string(), at)).collect();
    let mut kept = Vec::new();
    let refused = loop {
        match journal.append(&batch, Outcome::Accepted(None)).await {
            Ok(seqs) => kept.extend(seqs),
            Err(error) => break error,
        }
        assert!(kept.len() < 100_000, "it never is full");
    };
    assert_eq!(refused.kind(), JournalErrorKind::Full, "{refused}");
    assert!(refused.to_string().contains("make room"), "{refused}");
    assert_eq!(journal.status().await.unwrap().pending, kept.len() as u64, "nothing of what was refused is there");
    // What is settled makes room: nothing but the journal's own work is needed.
    for duty in [Duty::Meili, Duty::Pg] {
        loop {
            let claim = journal.claim(duty, 500).await.unwrap();
            if claim.entries.is_empty() {
                break;
            }
            let done = |seq| Settled { seq, end: End::Done { supersedes: false } };
            let ends: Vec<_> = claim.entries.iter().map(|entry| done(entry.seq)).collect();
            journal.settle(duty, &ends).await.unwrap();
        }
    }
    assert_eq!(journal.status().await.unwrap().pending, 0);
    let after = journal.append(&batch, Outcome::Accepted(None)).await.unwrap();
    assert!(after[0] > kept[kept.len() - 1]);
    drop(journal);
    let journal = SqliteJournal::open(file.path(), OPTIONS).await.unwrap();
    assert_eq!(journal.status().await.unwrap().pending, 50);
}

#[tokio::test]
async fn one_that_does_not_fit_does_not_fail_its_neighbours() {
    let file = File::new();
    let extent = SqliteOptions { max_bytes: Some(400 * 4096) };
    let journal = SqliteJournal::open_with(file.path(), OPTIONS, extent).await.unwrap();
    let large: Vec<Intent> = (0..20_000).map(|at| put(&at.to_string(), at)).collect();
    let small = [put("small", 1)];
    let (first, large, second) = tokio::join!(
        journal.append(&small, Outcome::Asked),
        journal.append(&large, Outcome::Asked),
        journal.append(&small, Outcome::Asked),
    );
    assert_eq!(large.unwrap_err().kind(), JournalErrorKind::Full);
    first.unwrap();
    second.unwrap();
    assert_eq!(journal.status().await.unwrap().asked, 2);
}

#[tokio::test]
async fn the_file_is_for_its_owner_only() {
    let file = File::new();
    let journal = SqliteJournal::open(file.path(), OPTIONS).await.unwrap();
    fill(&journal, 1).await;
    for found in fs::read_dir(file.0.path()).unwrap() {
        let found = found.unwrap();
        assert_eq!(found.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", found.path());
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_said() {
    let missing = tempfile::tempdir().unwrap().path().join("no").join("journal.db");
    let failed = SqliteJournal::open(&missing, OPTIONS).await.unwrap_err();
    assert_eq!(failed.kind(), JournalErrorKind::Unavailable, "{failed}");
    let folder = tempfile::tempdir().unwrap();
    let failed = SqliteJournal::open(folder.path(), OPTIONS).await.unwrap_err();
    assert_eq!(failed.kind(), JournalErrorKind::Unavailable, "{failed}");
}

#[tokio::test]
async fn what_is_no_journal_is_left_alone() {
    let file = File::new();
    fs::write(file.path(), "this is the diary of somebody else, long enough to be a header of a database, is it not?")
        .unwrap();
    let before = fs::read(file.path()).unwrap();
    assert_eq!(kind_of_opening(&file).await, JournalErrorKind::Damaged);
    assert_eq!(fs::read(file.path()).unwrap(), before);

    let file = File::new();
    let journal = SqliteJournal::open(file.path(), OPTIONS).await.unwrap();
    journal.close().await.unwrap();
    assert_eq!(journal.status().await.unwrap_err().kind(), JournalErrorKind::Internal, "closed");
    // Bytes 60 to 63 are user_version, 68 to 71 application_id: <https://sqlite.org/fileformat.html>.
    let patch = |at, bytes: u32| {
        let open = fs::OpenOptions::new().write(true).open(file.path()).unwrap();
        open.write_all_at(&bytes.to_be_bytes(), at).unwrap();
    };
    patch(60, 2);
    let newer = SqliteJournal::open(file.path(), OPTIONS).await.unwrap_err();
    assert!(newer.to_string().contains("form 2"), "{newer}");
    patch(60, 1);
    patch(68, 7);
    assert_eq!(kind_of_opening(&file).await, JournalErrorKind::Damaged);
}

/// Wherever the damage is, a claim gives all entries as they were, or there is an error; nothing is passed over.
#[tokio::test]
async fn damage_is_an_error_and_never_a_gap() {
    let pristine = File::new();
    let journal = SqliteJournal::open(pristine.path(), OPTIONS).await.unwrap();
    let all = fill(&journal, 2000).await;
    journal.close().await.unwrap();
    let length = fs::metadata(pristine.path()).unwrap().len();
    let mut errors = 0;
    for page in 0..length / 4096 {
        let file = File::new();
        fs::copy(pristine.path(), file.path()).unwrap();
        let open = fs::OpenOptions::new().write(true).open(file.path()).unwrap();
        open.write_all_at(&[0x5a; 2048], page * 4096 + 1024).unwrap();
        errors += u64::from(damaged_or_whole(&file, &all).await);
    }
    assert!(errors > length / 4096 / 2, "{errors} of {} damaged pages were noticed", length / 4096);
    // One letter of each document, and of what is left of them in unused room: SQLite cannot tell.
    let file = File::new();
    let mut bytes = fs::read(pristine.path()).unwrap();
    let texts = bytes.windows(12).enumerate().filter(|(_, bytes)| bytes == br#""text":"put""#);
    let letters: Vec<usize> = texts.map(|(at, _)| at + 8).collect();
    assert!(letters.len() >= all.len(), "documents are stored as text");
    letters.into_iter().for_each(|at| bytes[at] = b'c');
    fs::write(file.path(), bytes).unwrap();
    assert!(damaged_or_whole(&file, &all).await, "another document was given out");
    for pages in [1, 7, length / 4096 / 2, length / 4096 - 1] {
        let file = File::new();
        fs::copy(pristine.path(), file.path()).unwrap();
        fs::OpenOptions::new().write(true).open(file.path()).unwrap().set_len(pages * 4096 + 17).unwrap();
        assert!(damaged_or_whole(&file, &all).await, "cut off after {pages} pages");
    }
}

/// Whether it was found to be damaged.
async fn damaged_or_whole(file: &File, all: &[Seq]) -> bool {
    let found = async {
        let journal = SqliteJournal::open(file.path(), OPTIONS).await?;
        journal.claim(Duty::Meili, 5000).await
    };
    match found.await {
        Ok(claim) => {
            let seqs: Vec<Seq> = claim.entries.iter().map(|entry| entry.seq).collect();
            assert_eq!(seqs, all);
            for (at, entry) in claim.entries.iter().enumerate() {
                assert_eq!(entry.intent, put(&at.to_string(), at as i64));
            }
            false
        }
        Err(error) => {
            assert_eq!(error.kind(), JournalErrorKind::Damaged, "{error}");
            true
        }
    }
}
