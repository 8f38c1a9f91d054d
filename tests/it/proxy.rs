//! A proxy before PostgreSQL whose connections can be cut off without a word, as a lost route does.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

/// Passes everything on until told otherwise.
pub(crate) struct Proxy {
    url: String,
    lines: Arc<Mutex<Vec<Arc<Line>>>>,
}

/// One connection.
#[derive(Default)]
struct Line {
    listens: AtomicBool,
    frozen: CancellationToken,
}

impl Proxy {
    pub(crate) async fn before(url: &str) -> Self {
        let port = url.parse::<PgConnectOptions>().unwrap().get_port();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap().port();
        let lines: Arc<Mutex<Vec<Arc<Line>>>> = Arc::default();
        let accepted = lines.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let line = Arc::new(Line::default());
                accepted.lock().unwrap().push(line.clone());
                tokio::spawn(async move {
                    let (client_reads, client_writes) = client.into_split();
                    let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    let (server_reads, server_writes) = server.into_split();
                    tokio::join!(line.pass(client_reads, server_writes), line.pass(server_reads, client_writes));
                });
            }
        });
        Self { url: url.replace(&format!(":{port}/"), &format!(":{here}/")), lines }
    }

    /// The database behind it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// From now on nothing passes on the connections there are; new ones work.
    pub(crate) fn freeze(&self) {
        self.lines.lock().unwrap().iter().for_each(|line| line.frozen.cancel());
    }

    /// The same for those that listen to notifications only; false when there is none.
    pub(crate) fn freeze_listeners(&self) -> bool {
        let lines = self.lines.lock().unwrap();
        let listening: Vec<_> = lines.iter().filter(|line| line.listens.load(Ordering::SeqCst)).collect();
        listening.iter().for_each(|line| line.frozen.cancel());
        !listening.is_empty()
    }
}

impl Line {
    async fn pass(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let pass = async {
            let mut buffer = vec![0; 65_536];
            while let Ok(length @ 1..) = from.read(&mut buffer).await {
                if buffer[..length].windows(6).any(|bytes| bytes == b"LISTEN") {
                    self.listens.store(true, Ordering::SeqCst);
                }
                if to.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            biased;
            // The connection stays open, and silent.
            () = self.frozen.cancelled() => std::future::pending().await,
            () = pass => {}
        }
    }
}
