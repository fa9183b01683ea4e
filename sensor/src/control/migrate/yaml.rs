//! Another engine's configuration as a tree of texts, each with its line.
//!
//! YAML 1.1 and 1.2 differ in which words are truths, so every scalar is kept as it is written and read as what its key means.

use saphyr::{LoadableYamlNode as _, MarkedYaml, Scalar, YamlData};
use std::path::{Path, PathBuf};

/// More than this is no configuration.
const MAX_BYTES: u64 = 16 << 20;

/// Why it could not be read.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{} is larger than {} MiB: is it a configuration?", .0.display(), MAX_BYTES >> 20)]
    TooLarge(PathBuf),
    #[error("{}:{line}:{column}: error: {message}", path.display())]
    Syntax { path: PathBuf, line: usize, column: usize, message: String },
    #[error("{} holds no keys: is it a suricata.yaml?", .0.display())]
    Empty(PathBuf),
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// 1-based line.
    pub line: usize,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Nothing,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// Reads a file's first document.
///
/// # Errors
/// It cannot be read, or is no YAML.
pub fn read(path: &Path) -> Result<Node, YamlError> {
    let unreadable = |source| YamlError::Unreadable { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
        return Err(YamlError::TooLarge(path.to_owned()));
    }
    let text = std::fs::read(path).map_err(unreadable)?;
    parse(path, &String::from_utf8_lossy(&text))
}

/// As [`read`], from a text.
///
/// # Errors
/// It is no YAML.
pub fn parse(path: &Path, text: &str) -> Result<Node, YamlError> {
    let documents = MarkedYaml::load_from_str(text).map_err(|error| YamlError::Syntax {
        path: path.to_owned(),
        line: error.marker().line(),
        column: error.marker().col() + 1,
        message: error.info().to_owned(),
    })?;
    let root = documents.first().map(node);
    root.filter(|root| matches!(root.value, Value::Map(_))).ok_or_else(|| YamlError::Empty(path.to_owned()))
}

fn node(yaml: &MarkedYaml<'_>) -> Node {
    let value = match &yaml.data {
        YamlData::Value(scalar) => scalar_value(scalar),
        YamlData::Representation(text, ..) => Value::Text(text.to_string()),
        YamlData::Sequence(items) => Value::List(items.iter().map(node).collect()),
        YamlData::Mapping(map) => Value::Map(
            map.iter().filter_map(|(key, value)| Some((node(key).text()?.to_owned(), node(value)))).collect(),
        ),
        YamlData::Tagged(_, inner) => return node(inner),
        YamlData::Alias(_) | YamlData::BadValue => Value::Nothing,
    };
    Node { line: yaml.span.start.line(), value }
}

fn scalar_value(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Nothing,
        Scalar::Boolean(truth) => Value::Text(if *truth { "yes" } else { "no" }.to_owned()),
        Scalar::Integer(number) => Value::Text(number.to_string()),
        Scalar::FloatingPoint(number) => Value::Text(number.to_string()),
        Scalar::String(text) => Value::Text(text.trim().to_owned()),
    }
}

impl Node {
    /// The value of a key of this map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The value of a key in keys.
    #[must_use]
    pub fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Keys and values, if it is a map.
    #[must_use]
    pub fn entries(&self) -> &[(String, Self)] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The items, if it is a list.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// The word or number.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// Words: of a list, or of one text with commas between.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        match self.text() {
            Some(text) => text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect(),
            None => self.items().iter().filter_map(|item| item.text().map(str::to_owned)).collect(),
        }
    }

    /// A truth, however it is spelt.
    #[must_use]
    pub fn truth(&self) -> Option<bool> {
        match self.text()?.to_ascii_lowercase().as_str() {
            "yes" | "true" | "on" | "1" => Some(true),
            "no" | "false" | "off" | "0" => Some(false),
            _ => None,
        }
    }

    /// A whole number.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        self.text()?.parse().ok().filter(|number| *number >= 0)
    }

    /// Bytes: a number with kb, mb or gb, or kib and so on, behind it.
    #[must_use]
    pub fn bytes(&self) -> Option<i64> {
        let text = self.text()?.to_ascii_lowercase();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let shift = match unit.trim().trim_end_matches('b').trim_end_matches('i') {
            "" => 0,
            "k" => 10,
            "m" => 20,
            "g" => 30,
            _ => return None,
        };
        if let Ok(whole) = number.parse::<i64>() {
            return whole.checked_mul(1 << shift);
        }
        let bytes = number.parse::<f64>().ok()? * f64::from(1u32 << shift);
        // Casts saturate; what is too large for a size is refused by the check of the result.
        Some(bytes as i64).filter(|bytes| *bytes >= 0)
    }

    /// Not said to be off.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.get("enabled").and_then(Self::truth) != Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_their_keys_mean_them() {
        let text = "%YAML 1.1\n---\na: yes\nb: 64 MiB\nc: 1.5gb\nd: [1, 'x']\ne: 7, 8\nf: '0x10'\ng:\n  h: 32mb\n";
        let node = parse(Path::new("s.yaml"), text).unwrap();
        let get = |key: &str| node.get(key).unwrap();
        assert_eq!((get("a").truth(), get("a").line), (Some(true), 3));
        assert_eq!(get("b").bytes(), Some(64 << 20));
        assert_eq!(get("c").bytes(), Some(3 << 29));
        assert_eq!(get("d").words(), ["1", "x"]);
        assert_eq!(get("e").words(), ["7", "8"]);
        assert_eq!((get("f").number(), get("f").bytes()), (None, None));
        assert_eq!(node.at(&["g", "h"]).unwrap().bytes(), Some(32 << 20));
        assert!(node.at(&["g", "h", "i"]).is_none());
    }

    #[test]
    fn what_is_no_configuration_is_told_with_its_place() {
        let told = |text: &str| parse(Path::new("s.yaml"), text).unwrap_err().to_string();
        assert!(told("a: 1\nb: [1\nc: }\n").starts_with("s.yaml:"), "{}", told("a: 1\nb: [1\nc: }\n"));
        assert!(told("").contains("holds no keys"));
        assert!(told("- 1\n").contains("holds no keys"));
        let bomb: String =
            (1..12).map(|n| format!("k{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(","))).collect();
        assert!(told(&format!("k0: &a0 [1,2,3]\n{bomb}")).contains("alias"), "an alias bomb");
    }
}
