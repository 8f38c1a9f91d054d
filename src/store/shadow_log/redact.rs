//! Keyed hashes in place of user ids and query text.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::shadow::{RequestAbsent, StoredRequest};

/// What of a reader is stored as a keyed hash.
///
/// A hash is the first 32 hex digits of HMAC-SHA256 over `user:` or `query:` and the text, so that equal users stay
/// equal in the log while nobody without the key can try names. The empty text (an anonymous reader) stays empty.
///
/// The default hashes users under a key drawn at random: nothing can be linked across restarts or replicas. To follow
/// one reader through the log of a fleet, give every replica the same key.
///
/// Requests are kept for [replays](crate::shadow::StoredRequest) as they were asked: with hashed queries none is, and with
/// hashed users none whose filter names the user who asks. Other ids in a filter are not known as such: a service whose
/// filters hold them turns [`ShadowLogOptions::requests`](super::ShadowLogOptions::requests) off.
#[derive(Clone)]
pub struct Redaction {
    users: Option<Hmac<Sha256>>,
    queries: bool,
}

/// A key that is too easy to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the redaction key has {0} bytes; give at least 16, drawn at random")]
pub struct RedactionKeyError(pub usize);

/// Bytes a key has at least.
const SHORTEST_KEY: usize = 16;
/// Bytes of a hash that are kept: 128 bits, so that a collision never happens in practice.
const KEPT: usize = 16;

impl Redaction {
    /// User ids are hashed under `key`, queries stored in plain.
    pub fn users(key: &[u8]) -> Result<Self, RedactionKeyError> {
        let too_short = RedactionKeyError(key.len());
        if key.len() < SHORTEST_KEY {
            return Err(too_short);
        }
        let mac = Hmac::new_from_slice(key).map_err(|_| too_short)?;
        Ok(Self { users: Some(mac), queries: false })
    }

    /// User ids and queries are hashed under `key`.
    pub fn users_and_queries(key: &[u8]) -> Result<Self, RedactionKeyError> {
        Ok(Self { queries: true, ..Self::users(key)? })
    }

    /// Everything is stored in plain.
    pub fn off() -> Self {
        Self { users: None, queries: false }
    }

    /// The user as stored.
    pub(super) fn user(&self, id: &str) -> String {
        self.users.as_ref().map_or_else(|| id.to_owned(), |mac| hash(mac, "user:", id))
    }

    /// The query as stored.
    pub(super) fn query(&self, text: String) -> String {
        match &self.users {
            Some(mac) if self.queries => hash(mac, "query:", &text),
            _ => text,
        }
    }

    /// The request as stored, or why it is not.
    pub(super) fn request(&self, request: StoredRequest) -> Result<StoredRequest, RequestAbsent> {
        match self.users {
            Some(_) if self.queries => Err(RequestAbsent::Redacted),
            Some(_) if request.names_reader() => Err(RequestAbsent::NamesReader),
            _ => Ok(request),
        }
    }
}

fn hash(keyed: &Hmac<Sha256>, domain: &str, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut mac = keyed.clone();
    mac.update(domain.as_bytes());
    mac.update(text.as_bytes());
    let digest = mac.finalize().into_bytes();
    digest.iter().take(KEPT).map(|byte| format!("{byte:02x}")).collect()
}

impl Default for Redaction {
    fn default() -> Self {
        Self { users: Some(Hmac::new(&rand::random::<[u8; 64]>().into())), queries: false }
    }
}

impl fmt::Debug for Redaction {
    /// Never shows the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction").field("users", &self.users.is_some()).field("queries", &self.queries).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"a key for this test";

    /// Expected values from `printf 'user:alice' | openssl dgst -sha256 -hmac 'a key for this test'`, and the like.
    #[test]
    fn hashes_are_truncated_hmac_sha256() {
        let users = Redaction::users(KEY).unwrap();
        assert_eq!(users.user("alice"), "c95e1cbbeee0ef709fd0146a06c624f6");
        assert_eq!(users.query("blade runner".to_owned()), "blade runner");
        let both = Redaction::users_and_queries(KEY).unwrap();
        assert_eq!(both.user("alice"), users.user("alice"));
        assert_eq!(both.query("blade runner".to_owned()), "47e76c24da534870821a830131bcbcf0");
        assert_eq!((both.user(""), both.query(String::new())), (String::new(), String::new()));
    }

    #[test]
    fn the_default_hashes_users_under_a_key_of_its_own() {
        let (one, other) = (Redaction::default(), Redaction::default());
        assert_eq!(one.user("alice"), one.user("alice"));
        assert_ne!(one.user("alice"), other.user("alice"));
        assert_eq!(Redaction::off().user("alice"), "alice");
    }

    #[test]
    fn short_keys_are_refused_and_no_key_is_shown() {
        assert_eq!(Redaction::users(b"short").unwrap_err(), RedactionKeyError(5));
        assert_eq!(format!("{:?}", Redaction::users(KEY).unwrap()), "Redaction { users: true, queries: false }");
    }
}
