//! Between what a service writes and what the write layer understands.

use std::future::{Future, Ready, ready};

use super::{CodecError, Typed};
use crate::{
    error::{BackendError, BoxError},
    write::{IndexWrite, TaskId, WriteOutcome},
};

/// Turns what a service speaks into [`IndexWrite`], and reads what became of it.
pub trait WriteCodec<Req, Res>: Clone + Send + Sync + 'static {
    /// Makes a request readable, see [`WriteCodec::prepare`].
    type Prepare: Future<Output = Req> + Send;
    /// Reads a response, see [`WriteCodec::observe`].
    type Observe: Future<Output = (Res, WriteOutcome)> + Send;

    /// Makes the request ready for [`decode`](Self::decode), for example by reading its body up to a limit. What comes back
    /// must be as good to the inner service as what went in.
    fn prepare(&self, request: Req) -> Self::Prepare;

    /// Reads what is written.
    fn decode(&self, request: &Req) -> Result<IndexWrite, CodecError>;

    /// Reads what became of it in the inner service, and gives back the response unchanged.
    fn observe(&self, response: Res) -> Self::Observe;

    /// The response that the wrapped service would have given for a write that now stands.
    fn written(&self, write: &IndexWrite) -> Res;
}

/// How a service says that a write was not taken.
pub trait RefuseWrite<Res, E> {
    /// The response, or the error, that the wrapped service would give.
    fn refuse_write(&self, failure: WriteError) -> Result<Res, E>;

    /// What an error of the wrapped service says about the write. Nothing, unless the service knows better.
    fn failed(&self, error: &E) -> WriteOutcome {
        let _ = error;
        WriteOutcome::Unknown
    }
}

/// Why a write was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// It could not be read, and the inner service might have taken it even so.
    #[error("the write cannot be read, and so cannot be carried to the other side")]
    Unreadable(CodecError),
    /// The journal did not take it. Nothing was written.
    #[error("the write was not taken, because it could not be recorded")]
    Unrecorded(#[source] BoxError),
    /// PostgreSQL, which decides, failed. Unless the kind says that it could not be reached, the write may come to stand.
    #[error("the write failed")]
    Failed(#[source] BackendError),
    /// Writes of the same documents that came before have not ended in time. Nothing was written.
    #[error("the write was not taken, because earlier writes of the same documents have not ended in time")]
    Busy,
}

/// What a typed service answers to a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The task that Meilisearch carries it out by, if the service knows.
    pub task: Option<TaskId>,
}

impl WriteCodec<IndexWrite, Written> for Typed {
    type Prepare = Ready<IndexWrite>;
    type Observe = Ready<(Written, WriteOutcome)>;

    fn prepare(&self, request: IndexWrite) -> Self::Prepare {
        ready(request)
    }

    fn decode(&self, request: &IndexWrite) -> Result<IndexWrite, CodecError> {
        Ok(request.clone())
    }

    fn observe(&self, response: Written) -> Self::Observe {
        ready((response, WriteOutcome::Accepted(response.task)))
    }

    fn written(&self, _write: &IndexWrite) -> Written {
        Written::default()
    }
}

impl<E: From<WriteError>> RefuseWrite<Written, E> for Typed {
    fn refuse_write(&self, failure: WriteError) -> Result<Written, E> {
        Err(failure.into())
    }
}
