//! Questions that rules ask of a transaction as a whole, where neither bytes nor a single integer would do: several properties of one
//! message at once, or a list of them. A protocol's parser answers.

use std::fmt;

/// What a transaction is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {}

/// As the rule asks it: what stands behind the keyword's colon.
impl fmt::Display for Question {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
