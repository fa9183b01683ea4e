//! The texts that every EVE record is full of: times and addresses. Rendered into fixed buffers, with no allocation.

use crate::packet::Addr;
use crate::time::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde::{Serialize, Serializer};

/// A short text of known bound, `N` bytes at most. Holds ASCII only.
#[derive(Clone, Copy, Debug)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Text<N> {
    const EMPTY: Self = Self { bytes: [0; N], len: 0 };

    /// Adds a byte; what does not fit is left out.
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(usize::from(self.len)) {
            *slot = byte;
            self.len += 1;
        }
    }

    /// Adds `n` in decimal, with leading zeros up to `width` digits (at most 10).
    fn decimal(&mut self, n: u32, width: usize) {
        let mut digits = [b'0'; 10];
        let (mut rest, mut used) = (n, 0);
        while rest > 0 || used == 0 {
            digits[used] = b'0' + (rest % 10) as u8;
            rest /= 10;
            used += 1;
        }
        for &digit in digits[..used.max(width.min(10))].iter().rev() {
            self.push(digit);
        }
    }

    /// The text as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&self.bytes)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever pushed.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// `2026-11-23T01:12:27.123456+0000`
pub type TimeText = Text<31>;

/// The longest is IPv6 in full.
pub type AddrText = Text<39>;

/// An address as Suricata prints it: IPv4 dotted, IPv6 as eight full groups (`fe80:0000:…`), never shortened.
/// `ip_version` decides, so that an IPv4-mapped IPv6 address stays IPv6. Any version but 6 is taken as 4.
#[must_use]
pub fn addr_text(addr: Addr, ip_version: u8) -> AddrText {
    let mut text = Text::EMPTY;
    if ip_version == 6 {
        text.bytes = [b':'; 39];
        text.len = 39;
        for (group, pair) in text.bytes.chunks_mut(5).zip(addr.0.to_be_bytes().as_chunks::<2>().0) {
            let digits = [pair[0] >> 4, pair[0] & 15, pair[1] >> 4, pair[1] & 15];
            for (place, digit) in group.iter_mut().zip(digits) {
                *place = b"0123456789abcdef"[usize::from(digit)];
            }
        }
    } else {
        let mut len = 0;
        for byte in (addr.0 as u32).to_be_bytes() {
            let (digits, used) = OCTETS[usize::from(byte)];
            // Four digits at most for each of the four, so that there is room.
            if let Some(place) = text.bytes.get_mut(len..len + 4) {
                place.copy_from_slice(&digits);
            }
            len += usize::from(used);
        }
        text.len = len.saturating_sub(1) as u8;
    }
    text
}

/// Every octet in decimal with a dot behind it, and how long that is.
static OCTETS: [([u8; 4], u8); 256] = {
    let mut table = [([b'.'; 4], 0); 256];
    let mut n = 0;
    while n < 256 {
        let digits = [b'0' + (n / 100) as u8, b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8];
        let used = if n >= 100 {
            3
        } else if n >= 10 {
            2
        } else {
            1
        };
        let mut i = 0;
        while i < used {
            table[n].0[i] = digits[3 - used + i];
            i += 1;
        }
        table[n].1 = used as u8 + 1;
        n += 1;
    }
    table
};

/// A byte as two lower-case hexadecimal digits: EVE's way to print TCP flags.
#[must_use]
pub fn hex_text(byte: u8) -> Text<2> {
    let mut text = Text::EMPTY;
    text.push(b"0123456789abcdef"[usize::from(byte >> 4)]);
    text.push(b"0123456789abcdef"[usize::from(byte & 15)]);
    text
}

/// A number as three decimal digits: EVE's way to print an IP protocol with no name.
#[must_use]
pub fn three_digits(n: u8) -> Text<3> {
    let mut text = Text::EMPTY;
    text.decimal(u32::from(n), 3);
    text
}

const CACHE_LINES: usize = 16;

/// Renders packet times in a time zone. Dates are worked out once a second of packet time, the zone's offset once
/// between two of its changes.
#[derive(Clone, Debug)]
pub struct Clock {
    zone: TimeZone,
    /// The offset holds from the first second on and before the second one.
    offset: Offset,
    offset_from: i64,
    offset_until: i64,
    /// By second modulo the number of lines: the second, and its text with zero microseconds.
    seconds: [(u64, TimeText); CACHE_LINES],
}

impl Clock {
    /// In this machine's time zone.
    #[must_use]
    pub fn local() -> Self {
        Self::new(TimeZone::system())
    }

    /// In `zone`.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            offset: Offset::UTC,
            offset_from: 0,
            offset_until: 0,
            seconds: [(u64::MAX, Text::EMPTY); CACHE_LINES],
        }
    }

    /// `2026-11-23T01:12:27.123456+0000`: microseconds are cut, not rounded.
    pub fn text(&mut self, ts: Timestamp) -> TimeText {
        let second = ts.seconds();
        let line = (second % CACHE_LINES as u64) as usize;
        if self.seconds[line].0 != second {
            self.seconds[line] = (second, self.second_text(second));
        }
        let mut text = self.seconds[line].1;
        let mut microseconds = ts.subsec_nanos() / 1000;
        for digit in text.bytes[20..26].iter_mut().rev() {
            *digit = b'0' + (microseconds % 10) as u8;
            microseconds /= 10;
        }
        text
    }

    fn second_text(&mut self, second: u64) -> TimeText {
        // 64 bits of nanoseconds end in the year 2554, so both conversions hold.
        let seconds = i64::try_from(second).unwrap_or(i64::MAX);
        let when = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
        if !(self.offset_from..self.offset_until).contains(&seconds) {
            self.find_offset(when);
        }
        let local = self.offset.to_datetime(when);
        let mut text = Text::EMPTY;
        text.decimal(u32::from(local.year().unsigned_abs()), 4);
        for (separator, part) in [
            (b'-', local.month()),
            (b'-', local.day()),
            (b'T', local.hour()),
            (b':', local.minute()),
            (b':', local.second()),
        ] {
            text.push(separator);
            text.decimal(u32::from(part.unsigned_abs()), 2);
        }
        text.push(b'.');
        text.decimal(0, 6);
        let offset_minutes = self.offset.seconds() / 60;
        text.push(if offset_minutes < 0 { b'-' } else { b'+' });
        text.decimal(offset_minutes.unsigned_abs() / 60, 2);
        text.decimal(offset_minutes.unsigned_abs() % 60, 2);
        text
    }

    fn find_offset(&mut self, when: jiff::Timestamp) {
        self.offset = self.zone.to_offset(when);
        // A change at this very second already counts, and `preceding` leaves its argument out.
        let next = jiff::Timestamp::from_second(when.as_second().saturating_add(1)).unwrap_or(jiff::Timestamp::MAX);
        self.offset_from = self.zone.preceding(next).next().map_or(i64::MIN, |t| t.timestamp().as_second());
        self.offset_until = self.zone.following(when).next().map_or(i64::MAX, |t| t.timestamp().as_second());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv6Addr};

    fn time(zone: &str, seconds: u64, nanoseconds: u32) -> String {
        let zone = TimeZone::get(zone).unwrap();
        Clock::new(zone).text(Timestamp::from_parts(seconds, nanoseconds)).as_str().to_owned()
    }

    #[test]
    fn times_have_microseconds_and_the_zone() {
        assert_eq!(time("UTC", 1_795_396_347, 123_456_789), "2026-11-23T01:12:27.123456+0000");
        assert_eq!(time("Asia/Tokyo", 1_795_396_347, 5_000), "2026-11-23T10:12:27.000005+0900");
        assert_eq!(time("America/St_Johns", 1_795_396_347, 0), "2026-11-22T21:42:27.000000-0330");
        assert_eq!(time("UTC", 0, 0), "1970-01-01T00:00:00.000000+0000");
        assert_eq!(Clock::new(TimeZone::UTC).text(Timestamp(u64::MAX)).as_str(), "2554-07-21T23:34:33.709551+0000");
    }

    #[test]
    fn the_offset_changes_at_the_right_second() {
        let mut clock = Clock::new(TimeZone::get("Europe/Berlin").unwrap());
        // 2026-10-25T01:00:00Z: summer time ends.
        let change = 1_792_890_000;
        for (second, want) in [
            (change, "2026-10-25T02:00:00.000000+0100"),
            (change - 1, "2026-10-25T02:59:59.000000+0200"),
            (change + 1, "2026-10-25T02:00:01.000000+0100"),
        ] {
            assert_eq!(clock.text(Timestamp::from_parts(second, 0)).as_str(), want);
        }
    }

    proptest! {
        #[test]
        fn times_agree_with_jiff(seconds in prop::collection::vec(0u64..18_000_000_000, 1..20), micros in 0u32..1_000_000) {
            let zone = TimeZone::get("America/New_York").unwrap();
            let mut clock = Clock::new(zone.clone());
            for second in seconds {
                let got = clock.text(Timestamp::from_parts(second, micros * 1000));
                let when = jiff::Timestamp::new(second as i64, (micros * 1000) as i32).unwrap();
                let want = when.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S.%6f%z").to_string();
                prop_assert_eq!(got.as_str(), want);
            }
        }

        #[test]
        fn addresses_read_back(bits: u128, v4: u32) {
            let v6 = addr_text(Addr(bits), 6);
            prop_assert_eq!(v6.as_str().len(), 39);
            prop_assert_eq!(v6.as_str().parse::<Ipv6Addr>().unwrap(), Ipv6Addr::from(bits));
            let v4 = std::net::Ipv4Addr::from(v4);
            let text = addr_text(Addr::from(IpAddr::V4(v4)), 4);
            prop_assert_eq!(text.as_str(), v4.to_string());
        }
    }

    #[test]
    fn numbers_have_their_width() {
        assert_eq!(three_digits(7).as_str(), "007");
        assert_eq!(three_digits(253).as_str(), "253");
        assert_eq!(hex_text(0x1b).as_str(), "1b");
        assert_eq!(hex_text(2).as_str(), "02");
    }
}
