//! The documents, a JSON object a line.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;
use tokio::task::spawn_blocking;

use super::{
    EvalError,
    lines::{Line, Lines},
};
use crate::{
    backend::postgres::VersionedDocument,
    document::{Document, DocumentId, Version},
};

/// The version of every document.
const VERSION: Version = Version(1);

/// A file of documents, plain or compressed by gzip. The number of its line, from 0, is a document's internal number.
#[derive(Clone, Debug)]
pub struct Corpus {
    path: PathBuf,
    primary_key: Arc<str>,
}

/// The documents of a corpus, one after the other.
pub struct Documents {
    lines: Lines,
    primary_key: Arc<str>,
    known: HashSet<DocumentId>,
}

impl Corpus {
    /// The documents of a file, whose id is this field.
    pub fn new(path: impl Into<PathBuf>, primary_key: impl Into<Arc<str>>) -> Self {
        Self { path: path.into(), primary_key: primary_key.into() }
    }

    /// The field that is the id.
    pub fn primary_key(&self) -> &str {
        &self.primary_key
    }

    /// Reads it from its beginning.
    pub fn documents(&self) -> Result<Documents, EvalError> {
        Ok(Documents {
            lines: Lines::open(&self.path)?,
            primary_key: Arc::clone(&self.primary_key),
            known: HashSet::new(),
        })
    }

    /// What a person knows documents by: the first of `fields` that has a text, or of all fields if none has.
    pub async fn labels(
        &self,
        mut wanted: HashSet<DocumentId>,
        fields: Vec<String>,
    ) -> Result<HashMap<DocumentId, String>, EvalError> {
        let mut documents = self.documents()?;
        let read = move || {
            let mut labels = HashMap::new();
            while !wanted.is_empty() {
                let Some(document) = documents.next().transpose()? else { break };
                if wanted.remove(&document.id) {
                    labels.extend(label(&document, &documents.primary_key, &fields).map(|text| (document.id, text)));
                }
            }
            Ok(labels)
        };
        spawn_blocking(read).await.map_err(|error| EvalError::unreadable(&self.path)(error.into()))?
    }
}

fn label(document: &VersionedDocument, primary_key: &str, fields: &[String]) -> Option<String> {
    let text = |value: &Value| value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let named = fields.iter().filter_map(|field| document.document.get(field)).find_map(text);
    let any = || document.document.iter().filter(|(name, _)| *name != primary_key).find_map(|(_, value)| text(value));
    named.or_else(any)
}

impl Documents {
    /// Up to so many documents, and the rest; none at the end. Reads where it holds up nobody.
    pub async fn batch(self, many: usize) -> Result<(Self, Vec<VersionedDocument>), EvalError> {
        let path = self.lines.path().to_owned();
        let mut documents = self;
        let read = move || {
            let batch = documents.by_ref().take(many).collect::<Result<Vec<_>, _>>()?;
            Ok((documents, batch))
        };
        spawn_blocking(read).await.map_err(|error| EvalError::unreadable(&path)(error.into()))?
    }

    fn parse(&mut self, line: &Line) -> Result<VersionedDocument, EvalError> {
        let wrong = |why: String| EvalError::line(self.lines.path(), line.number, why);
        // The messages of serde_json may quote a document.
        let value: Value = serde_json::from_str(&line.text)
            .map_err(|error| wrong(format!("it is no valid JSON from column {} on", error.column())))?;
        let Value::Object(document) = value else { return Err(wrong("it is no JSON object".to_owned())) };
        let id = self.id(&document).map_err(wrong)?;
        if !self.known.insert(id.clone()) {
            // Which of its lines would be its number?
            return Err(EvalError::line(self.lines.path(), line.number, "a document with this id was there before"));
        }
        let ordinal = i64::try_from(line.number - 1).unwrap_or(i64::MAX);
        Ok(VersionedDocument { id, version: VERSION, ordinal, document })
    }

    fn id(&self, document: &Document) -> Result<DocumentId, String> {
        let key = &self.primary_key;
        let value = document.get(&**key).ok_or_else(|| format!("it has no field `{key}`"))?;
        DocumentId::from_json(value).ok_or_else(|| format!("`{key}` is neither a text nor an integer"))
    }
}

impl Iterator for Documents {
    type Item = Result<VersionedDocument, EvalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.next()?;
        Some(line.and_then(|line| self.parse(&line)))
    }
}

impl std::fmt::Debug for Documents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path: &Path = self.lines.path();
        f.debug_struct("Documents").field("path", &path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::NamedTempFile;

    use super::*;

    fn file(text: &str) -> (NamedTempFile, Corpus) {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let corpus = Corpus::new(file.path(), "id");
        (file, corpus)
    }

    #[tokio::test]
    async fn the_line_is_the_number_and_batches_follow_each_other() {
        let (_file, corpus) = file("{\"id\":\"a\"}\n\n{\"id\":7,\"t\":\"x\"}\n{\"id\":\"c\"}\n");
        let (rest, first) = corpus.documents().unwrap().batch(2).await.unwrap();
        let numbered: Vec<_> = first.iter().map(|document| (document.id.as_str(), document.ordinal)).collect();
        assert_eq!(numbered, [("a", 0), ("7", 2)]);
        let (rest, second) = rest.batch(2).await.unwrap();
        assert_eq!((second.len(), second[0].ordinal), (1, 3));
        assert!(rest.batch(2).await.unwrap().1.is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_line_and_nothing_quoted() {
        for (line, told) in [
            ("{\"secret\"}", "it is no valid JSON from column 10 on"),
            ("[\"secret\"]", "it is no JSON object"),
            ("{\"secret\":1}", "it has no field `id`"),
            ("{\"id\":[\"secret\"]}", "`id` is neither a text nor an integer"),
            ("{\"id\":\"a\"}", "a document with this id was there before"),
        ] {
            let (file, corpus) = file(&format!("{{\"id\":\"a\"}}\n{line}\n"));
            let error = corpus.documents().unwrap().find_map(Result::err).unwrap().to_string();
            assert_eq!(error, format!("{}, line 2: {told}", file.path().display()));
        }
    }

    #[tokio::test]
    async fn labels_are_the_first_telling_field() {
        let (_file, corpus) =
            file("{\"id\":\"a\",\"x\":\"X\",\"t\":\"T\"}\n{\"id\":\"b\",\"t\":\" \",\"y\":\"Y\"}\n{\"id\":\"c\"}");
        let wanted = ["a", "b", "c", "gone"].map(DocumentId::from).into();
        let labels = corpus.labels(wanted, vec!["t".to_owned()]).await.unwrap();
        assert_eq!((labels.len(), &*labels[&"a".into()], &*labels[&"b".into()]), (2, "T", "Y"));
    }
}
