//! What commands say on standard output, to whoever still listens.
//!
//! `println!` panics when the reader is gone (`sekisho check | head -1`). Here a closed pipe ends nothing: the rest of the text is
//! nobody's, and the command goes on to its end, so that its exit status says what it always says. A terminal or file that
//! fails in another way (a full disk) is told of once, on standard error.

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// `print!`, but a closed pipe is no reason to panic.
macro_rules! out {
    ($($text:tt)*) => { $crate::control::print::write_out(format_args!($($text)*)) };
}

/// `println!`, but a closed pipe is no reason to panic.
macro_rules! outln {
    () => { $crate::control::print::write_out(format_args!("\n")) };
    ($($text:tt)*) => { $crate::control::print::write_line(format_args!($($text)*)) };
}

pub(crate) use {out, outln};

/// Writes to standard output.
pub fn write_out(text: fmt::Arguments<'_>) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    let mut stdout = io::stdout().lock();
    let done = stdout.write_fmt(text).and_then(|()| stdout.flush());
    if let Err(error) = done
        && error.kind() != io::ErrorKind::BrokenPipe
        && !TOLD.swap(true, Ordering::Relaxed)
    {
        error_line(format_args!("sekisho: cannot write to standard output: {error}"));
    }
}

/// The same, as a line.
pub fn write_line(text: fmt::Arguments<'_>) {
    write_out(format_args!("{text}\n"));
}

/// Writes a line to standard error. With nobody there, there is nobody to tell.
pub fn error_line(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
