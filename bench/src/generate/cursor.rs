//! How far a message has come, and when its next segment is due: bursts of a growing window, one a round trip, as TCP sends
//! them (RFC 5681: slow start from ten segments).

/// Segments of a first burst (RFC 6928).
const FIRST_WINDOW: u16 = 10;

/// The sender's cursor stands at the next segment; the receiver's follows it and stands at the next one to acknowledge.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    /// Bytes of the message before it.
    pub pos: u64,
    /// When the segment is due at the sensor, nanoseconds.
    pub time: u64,
    burst_start: u64,
    left: u16,
    window: u16,
}

/// What decides a connection's pace.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Nanoseconds from one segment of a burst to the next.
    pub gap: u64,
    /// Nanoseconds from the sensor to the server and back.
    pub rtt: u64,
    /// Bytes of a full segment.
    pub mss: u64,
    /// Most segments on the way.
    pub most: u16,
}

impl Cursor {
    /// At the beginning of a message; the connection keeps its window.
    pub fn begin(&mut self, time: u64) {
        self.window = self.window.max(FIRST_WINDOW);
        (self.pos, self.time, self.burst_start, self.left) = (0, time, time, self.window);
    }

    /// Past `bytes`, the next segment.
    pub fn advance(&mut self, bytes: u64, pace: &Pace) {
        self.pos += bytes;
        self.time += pace.gap;
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.window = self.window.saturating_mul(2).min(pace.most).max(1);
            self.left = self.window;
            self.time = self.time.max(self.burst_start + pace.rtt);
            self.burst_start = self.time;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_double_with_each_round_trip() {
        let pace = Pace { gap: 10, rtt: 10_000, mss: 1000, most: 40 };
        let mut cursor = Cursor::default();
        cursor.begin(0);
        let mut times = Vec::new();
        for _ in 0..110 {
            times.push(cursor.time);
            cursor.advance(1000, &pace);
        }
        assert_eq!((times[9], times[10], times[29], times[30]), (90, 10_000, 10_190, 20_000));
        assert_eq!((times[69], times[70], times[109]), (20_390, 30_000, 30_390), "40 at most");
        assert_eq!(cursor.pos, 110_000);
    }
}
