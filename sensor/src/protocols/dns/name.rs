//! Domain names (RFC 1035, 3.1 and 4.1.4): labels and compression pointers made into dotted text of the bytes as they are.

use super::event::Oddities;

/// Most bytes of a name, dots included; Suricata's limit.
pub const NAME_LIMIT: usize = 1025;
/// Most labels of a name.
pub const LABEL_LIMIT: usize = 255;
/// Most compression pointers of a name.
pub const POINTER_LIMIT: usize = 255;
/// Most labels and pointers followed in one message.
pub const STEP_LIMIT: usize = 65_536;
/// Most bytes of all names of a message together.
pub const NAMES_LIMIT: usize = 256 * 1024;

/// A name: where its text lies in the message's store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Name {
    start: u32,
    len: u16,
    /// It was longer than is kept.
    pub truncated: bool,
}

/// The names of one message, dotted, one after another.
#[derive(Clone, Debug, Default)]
pub struct Names {
    text: Vec<u8>,
}

/// What reading the names of one message has cost so far, and where they stood.
#[derive(Debug, Default)]
pub(super) struct Spent {
    steps: usize,
    /// Names already read, by where they begin on the wire. A few: nearly all pointers lead to the first names.
    known: Vec<(u16, Name)>,
}

/// How many names are remembered for pointers to them.
const KNOWN: usize = 8;

impl Spent {
    pub(super) fn clear(&mut self) {
        self.steps = 0;
        self.known.clear();
    }
}

impl Names {
    pub(super) fn clear(&mut self) {
        self.text.clear();
    }

    /// The text of a name.
    #[must_use]
    pub fn get(&self, name: Name) -> &[u8] {
        let start = name.start as usize;
        self.text.get(start..start + usize::from(name.len)).unwrap_or_default()
    }

    /// Reads the name at `at` in `message`: it, and where what follows it begins. None if it is broken or the message's
    /// names have cost too much.
    pub(super) fn read(
        &mut self,
        message: &[u8],
        at: usize,
        spent: &mut Spent,
        odd: &mut Oddities,
    ) -> Option<(Name, usize)> {
        if let Some(found) = known(message, at, spent) {
            return Some(found);
        }
        let start = self.text.len();
        let (mut name, mut next) = (Name { start: u32::try_from(start).ok()?, ..Name::default() }, at);
        let (mut after, mut labels, mut pointers) = (None, 0, 0);
        loop {
            spent.steps += 1;
            if spent.steps > STEP_LIMIT || self.text.len() > NAMES_LIMIT {
                return None;
            }
            let head = *message.get(next)?;
            match head {
                0 => {
                    after = after.or(Some(next + 1));
                    break;
                }
                0xc0.. => {
                    let low = *message.get(next + 1)?;
                    after = after.or(Some(next + 2));
                    pointers += 1;
                    if pointers > POINTER_LIMIT {
                        odd.add(Oddities::INFINITE_LOOP);
                        break;
                    }
                    next = usize::from(head & 0x3f) << 8 | usize::from(low);
                }
                1..=0x3f => {
                    let label = message.get(next + 1..next + 1 + usize::from(head))?;
                    next += 1 + label.len();
                    labels += 1;
                    if labels > LABEL_LIMIT {
                        odd.add(Oddities::TOO_MANY_LABELS);
                        name.truncated = true;
                        // What follows a name with too many labels cannot be told without walking them all.
                        if after.is_some() {
                            break;
                        }
                    } else {
                        name.truncated |= self.push(start, label);
                    }
                }
                _ => return None,
            }
        }
        if name.truncated && labels <= LABEL_LIMIT {
            odd.add(Oddities::NAME_TOO_LONG);
        }
        name.len = u16::try_from(self.text.len() - start).ok()?;
        if spent.known.len() < KNOWN
            && let Ok(at) = u16::try_from(at)
        {
            spent.known.push((at, name));
        }
        Some((name, after?))
    }

    /// Adds a label to the name that begins at `start`; whether something of it had to be left out.
    fn push(&mut self, start: usize, label: &[u8]) -> bool {
        let mut room = NAME_LIMIT - (self.text.len() - start).min(NAME_LIMIT);
        if self.text.len() > start && room > 0 {
            self.text.push(b'.');
            room -= 1;
        }
        let kept = label.len().min(room);
        self.text.extend_from_slice(&label[..kept]);
        kept < label.len()
    }
}

/// A name that is nothing but a pointer to one that was read before.
fn known(message: &[u8], at: usize, spent: &Spent) -> Option<(Name, usize)> {
    let (&high, &low) = (message.get(at)?, message.get(at + 1)?);
    if high < 0xc0 {
        return None;
    }
    let target = u16::from(high & 0x3f) << 8 | u16::from(low);
    let (_, name) = spent.known.iter().find(|(start, _)| *start == target)?;
    Some((*name, at + 2))
}
