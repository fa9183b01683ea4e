//! The configuration that is made, and the list of what could not be made of the other one.

use super::yaml::Node;
use serde::Serialize;
use std::fmt::Write as _;
use toml::Value;

/// A key of the other configuration that is not in this one as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// 1-based line in the other configuration.
    pub line: usize,
    /// The key, with dots.
    pub key: String,
    /// What became of it, and what to do.
    pub text: String,
}

/// Sections in their order, each with its keys.
#[derive(Debug, Default)]
pub struct Made {
    sections: Vec<(String, Vec<(String, Value)>)>,
    /// What is to be known.
    pub notes: Vec<Note>,
}

impl Made {
    /// Sets a key. `[[name]]` is written for a section whose name begins with `[`.
    pub fn set(&mut self, section: &str, key: &str, value: impl Into<Value>) {
        let at = self.sections.iter().position(|(name, _)| name == section && !name.starts_with('['));
        let at = at.unwrap_or_else(|| {
            self.sections.push((section.to_owned(), Vec::new()));
            self.sections.len() - 1
        });
        if let Some((_, keys)) = self.sections.get_mut(at) {
            keys.retain(|(name, _)| name != key);
            keys.push((key.to_owned(), value.into()));
        }
    }

    /// One more `[[section]]`.
    pub fn add(&mut self, section: &str, keys: Vec<(String, Value)>) {
        self.sections.push((format!("[{section}]"), keys));
    }

    /// How many `[[section]]` there are.
    #[must_use]
    pub fn count(&self, section: &str) -> usize {
        self.sections.iter().filter(|(name, _)| *name == format!("[{section}]")).count()
    }

    /// Something is to be known about `node`.
    pub fn note(&mut self, node: &Node, key: &str, text: impl Into<String>) {
        self.notes.push(Note { line: node.line, key: key.to_owned(), text: text.into() });
    }

    /// As text.
    #[must_use]
    pub fn toml(&self, from: &str) -> String {
        let from: String = from.chars().filter(|c| !c.is_control()).collect();
        let mut text = format!(
            "# Made by `sekisho migrate` of {from}. What is not here has its default: the file that is installed as /etc/sekisho/sekisho.toml names all keys.\n"
        );
        for (section, keys) in &self.sections {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "\n[{section}]");
            for (key, value) in keys {
                let bare = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') && !key.is_empty();
                let key = if bare { key.clone() } else { Value::String(key.clone()).to_string() };
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        text
    }
}
