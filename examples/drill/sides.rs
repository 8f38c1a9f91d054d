//! What each side holds, read without the service.

use crossfade::{backend::meili::DocumentsPage, document::Document, store::DEFAULT_SCHEMA};
use http::Method;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::{
    proof::Documents,
    walk::Result,
    world::{PAGE, World},
};

impl World {
    /// All documents of Meilisearch.
    pub async fn in_meili(&self) -> Result<Documents> {
        let source = self.source()?;
        let (mut documents, mut offset) = (Documents::new(), 0);
        loop {
            let DocumentsPage { documents: page, .. } = source.documents_in_order(offset, PAGE).await?;
            if page.is_empty() {
                return Ok(documents);
            }
            documents.extend(page.into_iter().map(|(id, document)| (id.to_string(), document)));
            offset += PAGE;
        }
    }

    /// Some of them, by id.
    pub async fn posts_in_meili(&self, ids: impl Iterator<Item = &String>) -> Result<Documents> {
        let ids: Vec<&String> = ids.collect();
        let path = format!("/indexes/{}/documents/fetch", self.index);
        let client = self.meili.client();
        let body = json!({ "ids": ids, "limit": ids.len() });
        let mut found = client.send(client.call(Method::POST, &path, Some(&body))).await?.json();
        let found: Vec<Document> = serde_json::from_value(found["results"].take())?;
        let with_id = |document: Document| Some((document.get("id")?.as_str()?.to_owned(), document));
        Ok(found.into_iter().filter_map(with_id).collect())
    }

    /// All documents of PostgreSQL.
    pub async fn in_pg(&self) -> Result<Documents> {
        let mut connection = PgConnection::connect(self.database.url()).await?;
        // The schema is a constant.
        let sql = AssertSqlSafe(format!(
            "SELECT id, body::text FROM {DEFAULT_SCHEMA}.search_documents WHERE index_uid = $1 AND NOT deleted"
        ));
        let rows: Vec<(String, String)> = sqlx::query_as(sql).bind(&self.index).fetch_all(&mut connection).await?;
        connection.close().await?;
        rows.into_iter().map(|(id, body)| Ok((id, serde_json::from_str(&body)?))).collect()
    }
}
