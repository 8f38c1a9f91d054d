//! Bodies that are looked at while they go by, without delaying or changing them.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes};
use http::Request;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use pin_project_lite::pin_project;

use crate::codec::{CodecError, Observed, Observer};

/// A request body that was read in advance. Stands in the request's extensions; the request still has its body.
#[derive(Clone, Debug)]
pub enum CapturedBody {
    /// All of it.
    Whole(Bytes),
    /// It is over the limit: the inner service gets it as it comes.
    TooLarge,
    /// The connection broke: the inner service gets what had come, then the error.
    Broken,
}

/// Reads a body up to `limit` bytes and puts it back, see [`read`]. What was read stands in the request's extensions.
pub(super) async fn capture(request: Request<Body>, limit: usize) -> Request<Body> {
    let (mut parts, body) = request.into_parts();
    let (captured, body) = read(body, limit).await;
    parts.extensions.insert(captured);
    Request::from_parts(parts, body)
}

/// Reads a body up to `limit` bytes. Over the limit, or when the connection breaks, whoever gets the body that comes back
/// sees exactly what it would have seen without: the same bytes, then the rest of the stream, or the same error.
pub(super) async fn read(mut body: Body, limit: usize) -> (CapturedBody, Body) {
    if body.size_hint().lower() > limit as u64 {
        return (CapturedBody::TooLarge, body);
    }
    let mut read: Vec<Frame<Bytes>> = Vec::new();
    let mut size = 0;
    let ended = loop {
        match body.frame().await {
            None => break None,
            Some(Err(error)) => break Some(Err(error)),
            Some(Ok(frame)) => {
                size += frame.data_ref().map_or(0, Bytes::len);
                read.push(frame);
                if size > limit {
                    break Some(Ok(()));
                }
            }
        }
    };
    let captured = match ended {
        None => CapturedBody::Whole(join(read.iter().filter_map(Frame::data_ref).cloned().collect())),
        Some(Ok(())) => CapturedBody::TooLarge,
        Some(Err(_)) => CapturedBody::Broken,
    };
    let body = match (&captured, ended) {
        // The common case, and one frame as before: the handler reads it without copying.
        (CapturedBody::Whole(bytes), _) if read.iter().all(Frame::is_data) => Body::from(bytes.clone()),
        (_, ended) => {
            let error = ended.and_then(Result::err);
            Body::new(Replayed { read: read.into(), error, rest: body })
        }
    };
    (captured, body)
}

/// Makes one piece of several; one alone is not copied.
pub(super) fn join(mut pieces: Vec<Bytes>) -> Bytes {
    match pieces.len() {
        0 | 1 => pieces.pop().unwrap_or_default(),
        _ => pieces.concat().into(),
    }
}

pin_project! {
    /// Frames that were read, then an error that was met, or what follows.
    struct Replayed {
        read: std::collections::VecDeque<Frame<Bytes>>,
        error: Option<axum::Error>,
        #[pin]
        rest: Body,
    }
}

impl http_body::Body for Replayed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.project();
        if let Some(frame) = this.read.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if let Some(error) = this.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        this.rest.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.error.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read: u64 = self.read.iter().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + read);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + read);
        }
        hint
    }
}

pin_project! {
    /// A response body that passes unchanged, while its pieces (reference counts, not copies) are kept up to a limit. At
    /// its end they are reported; if the client goes away before, that is.
    pub(super) struct Tee {
        #[pin]
        inner: Body,
        watch: Watch,
    }

    impl PinnedDrop for Tee {
        fn drop(this: Pin<&mut Self>) {
            // hyper does not poll a body again once it says that it has ended.
            let this = this.project();
            if this.inner.is_end_stream() || this.watch.missing == Some(0) {
                this.watch.finish();
            }
        }
    }
}

struct Watch {
    observer: Option<Observer<Vec<Bytes>>>,
    pieces: Vec<Bytes>,
    room: usize,
    /// What is still to come of an announced length.
    missing: Option<u64>,
}

impl Tee {
    /// Watches `inner`, keeping at most `limit` bytes of it. `announced` is the length in the response's header, after
    /// which hyper polls no further.
    pub(super) fn new(inner: Body, announced: Option<u64>, limit: usize, observer: Observer<Vec<Bytes>>) -> Self {
        let watch = Watch { observer: Some(observer), pieces: Vec::new(), room: limit, missing: announced };
        Self { inner, watch }
    }
}

impl Watch {
    fn keep(&mut self, piece: &Bytes) {
        if self.observer.is_none() {
            return;
        }
        let Some(room) = self.room.checked_sub(piece.len()) else {
            return self.report(Observed::Unreadable(CodecError::TooLarge));
        };
        self.room = room;
        self.pieces.push(piece.clone());
        if let Some(missing) = &mut self.missing {
            *missing = missing.saturating_sub(piece.len() as u64);
            if *missing == 0 {
                self.finish();
            }
        }
    }

    fn finish(&mut self) {
        let pieces = std::mem::take(&mut self.pieces);
        self.report(Observed::Answered(pieces));
    }

    fn report(&mut self, observed: Observed<Vec<Bytes>>) {
        self.pieces = Vec::new();
        if let Some(observer) = self.observer.take() {
            observer.report(observed);
        }
    }
}

impl http_body::Body for Tee {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => match frame.data_ref() {
                Some(data) => this.watch.keep(data),
                // Trailers are the end.
                None => this.watch.finish(),
            },
            Some(Err(_)) => this.watch.report(Observed::Failed),
            None => this.watch.finish(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
