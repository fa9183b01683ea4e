//! The harness of bench/run, bench/compare and bench/guard is Python; its own tests are run from here.

use std::process::Command;

#[test]
fn the_harness_passes_its_own_tests() {
    let done = Command::new("python3")
        .args(["-B", "-m", "unittest", "harness.tests"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("python3 is among the packages of tests/run");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    // Not that nothing was found and nothing failed.
    let ran = said.lines().find_map(|line| line.strip_prefix("Ran ")?.split(' ').next()?.parse::<u32>().ok());
    assert!(ran.is_some_and(|ran| ran >= 15), "{said}");
}
