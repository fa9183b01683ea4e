//! `sekisho status`: asks the running sensor.

use super::arguments::{ConfigArguments, Format};
use super::print::{out, outln};
use super::socket::{self, SocketError};
use crate::config::ConfigError;
use crate::output::drops::Drops;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Ask the running sensor how it is: packets and what became of them, capture mode, flows, alerts, events.
///
/// With --rules: what each rule costs, the costliest first. Candidates and matches are counted; times are estimated from samples,
/// since the rules were loaded. Exit status 1 if no sensor answers, or its ledger does not balance.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "the flattened fields are groups of flags, documented at their types")]
#[command(
    after_help = "Examples:\n  sekisho status\n  sekisho status --format json | jq .total\n  sekisho status --rules --top 50\n  sekisho status --drops"
)]
pub struct StatusArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// The sensor's control socket, in place of the configuration's control.socket.
    #[arg(long, value_name = "FILE")]
    pub socket: Option<PathBuf>,
    /// `text` for people, `json` for one object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// What rules cost, in place of all else.
    #[arg(long)]
    pub rules: bool,
    /// Why packets were dropped or not inspected, in place of all else: every reason with its count and what it means.
    #[arg(long, conflicts_with = "rules")]
    pub drops: bool,
    /// With --rules: how many are listed.
    #[arg(long, value_name = "N", default_value_t = 20, requires = "rules")]
    pub top: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each is the cause's own sentence")]
pub enum StatusError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error("cannot write the answer: {0}")]
    Write(#[from] serde_json::Error),
}

/// Asks and prints.
///
/// # Errors
/// No sensor answers.
pub fn status(arguments: &StatusArguments) -> Result<ExitCode, StatusError> {
    let path = match &arguments.socket {
        Some(path) => path.clone(),
        None => arguments.config.load_installed()?.control.socket,
    };
    if arguments.rules {
        let table = socket::ask_rule_costs(&path, arguments.top)?;
        match arguments.format {
            Format::Json => outln!("{}", serde_json::to_string(&table)?),
            Format::Text => out!("{table}"),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let status = socket::ask_status(&path)?;
    if arguments.drops {
        let drops = Drops::of(&status);
        match arguments.format {
            Format::Json => outln!("{}", serde_json::to_string(&drops)?),
            Format::Text => out!("{drops}"),
        }
        return Ok(ExitCode::SUCCESS);
    }
    match arguments.format {
        Format::Json => outln!("{}", serde_json::to_string(&status)?),
        Format::Text => out!("{status}"),
    }
    let balances = status.total.balances && status.queues.iter().all(|queue| queue.ledger.balances);
    Ok(if balances { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
