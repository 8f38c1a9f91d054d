//! The hits of a page, as they are shown.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{
    Search,
    distinct::{Values, values_of},
    pick::{Picked, Scores},
    sql,
};
use crate::{
    backend::postgres::{
        derive::storable,
        error::{failed, internal},
    },
    document::Document,
    error::BackendError,
    highlight::Formatter,
    ranking::{Matched, RuleScore, details, global},
    search::{Extras, Hit, HitExtras},
    sort::{Direction, SortCriterion},
};

/// By criterion, the values that documents were sorted by.
type Sorted = HashMap<String, HashMap<i64, Value>>;

impl Search<'_> {
    pub(super) async fn hits(
        &self,
        snapshot: &mut PgConnection,
        picked: &Picked,
        matched: &Matched,
    ) -> Result<Vec<Hit>, BackendError> {
        let ordinals: Vec<i64> = picked.hits.iter().map(|(ordinal, _)| *ordinal).collect();
        let mut rows = self.bodies(snapshot, &ordinals).await?;
        let extras = self.extras().filter(|extras| extras.shows());
        let sorted = match extras.filter(|extras| extras.show_score_details) {
            Some(_) => self.sorted(snapshot, picked, &ordinals).await?,
            None => Sorted::new(),
        };
        // Where words are shown, stop words are words like others, as in Meilisearch.
        let tokenizer = extras.map(|_| self.state.tokenizer.without_stop_words());
        let formatter = extras.zip(tokenizer.as_ref()).map(|(extras, tokenizer)| Formatter {
            matched,
            tokenizer,
            settings: &self.state.settings,
            formatting: &extras.formatting,
            retrieve: self.query.retrieve.as_deref(),
            places: extras.show_matches,
        });
        let mut hits = Vec::with_capacity(ordinals.len());
        for (ordinal, scores) in &picked.hits {
            let Some((id, body)) = rows.remove(ordinal) else { continue };
            let document: Document =
                serde_json::from_str(&body).map_err(|error| internal("reading a stored document").caused_by(error))?;
            let extras = extras.zip(formatter.as_ref()).map(|(extras, formatter)| {
                let formatted = formatter.format(&document);
                let value = |criterion: &str| sorted.get(criterion).and_then(|values| values.get(ordinal)).cloned();
                let mut shown = self.scores(extras, scores, |criterion| value(criterion).unwrap_or_default());
                (shown.formatted, shown.matches) = (formatted.document, formatted.matches);
                Box::new(shown)
            });
            let document = self.state.settings.show(document, self.query.retrieve.as_deref());
            hits.push(Hit { extras, ..Hit::new(id, document) });
        }
        Ok(hits)
    }

    fn scores(&self, extras: &Extras, scores: &Scores, value: impl FnMut(&str) -> Value) -> HitExtras {
        let scores = scores.as_deref().unwrap_or_default();
        let unified = self.state.settings.ranking_rules.iter().any(|rule| rule == "attribute");
        HitExtras {
            score: extras.show_score.then(|| global(scores)),
            score_details: extras.show_score_details.then(|| details(scores, unified, value)),
            ..HitExtras::default()
        }
    }

    /// The values that the hits were sorted by.
    async fn sorted(
        &self,
        snapshot: &mut PgConnection,
        picked: &Picked,
        ordinals: &[i64],
    ) -> Result<Sorted, BackendError> {
        let mut sorted = Sorted::new();
        let scores = picked.hits.iter().find_map(|(_, scores)| scores.as_deref()).unwrap_or_default();
        for score in scores {
            let RuleScore::Values(name) = score else { continue };
            let Ok(criterion) = name.parse::<SortCriterion>() else { continue };
            let values = values_of(snapshot, self.uid, &storable(&criterion.attribute), ordinals).await?;
            let values = values.into_iter().map(|(ordinal, values)| (ordinal, decisive(&values, criterion.direction)));
            sorted.insert(name.clone(), values.collect());
        }
        Ok(sorted)
    }

    /// The ids and bodies of documents.
    pub(super) async fn bodies(
        &self,
        snapshot: &mut PgConnection,
        ordinals: &[i64],
    ) -> Result<HashMap<i64, (String, String)>, BackendError> {
        if ordinals.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<(i64, String, String)> = sqlx::query_as(sql::BODIES)
            .bind(self.uid)
            .bind(ordinals)
            .fetch_all(snapshot)
            .await
            .map_err(failed("reading the hits"))?;
        Ok(rows.into_iter().map(|(ordinal, id, body)| (ordinal, (id, body))).collect())
    }
}

/// The one value that counts: they are in ascending order, and numbers come before texts.
fn decisive(Values { numbers, texts }: &Values, direction: Direction) -> Value {
    let (number, text) = match direction {
        Direction::Ascending => (numbers.first(), texts.first()),
        Direction::Descending => (numbers.last(), texts.last()),
    };
    match (number, text) {
        (Some(number), _) => json!(number),
        (None, Some(text)) => json!(text),
        (None, None) => Value::Null,
    }
}
