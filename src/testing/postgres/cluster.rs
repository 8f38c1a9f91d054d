//! One cluster in a temporary directory, and the small shell that watches over it.

use std::{
    env,
    fs::Permissions,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::unistd::User;
use sqlx::{Connection, PgConnection};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{ChildStdin, ChildStdout, Command},
    time::{Instant, sleep},
};

use super::{TestPostgresError, binaries};

/// The server's parent. It obeys `start`, `stop` and `kill`, one a line, and answers each when it is done. When its
/// input ends, because the handle was dropped or because our process died in whatever way, it ends the server and
/// removes the directory. (PR_SET_PDEATHSIG would need unsafe code, and would not remove anything.)
const SUPERVISOR: &str = r#"
dir=$1; shift; pid=
halt() { if [ -n "$pid" ]; then kill -"$1" "$pid"; wait "$pid"; pid=; fi; }
while read -r order; do
  case $order in
    start) "$@" >>"$dir/log" 2>&1 </dev/null & pid=$! ;;
    stop) halt INT ;;
    kill) halt QUIT ;;
  esac
  echo "$order"
done
halt QUIT
cd / && rm -rf "$dir"
"#;

/// What nobody needs whose data is thrown away.
const HURRIED: [&str; 4] = ["-c", "fsync=off", "-c", "full_page_writes=off"];

/// How long a start may take, recovery after a crash included.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// A cluster of our own.
#[derive(Debug)]
pub(super) struct Cluster {
    directory: PathBuf,
    url: String,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

/// Who the server runs as, when we are root.
struct Unprivileged(Option<User>);

impl Cluster {
    /// Creates a cluster and starts its server. `durable`: commits wait for the disk.
    pub(super) async fn start(durable: bool) -> Result<Self, TestPostgresError> {
        let binaries = binaries::directory().await?;
        let user = Unprivileged::find()?;
        let directory = user.directory()?;
        user.initdb(&binaries, &directory).await?;
        let port = free_port()?;
        let mut supervisor = user
            .command(Path::new("/bin/sh"), &directory)
            .args(["-c", SUPERVISOR, "crossfade-postgres"])
            .arg(&directory)
            .arg(binaries.join("postgres"))
            .args(["-D", "data", "-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c"])
            .arg(format!("unix_socket_directories={}", directory.display()))
            .args(["-c", "max_connections=200"])
            .args(if durable { &[][..] } else { &HURRIED })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for the tests; the server ends when they have.
            .process_group(0)
            .spawn()
            .map_err(TestPostgresError::io("starting /bin/sh"))?;
        let (Some(orders), Some(answers)) = (supervisor.stdin.take(), supervisor.stdout.take()) else {
            return Err(TestPostgresError::Command { doing: "starting /bin/sh", output: "no pipes".to_owned() });
        };
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let mut cluster = Self { directory, url, orders, answers: BufReader::new(answers).lines() };
        cluster.launch().await?;
        Ok(cluster)
    }

    /// The URL of the superuser's database.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Starts the server and waits until it takes connections.
    pub(super) async fn launch(&mut self) -> Result<(), TestPostgresError> {
        self.order("start").await?;
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            match self.data_directory().await {
                Ok(found) if found == self.directory.join("data") => return Ok(()),
                Ok(_) => return Err(self.failed("another server took the port").await),
                Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(5)).await,
                Err(error) => return Err(self.failed(&error.to_string()).await),
            }
        }
    }

    /// Asks the server under our URL whose it is.
    async fn data_directory(&self) -> Result<PathBuf, sqlx::Error> {
        let mut connection = PgConnection::connect(&self.url).await?;
        let directory: String = sqlx::query_scalar("SHOW data_directory").fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(directory.into())
    }

    async fn failed(&self, why: &str) -> TestPostgresError {
        let log = tokio::fs::read_to_string(self.directory.join("log")).await.unwrap_or_default();
        TestPostgresError::Command { doing: "starting postgres", output: format!("{why}; its log: {log}") }
    }

    pub(super) async fn stop(&mut self) -> Result<(), TestPostgresError> {
        self.order("stop").await
    }

    pub(super) async fn kill(&mut self) -> Result<(), TestPostgresError> {
        self.order("kill").await
    }

    async fn order(&mut self, order: &'static str) -> Result<(), TestPostgresError> {
        self.orders
            .write_all(format!("{order}\n").as_bytes())
            .await
            .map_err(TestPostgresError::io("giving an order"))?;
        self.answers.next_line().await.map_err(TestPostgresError::io("waiting for the order to be done"))?;
        Ok(())
    }
}

impl Unprivileged {
    fn find() -> Result<Self, TestPostgresError> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(Self(None));
        }
        let user = ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
        user.map(|user| Self(Some(user))).ok_or(TestPostgresError::NoUnprivilegedUser)
    }

    /// A new directory of this user. The supervisor removes it.
    fn directory(&self) -> Result<PathBuf, TestPostgresError> {
        let directory = tempfile::Builder::new()
            .prefix("crossfade-pg-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(env::temp_dir())
            .map_err(TestPostgresError::io("making a temporary directory"))?;
        if let Some(user) = &self.0 {
            chown(directory.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                .map_err(TestPostgresError::io("giving the temporary directory away"))?;
        }
        Ok(directory.keep())
    }

    async fn initdb(&self, binaries: &Path, directory: &Path) -> Result<(), TestPostgresError> {
        let output = self
            .command(&binaries.join("initdb"), directory)
            .args(["-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
            .output()
            .await
            .map_err(TestPostgresError::io("running initdb"))?;
        if output.status.success() {
            return Ok(());
        }
        let output = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(TestPostgresError::Command { doing: "initdb", output })
    }

    fn command(&self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        // PGDATA, PGPORT and the like of the caller's shell are not meant for this cluster.
        command.current_dir(directory).env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
        command.env("LC_ALL", "C.UTF-8");
        if let Some(user) = &self.0 {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }
}

/// A free port below the range that outgoing connections take theirs from, so that it is still free after a restart.
fn free_port() -> Result<u16, TestPostgresError> {
    let mut refusal = None;
    for _ in 0..50 {
        let port = rand::random_range(15_000..32_000);
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            Err(error) => refusal = Some(error),
        }
    }
    Err(TestPostgresError::Io {
        doing: "finding a free port",
        source: refusal.unwrap_or_else(std::io::Error::last_os_error),
    })
}
