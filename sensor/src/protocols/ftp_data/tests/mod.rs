//! Transfers as bytes.

use super::{FtpDataNote, FtpDataParser};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::Parser;
use crate::protocols::file::FileState;
use crate::protocols::testing::heard::{Told, cut, sizes};
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

fn parser(command: &'static str, file: &[u8]) -> FtpDataParser {
    let mut parser = FtpDataParser::new();
    parser.expected(&FtpDataNote { command, file: file.into() });
    parser
}

#[test]
fn a_file_has_the_name_that_was_asked_for() {
    let told = Told::of(&mut parser("RETR", b"a.exe"), &[(ToServer, b"MZ...".to_vec())]);
    assert_eq!((told.all(Buffer::FileData), told.all(Buffer::FileName)), (vec!["MZ..."], vec!["a.exe"]));
    // Asked of both directions.
    assert_eq!((told.all(Buffer::FtpdataCommand), told.files[0].size), (vec!["1", "1"], 5));
    assert_eq!(told.records, [json!({"ftp_data": {"filename": "a.exe", "command": "RETR"}})]);
    assert_eq!((told.files.len(), told.files[0].state), (1, FileState::Closed));
}

#[test]
fn a_listing_is_no_file() {
    let told = Told::of(&mut parser("NLST", b""), &[(ToClient, b"a.exe\r\n".to_vec())]);
    assert_eq!((told.all(Buffer::FileData).len(), told.files.len()), (0, 0));
    assert_eq!(told.records, [json!({"ftp_data": {"command": "NLST"}})]);
}

#[test]
fn bytes_that_are_missing_and_bytes_of_the_other_side() {
    let mut parser = parser("STOR", b"up");
    let mut told = Told::default();
    parser.data(ToServer, b"abc", &mut told);
    parser.data(ToClient, b"odd", &mut told);
    parser.gap(ToServer, 4, &mut told);
    parser.end(ToServer, &mut told);
    parser.end(ToClient, &mut told);
    let file = &told.files[0];
    assert_eq!((file.size, file.state, file.gaps), (7, FileState::Truncated, true));
}

#[test]
fn without_a_note_it_is_a_connection_and_no_more() {
    let told = Told::of(&mut FtpDataParser::new(), &[(ToClient, b"abc".to_vec())]);
    assert_eq!((told.files.len(), told.records), (0, vec![json!({"ftp_data": {}})]));
}

proptest! {
    #[test]
    fn cuts_change_nothing(data in proptest::collection::vec(any::<u8>(), 1..300), sizes in sizes()) {
        let all = [(ToClient, data)];
        let whole = Told::of(&mut parser("RETR", b"x"), &all);
        prop_assert_eq!(Told::of(&mut parser("RETR", b"x"), &cut(&all, &sizes)), whole);
    }
}
