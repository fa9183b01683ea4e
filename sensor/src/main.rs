//! Command line only: parse, call, print.

use anyhow::Result;
use clap::{CommandFactory as _, Parser, Subcommand};
use sekisho::control::{
    check, doctor, documents, evidence, explain, migrate, pcap, print, reload, run, status, update,
};
use sekisho::detect::compiler;
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Parsers allocate for each transaction, and the C library's heap takes three times as long for it.
#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(
    name = "sekisho",
    version,
    about = "Inline deep packet inspection sensor: AF_XDP, Suricata rules, Hyperscan, EVE JSON",
    after_help = "Every command has --help with an example. The log goes to stderr; RUST_LOG=debug shows more.\n\
                  Exit status: 0 when it worked, 1 when it did not (the last lines say why), 2 for a wrong command line."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::RunArguments),
    Pcap(pcap::PcapArguments),
    Check(check::CheckArguments),
    Explain(explain::ExplainArguments),
    Doctor(doctor::DoctorArguments),
    Status(status::StatusArguments),
    Reload(reload::ReloadArguments),
    Rules(update::RulesArguments),
    Migrate(migrate::MigrateArguments),
    Evidence(evidence::EvidenceArguments),
    /// Compiles literals for the sensor that started it: jobs on its standard input, sets on its standard output
    #[command(name = compiler::SUBCOMMAND, hide = true, after_help = "Example: none; only `sekisho` itself starts `sekisho compile-literals`")]
    CompileLiterals,
    #[command(hide = true)]
    WriteDocuments(documents::DocumentsArguments),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    compiler::use_this_program();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Whoever keeps the log (journald, a container's engine) puts the time before each line itself.
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .init();
    let done: Result<ExitCode> = match cli.command {
        Command::Run(arguments) => run::run(&arguments).map_err(Into::into),
        Command::Pcap(arguments) => pcap::pcap(&arguments).map_err(Into::into),
        Command::Check(arguments) => check::check(&arguments).map_err(Into::into),
        Command::Explain(arguments) => explain::explain(&arguments).map_err(Into::into),
        Command::Doctor(arguments) => doctor::doctor(&arguments).map_err(Into::into),
        Command::Status(arguments) => status::status(&arguments).map_err(Into::into),
        Command::Reload(arguments) => reload::reload(&arguments).map_err(Into::into),
        Command::Rules(arguments) => update::rules(&arguments).map_err(Into::into),
        Command::Migrate(arguments) => migrate::migrate(&arguments).map_err(Into::into),
        Command::WriteDocuments(arguments) => {
            documents::write(Cli::command(), &arguments).map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
        Command::Evidence(arguments) => evidence::evidence(&arguments).map_err(Into::into),
        Command::CompileLiterals => compiler::serve(std::io::stdin().lock(), std::io::stdout().lock())
            .map(|()| ExitCode::SUCCESS)
            .map_err(Into::into),
    };
    done.unwrap_or_else(|error| {
        // Not with its sources: each sentence holds its cause already.
        print::error_line(format_args!("sekisho: {error}"));
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_help_with_an_example() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let help = command.clone().render_long_help().to_string();
            assert!(help.contains(&format!("sekisho {name}")), "{name} has no example:\n{help}");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{name}: {} has no help", argument.get_id());
            }
        }
    }
}
