//! Meilisearch's ranking, rule by rule: from a query and the lists of its words to ordered documents. Pure: no I/O, no clock, no chance.
//!
//! The rules are deterministic and know no statistics: no term frequency, no inverse document frequency, no length. What is described here was
//! read in Meilisearch's documentation and code, and checked on recordings of Meilisearch 1.50, all of which it reproduces.
//!
//! # From a query to its interpretations
//!
//! [`ParsedQuery`] is at most ten terms: words, and phrases in quotation marks; and what is excluded with a minus. The last word may be the
//! beginning of one, if nothing follows it. [`QueryGraph`] adds the concatenations of two and three neighbours (`sun flower` finds
//! `sunflower`), and for each node what stands for it ([`Deriver`]), by the number of typos between:
//!
//! - 0: the word itself, words that begin with it, synonyms;
//! - 1: words with one typo, and the word split in two that stand side by side (`sunflower` finds `sun flower`);
//! - 2: words with two.
//!
//! A document satisfies a node at a level when it holds any of those words in any searched attribute. An interpretation is a path of nodes
//! from the first term to the last, each at one level.
//!
//! # The rules
//!
//! Each rule sorts by a cost, least first, and keeps of each document only the interpretations of its least cost; the next rule looks at those.
//! Only what is equal by all rules goes by the internal number. Before typos are asked, a node counts by the words of all its levels, then by those of
//! its least. Once exactness has been asked, a node of which a document holds the very word counts by that one, by synonyms, and by the words of a
//! prebuilt prefix that is the same word, and by no others.
//!
//! - **words**: the rungs. How many terms have been dropped: from the end (`last`), the most frequent first (`frequency`), or none
//!   (`all`). With `frequency` a term that is dropped takes those with it that are more frequent and stand behind it; those before it may stay. A rung is
//!   looked at only while hits are missing.
//! - **typo**: the sum of the levels; two terms taken as one cost 2, three 3. From here on each interpretation is judged by the words of its levels.
//! - **proximity**: for each two neighbours 0 (the second right behind the first), 1 (two behind, or one before), 2 (three behind, or two
//!   before) or 3 (anything else: other attributes, other sentences); terms taken as one cost one less than they are. Behind
//!   dropped terms and ends of sentences nothing is asked. With `proximityPrecision: byAttribute` 0 in one attribute, else 3.
//! - **attributeRank**: for each term the place of the best attribute that holds it, in the order of `searchableAttributes`.
//! - **wordPosition**: for each term how far it stands from where it stands in the query, in steps from 0 to 10 that grow; positions from 16 on
//!   count as the next power of two.
//! - **exactness**: first whether an attribute is the query (1), begins with it (2) or neither (3), each term at its own position; then how
//!   many terms are not matched by the very word. Which terms must match is decided for all documents of a bucket: those of which the very word stands in
//!   an interpretation of any.
//! - **sort** criteria of the request and rules like `year:desc` stand where the settings have them; their values come from outside
//!   ([`Next::Values`]).
//!
//! # How it is computed
//!
//! [`Ranking::new`] takes the lists of all words ([`Fetched`]) and finds the candidates; [`Ranking::next_bucket`] refines the first bucket of
//! equal documents, rule by rule, until it is [`Equal`] by all of them.

mod bucket;
mod candidates;
mod cost;
mod derive;
mod distance;
mod fetched;
mod graph;
mod matched;
mod numbering;
mod order;
mod paths;
mod phrase;
mod postings;
mod query;
mod rules;
mod scope;
mod score;
mod sources;
mod stage;
mod vocabulary;
mod ways;

pub use bucket::{Equal, Next, Request};
pub use derive::{Deriver, Synonyms};
pub use fetched::{Fetched, LONGEST_FIELD};
pub use graph::{Form, Node, QueryGraph, What};
pub use matched::{Matched, MatchedPhrase, MatchedWords};
pub use order::Ranking;
pub use postings::{Places, Postings, encode, read, write};
pub use query::{ParsedQuery, Phrase, Term, TermKind};
pub use rules::{Rule, rules};
pub use scope::Scope;
pub use score::{RuleScore, Scorer, details, global};
pub use vocabulary::Vocabulary;
