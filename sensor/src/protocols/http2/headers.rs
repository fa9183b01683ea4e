//! The header fields of a message, in order.

/// Most bytes of names and values.
pub const HEADERS_LIMIT: usize = 128 * 1024;

/// Most fields.
pub const FIELDS_LIMIT: usize = 1024;

/// Where a field lies.
#[derive(Clone, Copy, Debug)]
struct Field {
    at: u32,
    name_len: u32,
    value_len: u32,
}

/// Fields, names and values in one run of bytes.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    bytes: Vec<u8>,
    fields: Vec<Field>,
    /// Sizes that the block set HPACK's table to.
    pub size_updates: Vec<u64>,
}

impl Headers {
    /// Adds a field; false if there is no room.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> bool {
        let at = self.bytes.len();
        if self.fields.len() >= FIELDS_LIMIT || at + name.len() + value.len() > HEADERS_LIMIT {
            return false;
        }
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        let field = Field { at: at as u32, name_len: name.len() as u32, value_len: value.len() as u32 };
        self.fields.push(field);
        true
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
        self.size_updates.clear();
    }

    fn of(&self, field: &Field) -> (&[u8], &[u8]) {
        let (name, value) = (field.at as usize, (field.at + field.name_len) as usize);
        let end = value + field.value_len as usize;
        (self.bytes.get(name..value).unwrap_or_default(), self.bytes.get(value..end).unwrap_or_default())
    }

    /// Field number `index`: its name and value.
    #[must_use]
    pub fn nth(&self, index: usize) -> Option<(&[u8], &[u8])> {
        self.fields.get(index).map(|field| self.of(field))
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| self.of(field))
    }

    /// The values of the fields of this name, in any case.
    pub fn all<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The first of them.
    #[must_use]
    pub fn get<'a>(&'a self, name: &'a [u8]) -> Option<&'a [u8]> {
        self.all(name).next()
    }
}
