//! Events as entries of a Redis stream: XADD, with the fields `type` and `event`, in transactions of a few hundred over one connection.
//!
//! A transaction is taken as a whole or not at all, and counts as written once Redis has said so. If the connection breaks between
//! the two, its events are sent again: they may be in the stream twice, never not at all. A Redis that refuses (out of memory, still
//! loading, a replica, a wrong password or key) is tried again, as one that is away. The stream is cut to about
//! `stream_max_entries` (XADD's `MAXLEN ~`).

use super::config::EventType;
use super::health::OutputCounts;
use super::peer::{Failure, Load, Output, PATIENCE};
use redis::{Client, Connection, ConnectionInfo, Value, cmd};
use std::path::PathBuf;

/// Entries in one transaction.
const TOGETHER: usize = 256;

/// See the module.
pub(super) struct RedisOutput {
    address: ConnectionInfo,
    password_file: Option<PathBuf>,
    stream: String,
    /// 0: no limit.
    max_entries: u64,
    connection: Option<Connection>,
    buffer: Vec<u8>,
}

impl RedisOutput {
    pub(super) const fn new(
        address: ConnectionInfo,
        password_file: Option<PathBuf>,
        stream: String,
        max_entries: u64,
    ) -> Self {
        Self { address, password_file, stream, max_entries, connection: None, buffer: Vec::new() }
    }

    fn add(&mut self, line: &[u8], kind: EventType) {
        let mut add = cmd("XADD");
        add.arg(&self.stream);
        if self.max_entries > 0 {
            add.arg("MAXLEN").arg("~").arg(self.max_entries);
        }
        add.arg("*").arg("type").arg(kind.name()).arg("event").arg(line);
        add.write_packed_command(&mut self.buffer);
    }

    /// One transaction: how many entries Redis has taken.
    fn transact(&mut self, load: &Load) -> Result<usize, Failure> {
        self.buffer.clear();
        cmd("MULTI").write_packed_command(&mut self.buffer);
        let mut entries = 0;
        for (line, kind) in load.lines().take(TOGETHER) {
            self.add(line, kind);
            entries += 1;
        }
        cmd("EXEC").write_packed_command(&mut self.buffer);
        let connection = self.connection.as_mut().ok_or(Failure::Closed)?;
        connection.send_packed_command(&self.buffer)?;
        // One answer to MULTI, one to each entry: queued, or refused.
        let mut refused = None;
        for _ in 0..=entries {
            match connection.recv_response().and_then(Value::extract_error) {
                Ok(_) => {}
                // The connection is of no use any more.
                Err(error) if error.is_io_error() => return Err(error.into()),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        let done = connection.recv_response().and_then(Value::extract_error);
        match (refused, done) {
            // What was refused says more than that the transaction was given up for it.
            (Some(error), _) | (None, Err(error)) => Err(error.into()),
            (None, Ok(Value::Array(added))) if added.len() == entries => Ok(entries),
            (None, Ok(other)) => Err(Failure::Answer(format!("{other:?}").chars().take(200).collect())),
        }
    }
}

impl Output for RedisOutput {
    fn connect(&mut self) -> Result<(), Failure> {
        let mut address = self.address.clone();
        if let Some(file) = &self.password_file {
            let text = std::fs::read_to_string(file).map_err(Failure::Password)?;
            let settings = address.redis_settings().clone().set_password(text.lines().next().unwrap_or_default());
            address = address.set_redis_settings(settings);
        }
        let connection = Client::open(address)?.get_connection_with_timeout(PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        self.connection = Some(connection);
        Ok(())
    }

    fn send(&mut self, load: &mut Load, counts: &OutputCounts) -> Result<(), Failure> {
        while !load.is_empty() {
            for _ in 0..self.transact(load)? {
                load.written(counts);
            }
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), Failure> {
        let connection = self.connection.as_mut().ok_or(Failure::Closed)?;
        connection.send_packed_command(&cmd("PING").get_packed_command())?;
        connection.recv_response().and_then(Value::extract_error)?;
        Ok(())
    }

    fn disconnect(&mut self) {
        self.connection = None;
    }
}
