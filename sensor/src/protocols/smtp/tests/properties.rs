use super::*;
use crate::packet::Direction;
use crate::protocols::Parser;
use crate::protocols::testing::heard::{change, changes, cut, sizes};
use proptest::collection::vec;
use proptest::prelude::*;

fn conversations() -> impl Strategy<Value = Conversation> {
    prop_oneof![
        Just(conversation(MAIL)),
        Just(conversation(
            "S: 220 x\nEHLO c\nS: 250 PIPELINING\nMAIL FROM:<a>\nDATA\nhello\n.\nRSET\nQUIT\nS: 250 a\nS: 354 c\nS: 250 d"
        )),
        Just(conversation("S: 220 x\nEHLO c\nS: 250 ok\nBDAT 7\nabcde\nBDAT 3 LAST\nx\nQUIT\n")),
        Just(conversation("S: 220 x\nSTARTTLS\nS: 220 ok\nS: more\n")),
    ]
}

fn side() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(ToServer), Just(ToClient)]
}

proptest! {
    #[test]
    fn cuts_change_nothing(all in conversations(), changes in changes(), sizes in sizes()) {
        let all = change(&all, &changes);
        let whole = Told::of(&mut SmtpParser::new(), &all);
        prop_assert_eq!(Told::of(&mut SmtpParser::new(), &cut(&all, &sizes)), whole);
    }

    #[test]
    fn nothing_panics(pieces in vec((side(), vec(any::<u8>(), 0..60), 0..400u64), 0..30)) {
        let mut parser = SmtpParser::new();
        let mut told = Told::default();
        for (direction, bytes, gap) in pieces {
            parser.data(direction, &bytes, &mut told);
            if gap > 300 {
                parser.gap(direction, gap, &mut told);
            }
        }
        parser.end(ToServer, &mut told);
        parser.end(ToClient, &mut told);
    }

    #[test]
    fn gaps_anywhere(changes in changes(), sizes in sizes(), gaps in vec(any::<bool>(), 1..40)) {
        let all = cut(&change(&conversation(MAIL), &changes), &sizes);
        let mut parser = SmtpParser::new();
        let mut told = Told::default();
        for ((direction, bytes), gap) in all.iter().zip(gaps.iter().cycle()) {
            if *gap && bytes.len() > 20 {
                parser.gap(*direction, bytes.len() as u64, &mut told);
            } else {
                parser.data(*direction, bytes, &mut told);
            }
        }
        parser.end(ToServer, &mut told);
        parser.end(ToClient, &mut told);
        prop_assert!(told.records.len() <= 12);
    }
}
