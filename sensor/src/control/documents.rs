//! Manual pages and completions for shells, written from the command line's own definition when the package is built.

use clap::{Args, Command};
use clap_complete::Shell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Write manual pages and completions into a folder, for the package.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  sekisho write-documents target/package")]
pub struct DocumentsArguments {
    /// The folder: manual pages go to man/ in it, completions to completions/.
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
}

/// Why they could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct DocumentsError {
    path: PathBuf,
    source: io::Error,
}

/// Writes `sekisho.1`, a page for each command, and completions for bash, zsh and fish.
///
/// # Errors
/// The folder's.
pub fn write(command: Command, arguments: &DocumentsArguments) -> Result<(), DocumentsError> {
    let mut command = without_help(command);
    let (pages, completions) = (arguments.folder.join("man"), arguments.folder.join("completions"));
    let in_folder =
        |path: &Path, done: io::Result<()>| done.map_err(|source| DocumentsError { path: path.to_owned(), source });
    for folder in [&pages, &completions] {
        in_folder(folder, fs::create_dir_all(folder))?;
    }
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let made = clap_complete::generate_to(shell, &mut command, "sekisho", &completions);
        in_folder(&completions, made.map(drop))?;
    }
    in_folder(&pages, clap_mangen::generate_to(command, &pages))
}

/// Pages about `help` say nothing.
fn without_help(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}
