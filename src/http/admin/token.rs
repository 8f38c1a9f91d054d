use std::{fmt, sync::Arc};

use http::{HeaderMap, header::AUTHORIZATION};
use subtle::ConstantTimeEq;

/// What opens the admin routes. Shown nowhere, not even by `Debug`.
#[derive(Clone)]
pub struct AdminToken(Arc<[u8]>);

/// A token that cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminTokenError {
    /// It could be guessed.
    #[error("an admin token needs at least {least} characters; `openssl rand -hex 32` makes one", least = AdminToken::LEAST)]
    TooShort,
    /// It could not be sent in a header.
    #[error("an admin token may hold visible ASCII characters only, and no space")]
    NotVisible,
}

impl AdminToken {
    /// The fewest characters it may have.
    pub const LEAST: usize = 16;

    /// A token of at least [`LEAST`](Self::LEAST) visible ASCII characters.
    pub fn new(token: &str) -> Result<Self, AdminTokenError> {
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AdminTokenError::NotVisible);
        }
        if token.len() < Self::LEAST {
            return Err(AdminTokenError::TooShort);
        }
        Ok(Self(token.as_bytes().into()))
    }

    /// Whether a request brings it. How long that takes tells nothing but the length.
    pub(super) fn opens(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().split_at_checked("Bearer ".len()));
        given.is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case(b"Bearer ") && self.0.ct_eq(token).into())
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_for_itself_only_and_shows_itself_nowhere() {
        let token = AdminToken::new("0123456789abcdef").unwrap();
        let opens = |value: &str| token.opens(&[(AUTHORIZATION, value.parse().unwrap())].into_iter().collect());
        assert!(opens("Bearer 0123456789abcdef"));
        assert!(opens("bearer 0123456789abcdef"));
        for other in ["Bearer 0123456789abcdeg", "Bearer 0123456789abcdef0", "Bearer ", "0123456789abcdef", "Basic x"] {
            assert!(!opens(other), "{other}");
        }
        assert!(!token.opens(&HeaderMap::new()));
        assert_eq!(format!("{token:?}"), "AdminToken");
    }

    #[test]
    fn what_could_be_guessed_or_not_be_sent_is_no_token() {
        assert_eq!(AdminToken::new("").unwrap_err(), AdminTokenError::TooShort);
        assert_eq!(AdminToken::new("0123456789abcde").unwrap_err(), AdminTokenError::TooShort);
        assert_eq!(AdminToken::new("0123456789abcdef\n").unwrap_err(), AdminTokenError::NotVisible);
    }
}
