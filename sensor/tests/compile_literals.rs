//! The process that compiles literals, as the sensor starts it: it takes jobs on its standard input, and ends with that.

use std::io::Write;
use std::process::{Command, Stdio};

/// A job as detect/compiler.rs has it: in block mode, each literal in either case.
fn job(literals: &[&str]) -> Vec<u8> {
    let mut job = vec![b'B'];
    job.extend((literals.len() as u32).to_le_bytes());
    for literal in literals {
        job.extend((literal.len() as u32).to_le_bytes());
        job.push(1);
        job.extend(literal.as_bytes());
    }
    job
}

fn answers(input: &[u8]) -> (bool, Vec<u8>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sekisho"))
        .arg("compile-literals")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), output.stdout)
}

#[test]
fn it_answers_each_job_and_ends_with_its_input() {
    let (ended_well, answers) = answers(&[job(&["one", "two"]), job(&[])].concat());
    assert!(ended_well);
    let len = u64::from_le_bytes(answers[1..9].try_into().unwrap()) as usize;
    assert!(answers[0] == 0 && len > 0, "a set");
    let refused = &answers[9 + len..];
    let words = u64::from_le_bytes(refused[1..9].try_into().unwrap()) as usize;
    assert!(refused[0] == 1 && words > 0 && refused.len() == 9 + words, "an empty set is refused, in words");
}

#[test]
fn a_job_cut_off_ends_it_with_an_error() {
    let whole = job(&["one"]);
    assert!(!answers(&whole[..whole.len() - 1]).0);
}
