//! What filters and sort criteria mean, as one table that PostgreSQL and Meilisearch are both held to. The expectations
//! come from Meilisearch's documentation and agree with a 1.50 server (`MEILI_URL` asks it again).

use crossfade::{
    backend::{SearchBackend, meili::MeiliOptions},
    search::{Page, SearchQuery},
    testing::meili::Meili,
};
use serde_json::{Value, json};

use super::{Ground, expression, ids};

fn documents() -> Vec<Value> {
    vec![
        json!({"id": 1, "s": "alpha", "n": 5, "o": {"k": "x"}}),
        json!({"id": 2, "s": "Beta", "n": "5", "o": {"k": ["x", "y"]}}),
        json!({"id": 3, "s": ["alpha", "gamma"], "n": [1, 10], "o": [{"k": "z"}]}),
        json!({"id": 4, "s": null, "n": null}),
        json!({"id": 5, "s": "", "n": [], "o": {}}),
        json!({"id": 6}),
        json!({"id": 7, "s": "Été", "n": "zeta"}),
        json!({"id": 8, "s": true, "n": -0.5, "o": {"k": null}}),
        json!({"id": 9, "s": [null, "", []], "n": [5, "a"]}),
        json!({"id": 10, "s": " beta ", "n": 5.0}),
        json!({"id": 11, "s": "100", "n": 100}),
    ]
}

const ALL: &[u64] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

const FILTERS: &[(&str, &[u64])] = &[
    // Case and white space around do not count, marks do.
    ("s = ALPHA", &[1, 3]),
    ("s = beta", &[2, 10]),
    ("s = ' BETA '", &[2, 10]),
    ("s = 'été'", &[7]),
    ("s = ete", &[]),
    ("s = true", &[8]),
    // What is not there is not equal; one equal element makes an array equal.
    ("s != alpha", &[2, 4, 5, 6, 7, 8, 9, 10, 11]),
    ("NOT s = alpha", &[2, 4, 5, 6, 7, 8, 9, 10, 11]),
    ("NOT NOT s = alpha", &[1, 3]),
    ("o.k != x", &[3, 4, 5, 6, 7, 8, 9, 10, 11]),
    // An empty text and null are no values.
    ("s = ''", &[]),
    ("s != ''", ALL),
    ("s = null", &[]),
    // A number is compared as text with texts.
    ("n = 5", &[1, 2, 9, 10]),
    ("n = '5.0'", &[1, 9, 10]),
    ("n = 1e1", &[3]),
    ("s = '100.0'", &[]),
    ("n != 5", &[3, 4, 5, 6, 7, 8, 11]),
    ("n = nan", &[]),
    ("n IN [5, zeta]", &[1, 2, 7, 9, 10]),
    ("n NOT IN [5, zeta]", &[3, 4, 5, 6, 8, 11]),
    ("s IN [ALPHA, beta]", &[1, 2, 3, 10]),
    ("s IN []", &[]),
    ("s NOT IN []", ALL),
    // Numbers by size, texts by code point; texts are greater than what looks like a smaller number.
    ("n > 5", &[3, 7, 9, 11]),
    ("n >= 5", &[1, 2, 3, 7, 9, 10, 11]),
    ("n < 5", &[3, 8]),
    ("n <= 5", &[1, 2, 3, 8, 9, 10]),
    ("n < 0", &[8]),
    ("n > -1", &[1, 2, 3, 7, 8, 9, 10, 11]),
    ("n > inf", &[7]),
    ("n >= a", &[7, 9]),
    ("NOT n > 5", &[1, 2, 4, 5, 6, 8, 10]),
    ("s > alpha", &[2, 3, 7, 8, 10]),
    ("s >= alpha", &[1, 2, 3, 7, 8, 10]),
    ("s < beta", &[1, 3, 11]),
    ("s <= BETA", &[1, 2, 3, 10, 11]),
    ("s > ''", &[1, 2, 3, 7, 8, 10, 11]),
    // Both ends are in, and one element must lie between them.
    ("n 1 TO 5", &[1, 2, 3, 9, 10]),
    ("n 2 TO 9", &[1, 2, 9, 10]),
    ("n 5 TO 1", &[]),
    ("n -1 TO 1", &[3, 8]),
    ("n 1 TO a", &[2, 9]),
    ("n a TO zz", &[7, 9]),
    ("s alpha TO beta", &[1, 2, 3, 10]),
    // There, null and empty; inside an array neither null nor empty counts.
    ("s EXISTS", &[1, 2, 3, 4, 5, 7, 8, 9, 10, 11]),
    ("s NOT EXISTS", &[6]),
    ("s IS NULL", &[4]),
    ("s IS NOT NULL", &[1, 2, 3, 5, 6, 7, 8, 9, 10, 11]),
    ("s IS EMPTY", &[5]),
    ("s IS NOT EMPTY", &[1, 2, 3, 4, 6, 7, 8, 9, 10, 11]),
    ("n IS EMPTY", &[5]),
    // Nested fields, through arrays too.
    ("o EXISTS", &[1, 2, 3, 5, 8]),
    ("o = x", &[]),
    ("o IS EMPTY", &[5]),
    ("o.k EXISTS", &[1, 2, 3, 8]),
    ("o.k NOT EXISTS", &[4, 5, 6, 7, 9, 10, 11]),
    ("o.k IS NULL", &[8]),
    ("o.k = x", &[1, 2]),
    ("o.k = z", &[3]),
    // `AND` before `OR`.
    ("s = alpha AND n = 5", &[1]),
    ("s = alpha OR n = 5 AND s = beta", &[1, 2, 3, 10]),
    ("(s = alpha OR n = 5) AND s = beta", &[2, 10]),
    ("NOT (s = alpha OR s = beta)", &[4, 5, 6, 7, 8, 9, 11]),
];

/// Numbers, then texts, then nothing, in both directions; an array by its least or its greatest.
const SORTS: &[(&str, &[u64])] = &[
    ("s:asc", &[11, 1, 3, 2, 10, 7, 8, 4, 5, 6, 9]),
    ("s:desc", &[8, 3, 7, 2, 10, 1, 11, 4, 5, 6, 9]),
    ("n:asc", &[8, 3, 1, 9, 10, 11, 2, 7, 4, 5, 6]),
    ("n:desc", &[11, 3, 1, 9, 10, 8, 7, 2, 4, 5, 6]),
    ("o.k:desc", &[3, 2, 1, 4, 5, 6, 7, 8, 9, 10, 11]),
    ("o:desc", ALL),
];

#[tokio::test]
async fn both_sides_mean_what_the_tables_say() {
    let settings = json!({"filterableAttributes": ["s", "n", "o"], "sortableAttributes": ["s", "n", "o"]});
    let ground = Ground::new().await;
    let target = ground.index(settings.clone(), &documents()).await;
    let meili = Meili::start().await.unwrap();
    let uid = meili.index("oracle", &settings, &documents()).await.unwrap();
    let source = MeiliOptions::new(meili.url(), Some(meili.key())).unwrap().index(uid);
    for side in [&source as &dyn SearchBackend, &target] {
        let page = Page::Window { offset: 0, limit: 100 };
        let mut wrong = Vec::new();
        for (filter, expected) in FILTERS {
            let query = SearchQuery { filter: expression(filter), page, ..SearchQuery::default() };
            let hits = side.search(&query).await.unwrap();
            wrong.extend((ids(&hits) != texts(expected)).then(|| format!("{filter}: {:?}", ids(&hits))));
        }
        for (sort, expected) in SORTS {
            let query = SearchQuery { sort: vec![(*sort).to_owned()], page, ..SearchQuery::default() };
            let hits = side.search(&query).await.unwrap();
            wrong.extend((ids(&hits) != texts(expected)).then(|| format!("{sort}: {:?}", ids(&hits))));
        }
        assert!(wrong.is_empty(), "{}: {wrong:#?}", side.side());
    }
    meili.close().await.unwrap();
}

fn texts(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}
