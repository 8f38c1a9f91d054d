//! The process that copies, from the outside.

use std::{
    env,
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child as Process, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
};

use crate::{
    assignment::{Assignment, Event, WORKER},
    walk::Result,
};

const SIGKILL: i32 = 9;

/// It ends with this, and with the drill.
pub struct Child {
    process: Process,
    lines: Lines<BufReader<ChildStdout>>,
    errors: JoinHandle<String>,
    /// The process ends when this does.
    _held: Option<ChildStdin>,
}

impl Child {
    pub fn start(assignment: &Assignment) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        assignment.give_to(&mut command);
        let pipes = command.arg(WORKER).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = pipes.kill_on_drop(true).spawn()?;
        let (Some(output), Some(mut errors)) = (process.stdout.take(), process.stderr.take()) else {
            return Err("the output of the process that copies is not heard".into());
        };
        let errors = tokio::spawn(async move {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text).await;
            String::from_utf8_lossy(&text).into_owned()
        });
        let _held = process.stdin.take();
        Ok(Self { process, lines: BufReader::new(output).lines(), errors, _held })
    }

    /// What it tells next; `None` when it ends. May be canceled.
    pub async fn tells(&mut self) -> Result<Option<Event>> {
        Ok(match self.lines.next_line().await? {
            Some(line) => Some(serde_json::from_str(&line)?),
            None => None,
        })
    }

    /// Kills it with SIGKILL; whether that is what it died of.
    pub async fn kill(mut self) -> Result<bool> {
        self.process.kill().await?;
        Ok(self.process.wait().await?.signal() == Some(SIGKILL))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// What it has written to standard error, if it did not end well.
    pub async fn ends(mut self) -> Result<()> {
        let status: ExitStatus = self.process.wait().await?;
        if status.success() {
            return Ok(());
        }
        Err(format!("the process that copies ended by itself: {status}\n{}", self.errors.await?.trim_end()).into())
    }
}
