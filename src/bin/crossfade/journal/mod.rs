//! `crossfade journal`

mod show;

use std::{collections::BTreeSet, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use crossfade::journal::{
    DeadLetter, DeadLetters, Duty, JournalError, JournalErrorKind, JournalOptions, Redrive, Seq,
    postgres::{PostgresJournal, PostgresJournalOptions},
    sqlite::SqliteJournal,
};

use crate::{database::Database, failure::Failure, output};

#[derive(Args)]
#[command(after_help = "\
Where the journal is:
  --journal PATH     a file; while the service runs nothing else can open it, so stop it first
  --journal-url URL  a database, which may be in use meanwhile; without it DATABASE_URL

Examples:
  crossfade journal status --journal-url postgres://crossfade@journal.internal/journal
  crossfade journal status --journal /var/lib/search/journal.db --json
  crossfade journal list --duty pg
  crossfade journal list --bodies --json > letters.json
  crossfade journal redrive 17 18
  crossfade journal redrive --all
  crossfade journal drop --duty meili --yes

A write that can never be done, because a side refuses the document, becomes a dead letter: that side goes without it.
Remove the cause and redrive, or write the document anew and drop the letter. A write that is redriven keeps its version:
where the document was written again since, the newer one stays.")]
pub(crate) struct Journal {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Place {
    /// The file of the journal.
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "journal_url")]
    journal: Option<PathBuf>,
    /// The database of the journal, if that is another one than DATABASE_URL; better given by the environment.
    #[arg(long, global = true, env = "JOURNAL_URL", hide_env_values = true, value_name = "URL")]
    journal_url: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Show how many writes wait, for what, since when, and what last went wrong.
    Status {
        #[command(flatten)]
        format: Format,
    },
    /// List dead letters, oldest first.
    List {
        /// How many.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
        /// Only those after this one.
        #[arg(long, value_name = "SEQ")]
        after: Option<i64>,
        /// Only those of this duty.
        #[arg(long)]
        duty: Option<DutyName>,
        /// With the documents, which may be confidential.
        #[arg(long)]
        bodies: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Try dead letters again.
    Redrive {
        #[command(flatten)]
        choice: Choice,
        #[command(flatten)]
        format: Format,
    },
    /// Drop dead letters: the sides then differ in these documents.
    Drop {
        #[command(flatten)]
        choice: Choice,
        /// Yes, drop them.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Choice {
    /// All of them.
    #[arg(long)]
    all: bool,
    /// Those of this duty.
    #[arg(long)]
    duty: Option<DutyName>,
    /// These, by the numbers that `list` shows.
    #[arg(value_name = "SEQ")]
    seqs: Vec<i64>,
}

#[derive(Args)]
struct Format {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What could not be done.
#[derive(Clone, Copy, ValueEnum)]
enum DutyName {
    /// To write it to Meilisearch, or to see to it that it stands there.
    Meili,
    /// To write it to PostgreSQL.
    Pg,
    /// To compare the sides and copy from the one that is right.
    Reconcile,
}

/// Either kind.
enum Opened {
    File(SqliteJournal),
    Database(Box<PostgresJournal>),
}

pub(crate) async fn run(database: &Database, journal: Journal) -> Result<(), Failure> {
    if let Command::Drop { yes: false, .. } = journal.command {
        return Err(Failure::NotConfirmed);
    }
    let opened = journal.place.open(database).await?;
    let done = carry_out(opened.journal(), journal.command).await;
    // A file is tidied up even after a failure, which comes first.
    let closed = opened.close().await;
    done.and(closed)
}

async fn carry_out(journal: &dyn crossfade::journal::Journal, command: Command) -> Result<(), Failure> {
    match command {
        Command::Status { format } => {
            let status = journal.status().await?;
            if format.json { output::json(&status)? } else { output::text(&show::status(&status))? }
        }
        Command::List { limit, after, duty, bodies, format } => {
            let letters = list(journal, after.map(Seq), duty.map(DutyName::duty), limit).await?;
            if format.json {
                output::json(&letters.iter().map(|letter| show::Letter::new(letter, bodies)).collect::<Vec<_>>())?;
            } else {
                output::text(&show::letters(&letters, bodies, limit))?;
            }
        }
        Command::Redrive { choice, format } => {
            dispose(journal, choice, Redrive::Again, "redriven", &format).await?;
        }
        Command::Drop { choice, format, .. } => dispose(journal, choice, Redrive::Drop, "dropped", &format).await?,
    }
    Ok(())
}

async fn list(
    journal: &dyn crossfade::journal::Journal,
    mut after: Option<Seq>,
    duty: Option<Duty>,
    limit: usize,
) -> Result<Vec<DeadLetter>, Failure> {
    const PAGE: usize = 500;
    let mut letters = Vec::new();
    while letters.len() < limit {
        let page = journal.dead_letters(after, PAGE).await?;
        let full = page.len() == PAGE;
        after = page.last().map(|letter| letter.seq).or(after);
        letters.extend(page.into_iter().filter(|letter| duty.is_none_or(|duty| letter.duty == duty)));
        if !full {
            break;
        }
    }
    letters.truncate(limit);
    Ok(letters)
}

async fn dispose(
    journal: &dyn crossfade::journal::Journal,
    choice: Choice,
    how: Redrive,
    word: &str,
    format: &Format,
) -> Result<(), Failure> {
    let which = choice.letters();
    if let DeadLetters::These(seqs) = &which {
        for seq in seqs {
            // The one after its predecessor, if it is there.
            let found = journal.dead_letters(Some(Seq(seq.0.saturating_sub(1))), 1).await?;
            if found.first().is_none_or(|letter| letter.seq != *seq) {
                return Err(Failure::NoSuchLetter(seq.0.to_string()));
            }
        }
    }
    let count = journal.dispose(&which, how).await?;
    if format.json {
        output::json(&serde_json::json!({ word: count }))?;
    } else {
        output::text(&format!("{word}: {count}"))?;
    }
    Ok(())
}

impl Place {
    async fn open(&self, database: &Database) -> Result<Opened, Failure> {
        match (&self.journal, self.journal_url.as_deref().or(database.url())) {
            (Some(path), _) => {
                // It would make the file.
                if !path.is_file() {
                    return Err(Failure::NoSuchFile(path.clone()));
                }
                let opened = SqliteJournal::open(path, JournalOptions::default()).await;
                Ok(Opened::File(opened.map_err(in_use)?))
            }
            (None, Some(url)) => {
                let options = PostgresJournalOptions { schema: database.schema().to_owned(), ..Default::default() };
                Ok(Opened::Database(Box::new(PostgresJournal::connect(url, options).await?)))
            }
            (None, None) => Err(Failure::NoJournal),
        }
    }
}

fn in_use(error: JournalError) -> Failure {
    if error.kind() == JournalErrorKind::InUse { Failure::InUse } else { error.into() }
}

impl Opened {
    fn journal(&self) -> &dyn crossfade::journal::Journal {
        match self {
            Self::File(journal) => journal,
            Self::Database(journal) => &**journal,
        }
    }

    async fn close(self) -> Result<(), Failure> {
        match self {
            Self::File(journal) => Ok(journal.close().await?),
            Self::Database(_) => Ok(()),
        }
    }
}

impl Choice {
    fn letters(&self) -> DeadLetters {
        match self.duty {
            Some(duty) => DeadLetters::Of(duty.duty()),
            None if self.all => DeadLetters::All,
            None => {
                let seqs: BTreeSet<i64> = self.seqs.iter().copied().collect();
                DeadLetters::These(seqs.into_iter().map(Seq).collect())
            }
        }
    }
}

impl DutyName {
    fn duty(self) -> Duty {
        match self {
            Self::Meili => Duty::Meili,
            Self::Pg => Duty::Pg,
            Self::Reconcile => Duty::Reconcile,
        }
    }
}
