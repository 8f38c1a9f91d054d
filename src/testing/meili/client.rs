//! A small HTTP client that shows exactly what was answered.

use std::io;

use axum::body::Bytes;
use http::{
    Method, Request,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Speaks plain HTTP to one Meilisearch, with a connection for each request.
#[derive(Clone, Debug)]
pub struct Client {
    authority: String,
    key: String,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Path and query, from the first slash.
    pub path: String,
    /// The content type of the body, if it says one.
    pub content_type: Option<String>,
    /// The body, as it is sent.
    pub body: Vec<u8>,
    /// The key shown; `None` shows none.
    pub key: Option<String>,
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The content type, if it said one.
    pub content_type: Option<String>,
    /// The body as text.
    pub body: String,
}

impl Client {
    /// Speaks to `url` (`http://host:port`) with a key. Other schemes are refused.
    pub fn new(url: &str, key: &str) -> io::Result<Self> {
        let authority = url.trim_end_matches('/').strip_prefix("http://").filter(|rest| !rest.contains('/'));
        let authority =
            authority.ok_or_else(|| io::Error::other(format!("`{url}` is not of the form http://host:port")))?;
        Ok(Self { authority: authority.to_owned(), key: key.to_owned() })
    }

    /// A call with the client's own key and, if there is one, a JSON body.
    pub fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Call {
        Call {
            method,
            path: path.to_owned(),
            content_type: body.map(|_| "application/json".to_owned()),
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
            key: Some(self.key.clone()),
        }
    }

    /// Sends a call and reads the whole answer.
    pub async fn send(&self, call: Call) -> io::Result<Reply> {
        let mut request = Request::builder().method(call.method).uri(&call.path).header(HOST, &self.authority);
        if let Some(content_type) = &call.content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        if let Some(key) = &call.key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let request = request.body(Full::new(Bytes::from(call.body))).map_err(io::Error::other)?;
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status().as_u16();
            let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let content_type = content_type.map(str::to_owned);
            let body = response.into_body().collect().await?.to_bytes();
            Ok::<_, hyper::Error>(Reply { status, content_type, body: String::from_utf8_lossy(&body).into_owned() })
        };
        tokio::pin!(connection);
        tokio::pin!(exchange);
        // The connection has to be driven until the answer is complete; its own end may come first.
        let reply = tokio::select! {
            reply = &mut exchange => reply,
            _ = &mut connection => exchange.await,
        };
        reply.map_err(io::Error::other)
    }
}

impl Reply {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}
