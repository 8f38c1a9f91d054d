//! The files of a measurement.

use std::path::PathBuf;

use clap::Args;
use crossfade::eval::{
    Answer, Corpus, EvalError, EvalQuery, EvalSettings, Judgments, read_queries, read_rankings, sample,
};

#[derive(Args)]
pub(super) struct Files {
    /// The documents.
    #[arg(long, value_name = "FILE", required_unless_present = "reuse")]
    docs: Option<PathBuf>,
    /// The queries.
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    /// What Meilisearch answered to them, to compare with.
    #[arg(long, value_name = "FILE", group = "against")]
    pub(super) rankings: Option<PathBuf>,
    /// Judgments of relevance, for NDCG@10.
    #[arg(long, value_name = "FILE")]
    qrels: Option<PathBuf>,
    /// The settings of the index [default: Meilisearch's own].
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The field that holds the id of a document.
    #[arg(long, default_value = "id", value_name = "NAME")]
    primary_key: String,
    /// Ask only so many of the queries, drawn at random.
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// What queries and intervals are drawn by: the same gives the same.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(super) seed: u64,
}

/// What the files hold.
pub(super) struct Read {
    /// Not yet read: it may be large.
    pub(super) corpus: Option<Corpus>,
    pub(super) queries: Vec<EvalQuery>,
    pub(super) recorded: Option<Vec<Answer>>,
    pub(super) judgments: Judgments,
    pub(super) settings: EvalSettings,
}

impl Files {
    pub(super) fn primary_key(&self) -> &str {
        &self.primary_key
    }

    /// Reads all but the documents, of which it only sees whether they are there.
    pub(super) fn read(&self) -> Result<Read, EvalError> {
        let mut queries = read_queries(&self.queries)?;
        if let Some(many) = self.sample {
            queries = sample(queries, many, self.seed);
        }
        let rankings = self.rankings.as_deref().map(read_rankings).transpose()?;
        if let Some(rankings) = &rankings {
            rankings.classify(&mut queries);
        }
        let judgments = self.qrels.as_deref().map(|qrels| Judgments::read(qrels, &queries)).transpose()?;
        let settings = self.settings.as_deref().map(EvalSettings::read).transpose()?;
        let corpus = self.docs.clone().map(|docs| Corpus::new(docs, &*self.primary_key));
        if let Some(corpus) = &corpus {
            corpus.documents()?;
        }
        Ok(Read {
            recorded: rankings.map(|rankings| rankings.in_order_of(&queries)).transpose()?,
            corpus,
            queries,
            judgments: judgments.unwrap_or_default(),
            settings: settings.unwrap_or_default(),
        })
    }
}
