//! Packed bodies.

use std::{borrow::Cow, io::Read};

use flate2::bufread::{GzDecoder, ZlibDecoder};
use http::{HeaderMap, header::CONTENT_ENCODING};

use super::known::shown;
use crate::codec::CodecError;

/// A body as it is once unpacked, of `limit` bytes at most.
///
/// What cannot be unpacked is not said to be malformed: how much of a broken stream another unpacker takes is its affair.
pub(super) fn body<'a>(headers: &HeaderMap, body: &'a [u8], limit: usize) -> Result<Cow<'a, [u8]>, CodecError> {
    let unsupported = |what: &str| CodecError::Unsupported(format!("a body with the encoding `{}`", shown(what)));
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    let Some(encoding) = encodings.next() else { return Ok(Cow::Borrowed(body)) };
    let encoding = encoding.to_str().map_err(|_| unsupported("?"))?.trim().to_ascii_lowercase();
    if encodings.next().is_some() {
        return Err(CodecError::Unsupported("a body with several encodings".into()));
    }
    let (unpacked, rest) = match &*encoding {
        "identity" => return Ok(Cow::Borrowed(body)),
        "gzip" => unpack(GzDecoder::new(body), limit, GzDecoder::into_inner),
        "deflate" => unpack(ZlibDecoder::new(body), limit, ZlibDecoder::into_inner),
        other => return Err(unsupported(other)),
    }?;
    if rest.is_empty() {
        Ok(Cow::Owned(unpacked))
    } else {
        Err(CodecError::Unsupported("a packed body with more after it".into()))
    }
}

fn unpack<'a, D: Read>(
    mut decoder: D,
    limit: usize,
    rest: fn(D) -> &'a [u8],
) -> Result<(Vec<u8>, &'a [u8]), CodecError> {
    let mut unpacked = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = decoder.by_ref().take(most).read_to_end(&mut unpacked);
    if unpacked.len() > limit {
        return Err(CodecError::TooLarge);
    }
    match read {
        Ok(_) => Ok((unpacked, rest(decoder))),
        Err(_) => Err(CodecError::Unsupported("a packed body that cannot be unpacked".into())),
    }
}
