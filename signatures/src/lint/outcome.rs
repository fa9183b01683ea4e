//! What a rule is good for once it matches: nothing, or an alert that tells nobody anything.

use super::{Kind, Subject};
use crate::model::{Action, Flowbits};
use crate::report::Severity;

pub(super) fn lint(subject: &mut Subject<'_>) {
    let signature = subject.signature;
    let changes = signature.flowbits.iter().any(|f| !matches!(f, Flowbits::IsSet(_) | Flowbits::IsNotSet(_)));
    // Other keywords keep or change something too; only options that cannot are known here.
    let harmless = subject.rule.options.iter().all(|o| {
        !matches!(
            o.name.bytes,
            b"xbits"
                | b"hostbits"
                | b"flowint"
                | b"dataset"
                | b"tag"
                | b"filestore"
                | b"tls.store"
                | b"tls_store"
                | b"bypass"
                | b"config"
                | b"lua"
        )
    });
    if signature.noalert && !changes && harmless && signature.action == Action::Alert {
        let span = if subject.all_at("noalert").next().is_some() { "noalert" } else { "flowbits" };
        let message = "the rule does nothing when it matches: it raises no alert and sets nothing";
        subject.tell(Kind::NoEffect, Severity::Warning, subject.at(span), message);
    }
    if signature.msg.is_empty() && !signature.noalert && signature.action != Action::Pass {
        let message = "the rule has no msg: its alerts will not say what was seen";
        subject.tell(Kind::SaysLittle, Severity::Info, subject.at("sid"), message);
    }
    if signature.rev == 0 {
        let message = "the rule has no rev: a later version of it cannot be told from this one";
        subject.tell(Kind::SaysLittle, Severity::Info, subject.at("sid"), message);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, found_in};
    use super::*;

    #[test]
    fn rules_without_effect() {
        let none: [(Kind, String); 0] = [];
        assert_eq!(found_in("content:\"abcd\"; noalert;"), [(Kind::NoEffect, "noalert".to_owned())]);
        let setter = "content:\"abcd\"; flowbits:set,a; flowbits:noalert;";
        assert!(found_in(setter).iter().all(|f| f.0 == Kind::FlowbitNeverTested));
        assert_eq!(found_in("content:\"abcd\";"), none);
    }

    #[test]
    fn rules_that_say_nothing() {
        let found = found("alert tcp any any -> any 4444 (content:\"abcd\"; sid:1;)");
        assert_eq!(found, [(Kind::SaysLittle, "sid:1".to_owned()), (Kind::SaysLittle, "sid:1".to_owned())]);
    }
}
