//! Keywords that ask a transaction as a whole: how each is written.

use crate::buffers::Buffer;
use crate::check::Checker;
use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::model::BufferCondition;
use crate::question::Question;
use crate::syntax::RuleOption;

/// What the keyword of a buffer that is asked asks.
pub(crate) fn question(
    checker: &mut Checker<'_>,
    name: &'static str,
    buffer: Buffer,
    option: &RuleOption<'_>,
) -> Result<(), RuleError> {
    let question: Question = match buffer {
        _ => {
            return Err(RuleError::new(
                Kind::UnknownKeyword { name: name.to_owned(), nearest: None },
                option.name.span(),
            ));
        }
    };
    checker.beside(buffer, BufferCondition::Ask(question), option.name.span());
    Ok(())
}
