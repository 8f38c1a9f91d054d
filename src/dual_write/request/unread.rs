//! Writes that could not be read.

use tower::{Service, ServiceExt};

use super::Request;
use crate::{
    codec::{CodecError, RefuseWrite, WriteCodec, WriteError},
    error::Side,
    plan::WriteMode,
    telemetry,
    write::WriteOutcome,
};

impl<C> Request<C> {
    /// What makes no sense goes to the source, which refuses it in its own words; what only cannot be read here might be
    /// taken there, and would then be missing on the other side.
    pub(super) async fn unread<S, Req>(self, error: CodecError, request: Req, inner: S) -> Result<S::Response, S::Error>
    where
        S: Service<Req>,
        C: WriteCodec<Req, S::Response> + RefuseWrite<S::Response, S::Error>,
    {
        let reason = match &error {
            CodecError::NotOurs => return inner.oneshot(request).await,
            CodecError::Malformed(_) => "malformed",
            CodecError::TooLarge => "too_large",
            CodecError::Broken => "broken",
            CodecError::Unsupported(_) => "unsupported",
            CodecError::Forbidden => "forbidden",
        };
        let source_decides = self.plan.authority() == Side::Meili;
        let braked = self.plan.flags.write_mode == WriteMode::MeiliOnly;
        if !source_decides || !(braked || matches!(error, CodecError::Malformed(_))) {
            return self.refuse(reason, WriteError::Unreadable(error));
        }
        let (response, outcome) = self.codec.observe(inner.oneshot(request).await?).await;
        let taken = matches!(outcome, WriteOutcome::Accepted(_));
        telemetry::dual_write_unreadable(reason, taken);
        if taken && !braked {
            // As a task, perhaps, that will fail; only Meilisearch knows.
            tracing::debug!(%error, "meili took a write that could not be read");
        }
        Ok(response)
    }
}
