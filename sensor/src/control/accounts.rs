//! The accounts as a person reads them: what was received, what became of it, and whether it adds up.

use crate::ledger::{LedgerReading, Outcome};
use crate::output::status::grouped;
use std::fmt::Write as _;

/// A ledger as lines of text, indented by two spaces; outcomes that are 0 are left out. The last line says whether it balances.
#[must_use]
pub fn ledger_lines(reading: &LedgerReading) -> String {
    let mut out = String::new();
    let mut line = |name: &str, n: u64, of: Option<u64>| {
        let share = of.filter(|&all| all > 0).map_or_else(String::new, |all| format!("  {}", percent(n, all)));
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  {name:<28}{:>15}{share}", grouped(n));
    };
    line("received", reading.received_packets, None);
    for (outcome, n) in Outcome::ALL.into_iter().zip(reading.outcomes) {
        if n == 0 && outcome != Outcome::Inspected {
            continue;
        }
        let name = match outcome {
            Outcome::Inspected => "= inspected".to_owned(),
            _ => format!("+ {} ({})", outcome.kind(), outcome.reason()),
        };
        line(&name, n, Some(reading.received_packets));
    }
    let _ = match missing(reading) {
        0 => writeln!(out, "  The ledger balances: every packet is accounted for."),
        n => writeln!(out, "  THE LEDGER DOES NOT BALANCE: {} packets have no outcome or two.", grouped(n)),
    };
    out
}

/// How many packets are unaccounted for once the workers have stopped; 0 when the ledger balances.
#[must_use]
pub fn missing(reading: &LedgerReading) -> u64 {
    reading.received_packets.abs_diff(reading.outcomes.iter().sum())
}

/// A share of `all`; never `0 %` for something, nor `100 %` for not quite all.
#[must_use]
pub fn percent(n: u64, all: u64) -> String {
    let share = n as f64 * 100.0 / all.max(1) as f64;
    if n > 0 && share < 0.01 {
        "<0.01 %".into()
    } else if n < all && share > 99.99 {
        ">99.99 %".into()
    } else {
        format!("{share:.2} %")
    }
}

/// Bytes with a decimal unit: `375.2 MB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    scaled(n as f64, &["B", "kB", "MB", "GB", "TB", "PB"])
}

/// Bits per second with a decimal unit: `1.25 Gbit/s`.
#[must_use]
pub fn bit_rate(bytes: u64, seconds: f64) -> String {
    scaled(bytes as f64 * 8.0 / seconds.max(1e-9), &["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"])
}

/// Packets per second with a decimal unit: `812 kpps`.
#[must_use]
pub fn packet_rate(packets: u64, seconds: f64) -> String {
    scaled(packets as f64 / seconds.max(1e-9), &["pps", "kpps", "Mpps", "Gpps"])
}

fn scaled(mut value: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = match value {
        _ if unit == 0 => 0,
        v if v < 10.0 => 2,
        v if v < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{BypassReason, DropReason, Ledger};

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(375_200_000), "375 MB");
        assert_eq!(bytes(1_234), "1.23 kB");
        assert_eq!(bytes(999_999), "1.00 MB");
        assert_eq!(bit_rate(1_000_000, 1.0), "8.00 Mbit/s");
        assert_eq!(packet_rate(0, 0.0), "0 pps");
        assert_eq!(percent(1, 1_000_000), "<0.01 %");
        assert_eq!(percent(999_999, 1_000_000), ">99.99 %");
        assert_eq!(percent(5, 5), "100.00 %");
        assert_eq!(percent(0, 0), "0.00 %");
    }

    #[test]
    fn a_ledger_says_whether_it_balances() {
        let ledger = Ledger::default();
        ledger.received(3, 300);
        ledger.settle(Outcome::Inspected);
        ledger.settle(Outcome::Bypassed(BypassReason::NonIp));
        assert!(ledger_lines(&ledger.read()).contains("DOES NOT BALANCE: 1 packets"));
        ledger.settle(Outcome::Dropped(DropReason::Malformed));
        let text = ledger_lines(&ledger.read());
        assert!(text.contains("The ledger balances"), "{text}");
        assert!(text.contains("+ dropped (malformed)"), "{text}");
        assert!(!text.contains("checksum"), "{text}");
        ledger.settle(Outcome::Inspected);
        assert_eq!(missing(&ledger.read()), 1, "two outcomes for one packet are a mistake as well");
    }
}
