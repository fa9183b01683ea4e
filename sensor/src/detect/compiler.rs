//! Compiles sets of literals; large ones in a process of their own, since Hyperscan needs several times the memory of what it makes,
//! and a sensor that loads its next rules while it runs must not grow by that. The process is this program again, with a hidden
//! subcommand ([`serve`] is its whole work); all of its memory goes when it ends.
//!
//! What it promises: a set is compiled whether or not there is such a process. One that cannot be started, dies or says what makes
//! no sense is told once in the log, and the sets are compiled here.
//!
//! A job on the process's standard input: mode (`B` block, `S` stream), the number of literals (u32), and of each its length (u32),
//! a byte that is 1 if letters match in either case, and its bytes. The answer on its standard output: 0, a length (u64) and the
//! serialised set; or 1, a length and Hyperscan's words. Numbers are little-endian.

use super::hyperscan::{BlockSet, HyperscanError, Keep, Literal, StreamSet};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "compile-literals";
/// Smaller sets take a millisecond or less and a megabyte or less.
const WORTH_A_PROCESS: usize = 256;
/// A set is never larger.
const MAX_BYTES: u64 = 256 << 20;
const OK: u8 = 0;
const REFUSED: u8 = 1;

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Says that this program has the subcommand [`SUBCOMMAND`]: large sets are compiled by it from now on.
pub fn use_this_program() {
    // The kernel's own link leads to this very file also when it was replaced by an upgrade.
    PROGRAM.get_or_init(|| PathBuf::from("/proc/self/exe"));
}

/// Compiles sets. Can be used by several threads at once: each has a process.
#[derive(Default)]
pub struct Compiler {
    program: Option<PathBuf>,
    idle: Mutex<Vec<Process>>,
    failed: AtomicBool,
}

impl Compiler {
    /// With processes, if this program has said that it can ([`use_this_program`]).
    #[must_use]
    pub fn new() -> Self {
        Self::with(PROGRAM.get().cloned())
    }

    fn with(program: Option<PathBuf>) -> Self {
        Self { program, ..Self::default() }
    }

    /// Compiles a set.
    ///
    /// # Errors
    /// As [`Keep::compile`].
    pub fn compile<S: Keep>(&self, literals: &[Literal]) -> Result<S, HyperscanError> {
        if literals.len() >= WORTH_A_PROCESS
            && let Some(program) = self.program.as_deref().filter(|_| !self.failed.load(Ordering::Relaxed))
        {
            match self.elsewhere(program, literals) {
                Ok(done) => return done,
                Err(error) => {
                    if !self.failed.swap(true, Ordering::Relaxed) {
                        tracing::warn!(
                            "no process compiles the rules' literals ({error}); the sensor does it itself, and needs more memory meanwhile"
                        );
                    }
                }
            }
        }
        S::compile(literals)
    }

    /// The outer error is about the process, the inner one about the set.
    fn elsewhere<S: Keep>(&self, program: &Path, literals: &[Literal]) -> io::Result<Result<S, HyperscanError>> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut process = idle.map_or_else(|| Process::start(program), Ok)?;
        let answer = process.compile(S::MODE, literals).and_then(|answer| match answer {
            Err(reason) => Ok(Err(HyperscanError::Compile { count: literals.len(), reason })),
            Ok(bytes) => S::from_bytes(&bytes, literals).map(Ok).map_err(io::Error::other),
        });
        let done = answer.inspect_err(|_| process.kill())?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(process);
        Ok(done)
    }
}

struct Process {
    child: Child,
    /// None once it was told to end.
    jobs: Option<BufWriter<ChildStdin>>,
    answers: BufReader<ChildStdout>,
}

impl Process {
    fn start(program: &Path) -> io::Result<Self> {
        let mut child = Command::new(program).arg(SUBCOMMAND).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let no_pipe = || io::Error::other("it has no pipe");
        let jobs = Some(BufWriter::new(child.stdin.take().ok_or_else(no_pipe)?));
        let answers = BufReader::new(child.stdout.take().ok_or_else(no_pipe)?);
        Ok(Self { child, jobs, answers })
    }

    fn compile(&mut self, mode: &str, literals: &[Literal]) -> io::Result<Result<Vec<u8>, String>> {
        let jobs = self.jobs.as_mut().ok_or(ErrorKind::BrokenPipe)?;
        write_job(jobs, mode, literals)?;
        jobs.flush()?;
        read_answer(&mut self.answers)
    }

    /// It may be in the middle of anything.
    fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.jobs.take());
        // What it ends with says nothing more.
        let _ = self.child.wait();
    }
}

fn write_job(to: &mut impl Write, mode: &str, literals: &[Literal]) -> io::Result<()> {
    let length = |n: usize| u32::try_from(n).map_err(io::Error::other);
    to.write_all(&[if mode == StreamSet::MODE { b'S' } else { b'B' }])?;
    to.write_all(&length(literals.len())?.to_le_bytes())?;
    for literal in literals {
        to.write_all(&length(literal.bytes.len())?.to_le_bytes())?;
        to.write_all(&[u8::from(literal.nocase)])?;
        to.write_all(&literal.bytes)?;
    }
    Ok(())
}

/// None at the end of the input.
fn read_job(from: &mut impl Read) -> io::Result<Option<(u8, Vec<Literal>)>> {
    let mut mode = [0];
    if from.read(&mut mode)? == 0 {
        return Ok(None);
    }
    let count = u32::from_le_bytes(array(from)?);
    let mut literals = Vec::new();
    for _ in 0..count {
        let len = u32::from_le_bytes(array(from)?);
        let [nocase] = array(from)?;
        literals.push(Literal { bytes: bytes(from, len.into())?.into(), nocase: nocase == 1 });
    }
    Ok(Some((mode[0], literals)))
}

fn read_answer(from: &mut impl Read) -> io::Result<Result<Vec<u8>, String>> {
    let [status] = array(from)?;
    let len = u64::from_le_bytes(array(from)?);
    let bytes = bytes(from, len)?;
    match status {
        OK => Ok(Ok(bytes)),
        REFUSED => Ok(Err(String::from_utf8_lossy(&bytes).into_owned())),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn bytes(from: &mut impl Read, len: u64) -> io::Result<Vec<u8>> {
    if len > MAX_BYTES {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    if from.take(len).read_to_end(&mut bytes)? as u64 != len {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// The process: compiles what it is told on `input` until that ends.
///
/// # Errors
/// A job that is cut off, or nobody reads the answers.
pub fn serve(input: impl Read, output: impl Write) -> io::Result<()> {
    let (mut input, mut output) = (BufReader::new(input), BufWriter::new(output));
    while let Some((mode, literals)) = read_job(&mut input)? {
        let done = if mode == b'S' { serialised::<StreamSet>(&literals) } else { serialised::<BlockSet>(&literals) };
        let (status, bytes) = match done {
            Ok(bytes) => (OK, bytes),
            Err(HyperscanError::Compile { reason, .. } | HyperscanError::Runtime(reason)) => {
                (REFUSED, reason.into_bytes())
            }
        };
        output.write_all(&[status])?;
        output.write_all(&(bytes.len() as u64).to_le_bytes())?;
        output.write_all(&bytes)?;
        output.flush()?;
    }
    Ok(())
}

fn serialised<S: Keep>(literals: &[Literal]) -> Result<Vec<u8>, HyperscanError> {
    Ok(S::compile(literals)?.to_bytes()?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::hyperscan::ScanScratch;

    fn literals(n: usize) -> Vec<Literal> {
        (0..n).map(|i| Literal { bytes: format!("literal {i};").into_bytes().into(), nocase: i % 2 == 0 }).collect()
    }

    fn hits(set: &BlockSet) -> Vec<u32> {
        let mut scratch = ScanScratch::default();
        scratch.cover_block(set).unwrap();
        let mut hits = vec![];
        set.scan(b"LITERAL 4; literal 17; LITERAL 5;", &scratch, |id, _| hits.push(id));
        hits
    }

    #[test]
    fn what_the_process_answers_is_the_set() {
        let mut jobs = vec![];
        write_job(&mut jobs, BlockSet::MODE, &literals(300)).unwrap();
        write_job(&mut jobs, StreamSet::MODE, &literals(2)).unwrap();
        write_job(&mut jobs, BlockSet::MODE, &[]).unwrap();
        let mut answers = vec![];
        serve(&jobs[..], &mut answers).unwrap();
        let mut answers = &answers[..];
        let block = read_answer(&mut answers).unwrap().unwrap();
        assert_eq!(hits(&BlockSet::from_bytes(&block, &literals(300)).unwrap()), [4, 17]);
        let stream = read_answer(&mut answers).unwrap().unwrap();
        assert_eq!(StreamSet::from_bytes(&stream, &literals(2)).unwrap().longest_literal_bytes(), 10);
        let refused = read_answer(&mut answers).unwrap().unwrap_err();
        assert!(!refused.is_empty());
        assert!(answers.is_empty());
    }

    #[test]
    fn a_job_cut_off_anywhere_is_an_error() {
        let mut jobs = vec![];
        write_job(&mut jobs, BlockSet::MODE, &literals(3)).unwrap();
        for len in 1..jobs.len() {
            assert!(serve(&jobs[..len], io::sink()).is_err(), "{len} bytes");
        }
        assert!(serve(&jobs[..0], io::sink()).is_ok());
    }

    #[test]
    fn whatever_becomes_of_the_process_the_set_is_compiled() {
        // One that is not there, one that ends at once, one that says nothing of use, one that answers without end.
        for program in ["/no/such/program", "/bin/true", "/bin/echo", "/usr/bin/yes"] {
            let compiler = Compiler::with(Some(program.into()));
            assert_eq!(hits(&compiler.compile(&literals(300)).unwrap()), [4, 17], "{program}");
            assert!(compiler.failed.load(Ordering::Relaxed), "{program}");
            assert_eq!(hits(&compiler.compile(&literals(300)).unwrap()), [4, 17]);
        }
        let small = Compiler::with(Some("/no/such/program".into()));
        small.compile::<BlockSet>(&literals(WORTH_A_PROCESS - 1)).unwrap();
        assert!(!small.failed.load(Ordering::Relaxed));
    }
}
