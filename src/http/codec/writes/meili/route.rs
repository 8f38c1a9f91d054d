//! Which of Meilisearch's document routes a request is for.

use http::Method;

use super::Kind;
use crate::http::codec::writes::path::segments;

/// A route that writes documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Write(Kind),
    DeleteOne(String),
    DeleteAll,
    DeleteBatch,
    DeleteByFilter,
    Edit,
}

impl Route {
    pub(super) fn reads_body(&self) -> bool {
        matches!(self, Self::Write(_) | Self::DeleteBatch | Self::DeleteByFilter)
    }
}

/// The route of a path that ends as Meilisearch's do: `/indexes/{uid}/documents…`. Like Meilisearch it takes percent-encoded
/// letters for the letters, and takes no notice of slashes too many: `DELETE …/documents/` deletes all.
pub(super) fn find(method: &Method, path: &str, index: &str) -> Option<Route> {
    // The common case first: nothing is copied for other routes.
    if !matches!(*method, Method::POST | Method::PUT | Method::DELETE) {
        return None;
    }
    let segments = segments(path);
    let start = segments.windows(3).position(|three| three[0] == "indexes" && three[2] == "documents")?;
    let (uid, rest) = (&segments[start + 1], &segments[start + 3..]);
    if *uid != index {
        return None;
    }
    match (method, rest) {
        (&Method::POST, []) => Some(Route::Write(Kind::Put)),
        (&Method::PUT, []) => Some(Route::Write(Kind::Merge)),
        (&Method::DELETE, []) => Some(Route::DeleteAll),
        (&Method::POST, [last]) => match &**last {
            "delete-batch" => Some(Route::DeleteBatch),
            "delete" => Some(Route::DeleteByFilter),
            "edit" => Some(Route::Edit),
            _ => None,
        },
        // Meilisearch has no such method on its other routes of this form.
        (&Method::DELETE, [id]) if !matches!(&**id, "delete-batch" | "delete" | "edit" | "fetch") => {
            Some(Route::DeleteOne(id.to_string()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Method, Route, find};

    #[test]
    fn routes_are_found_as_meilisearch_finds_them() {
        let put = Some(Route::Write(Kind::Put));
        let one = |id: &str| Some(Route::DeleteOne(id.to_owned()));
        for (method, path, expected) in [
            (Method::POST, "/indexes/posts/documents", put.clone()),
            (Method::POST, "/indexes/posts/documents/", put.clone()),
            (Method::POST, "//indexes/po%73ts//d%6Fcuments", put.clone()),
            (Method::POST, "/meili/indexes/posts/documents", put),
            (Method::PUT, "/indexes/posts/documents", Some(Route::Write(Kind::Merge))),
            (Method::DELETE, "/indexes/posts/documents", Some(Route::DeleteAll)),
            (Method::DELETE, "/indexes/posts/documents/", Some(Route::DeleteAll)),
            (Method::DELETE, "/indexes/posts/documents/p-1", one("p-1")),
            (Method::DELETE, "/indexes/posts/documents/a%2Fb", one("a/b")),
            (Method::DELETE, "/indexes/posts/documents/a+b%zz%", one("a+b%zz%")),
            (Method::DELETE, "/indexes/posts/documents/documents", one("documents")),
            (Method::POST, "/indexes/posts/documents/delete-batch", Some(Route::DeleteBatch)),
            (Method::POST, "/indexes/posts/documents/delete", Some(Route::DeleteByFilter)),
            (Method::POST, "/indexes/posts/documents/edit", Some(Route::Edit)),
            (Method::POST, "/indexes/posts/documents/fetch", None),
            (Method::DELETE, "/indexes/posts/documents/fetch", None),
            (Method::DELETE, "/indexes/posts/documents/a/b", None),
            (Method::POST, "/indexes/posts/documents/delete-all", None),
            (Method::PATCH, "/indexes/posts/documents", None),
            (Method::GET, "/indexes/posts/documents", None),
            (Method::POST, "/indexes/Posts/documents", None),
            (Method::POST, "/indexes/posts/search", None),
            (Method::DELETE, "/indexes/posts", None),
            (Method::POST, "/indexes/posts", None),
            (Method::POST, "/documents", None),
            (Method::POST, "/", None),
        ] {
            assert_eq!(find(&method, path, "posts"), expected, "{method} {path}");
        }
    }
}
