//! The numbers that rules keep on a flow (`flowint`). A flow has few, so they are a short list in the flow itself; one with
//! many moves to the heap. Numbers have 32 bits; sums stop at the largest one, differences at 0.

use sekisho_signatures::kept::{FlowInt, FlowIntOp, FlowIntOperand};
use std::collections::HashMap;

const INLINE: usize = 4;

/// The numbers set on one flow, by the index of their name.
#[derive(Clone, Debug, Default)]
pub struct FlowInts {
    inline: arrayvec::ArrayVec<(u16, u32), INLINE>,
    more: Vec<(u16, u32)>,
}

impl FlowInts {
    /// The number of this name, if it is set.
    #[must_use]
    pub fn get(&self, name: u16) -> Option<u32> {
        self.inline.iter().chain(&self.more).find(|(n, _)| *n == name).map(|(_, value)| *value)
    }

    fn set(&mut self, name: u16, value: u32) {
        if let Some(entry) = self.inline.iter_mut().chain(&mut self.more).find(|(n, _)| *n == name) {
            entry.1 = value;
        } else if self.inline.try_push((name, value)).is_err() {
            self.more.push((name, value));
        }
    }

    /// All of them: index of the name, and value.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        self.inline.iter().chain(&self.more).copied()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operand {
    Number(u32),
    Name(u16),
}

/// The `flowint` options of a rule, names resolved.
#[derive(Debug, Default, PartialEq)]
pub struct FlowIntOps(Box<[(u16, FlowIntOp, Operand)]>);

impl FlowIntOps {
    /// Resolves names by the ruleset's table. An option with a name that is not in it is left out.
    #[must_use]
    pub fn new(options: &[FlowInt], index: &HashMap<&str, u16>) -> Self {
        let resolve = |option: &FlowInt| {
            let operand = match &option.operand {
                FlowIntOperand::Number(number) => Operand::Number(*number),
                FlowIntOperand::Name(name) => Operand::Name(*index.get(&**name)?),
            };
            Some((*index.get(&*option.name)?, option.op, operand))
        };
        Self(options.iter().filter_map(resolve).collect())
    }

    /// The rule has no `flowint`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Some option changes a number.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.0.iter().any(|(_, op, _)| !op.is_test())
    }

    /// Whether the tests hold. A comparison with, or of, a number that is not set does not.
    #[must_use]
    pub fn hold(&self, ints: &FlowInts) -> bool {
        self.0.iter().all(|&(name, op, operand)| match op {
            FlowIntOp::IsSet => ints.get(name).is_some(),
            FlowIntOp::NotSet => ints.get(name).is_none(),
            FlowIntOp::Compare(order) => {
                ints.get(name).zip(operand.value(ints)).is_some_and(|(left, right)| order.holds(left, right))
            }
            FlowIntOp::Add | FlowIntOp::Subtract | FlowIntOp::Assign => true,
        })
    }

    /// Does what the rule does to the flow when it matches.
    pub fn apply(&self, ints: &mut FlowInts) {
        for &(name, op, operand) in &self.0 {
            let Some(value) = operand.value(ints) else { continue };
            let before = ints.get(name).unwrap_or(0);
            match op {
                FlowIntOp::Add => ints.set(name, before.saturating_add(value)),
                FlowIntOp::Subtract => ints.set(name, before.saturating_sub(value)),
                FlowIntOp::Assign => ints.set(name, value),
                FlowIntOp::Compare(_) | FlowIntOp::IsSet | FlowIntOp::NotSet => {}
            }
        }
    }
}

impl Operand {
    fn value(self, ints: &FlowInts) -> Option<u32> {
        match self {
            Self::Number(number) => Some(number),
            Self::Name(name) => ints.get(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sekisho_signatures::kept::Order;

    const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

    fn ops(name: &str, op: FlowIntOp, operand: FlowIntOperand) -> FlowIntOps {
        let index: HashMap<&str, u16> = NAMES.iter().zip(0..).map(|(n, i)| (*n, i)).collect();
        FlowIntOps::new(&[FlowInt { name: name.into(), op, operand }], &index)
    }

    fn number(name: &str, op: FlowIntOp, value: u32) -> FlowIntOps {
        ops(name, op, FlowIntOperand::Number(value))
    }

    #[test]
    fn numbers_are_kept_compared_and_changed() {
        let mut ints = FlowInts::default();
        assert!(number("a", FlowIntOp::NotSet, 0).hold(&ints) && !number("a", FlowIntOp::IsSet, 0).hold(&ints));
        assert!(!number("a", FlowIntOp::Compare(Order::NotEqual), 5).hold(&ints));
        number("a", FlowIntOp::Add, 2).apply(&mut ints);
        number("a", FlowIntOp::Add, 1).apply(&mut ints);
        for (order, value, holds) in [
            (Order::Equal, 3, true),
            (Order::NotEqual, 3, false),
            (Order::Greater, 2, true),
            (Order::GreaterOrEqual, 4, false),
            (Order::Less, 4, true),
            (Order::LessOrEqual, 2, false),
        ] {
            assert_eq!(number("a", FlowIntOp::Compare(order), value).hold(&ints), holds, "{order:?} {value}");
        }
        ops("b", FlowIntOp::Assign, FlowIntOperand::Name("a".into())).apply(&mut ints);
        ops("c", FlowIntOp::Add, FlowIntOperand::Name("g".into())).apply(&mut ints);
        assert_eq!((ints.get(1), ints.get(2)), (Some(3), None));
        assert!(ops("a", FlowIntOp::Compare(Order::Equal), FlowIntOperand::Name("b".into())).hold(&ints));
        number("b", FlowIntOp::Subtract, 9).apply(&mut ints);
        assert_eq!(ints.get(1), Some(0));
        number("b", FlowIntOp::Assign, u32::MAX).apply(&mut ints);
        number("b", FlowIntOp::Add, 1).apply(&mut ints);
        assert_eq!(ints.get(1), Some(u32::MAX));
    }

    proptest! {
        #[test]
        fn a_flow_keeps_as_many_as_its_rules_set(steps in prop::collection::vec((0..NAMES.len(), 0_u32..9, any::<bool>()), 0..40)) {
            let (mut ints, mut model) = (FlowInts::default(), HashMap::<u16, u32>::new());
            for (name, value, add) in steps {
                let op = if add { FlowIntOp::Add } else { FlowIntOp::Assign };
                number(NAMES[name], op, value).apply(&mut ints);
                let entry = model.entry(name as u16).or_default();
                *entry = if add { *entry + value } else { value };
            }
            prop_assert_eq!(ints.iter().collect::<HashMap<_, _>>(), model);
        }
    }
}
