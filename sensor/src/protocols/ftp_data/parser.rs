//! Bytes of either direction, to the file that they are.

use super::FtpDataNote;
use super::transaction::FtpDataTransaction;
use crate::packet::Direction;
use crate::protocols::file::{FileState, FileTracker};
use crate::protocols::{Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;
use std::any::Any;

/// Reads a flow.
#[derive(Debug, Default)]
pub struct FtpDataParser {
    transaction: FtpDataTransaction,
    /// The way the data goes, once some came.
    direction: Option<Direction>,
    /// Both directions are over.
    ended: [bool; 2],
    told: bool,
}

impl FtpDataParser {
    /// For a new flow.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The file, if this direction has one.
    fn file(&mut self, direction: Direction, observer: &mut dyn Observer) -> Option<&mut FileTracker> {
        if *self.direction.get_or_insert(direction) != direction {
            return None;
        }
        let transaction = &mut self.transaction;
        transaction.direction = direction;
        let note = transaction.note.as_ref().filter(|note| is_file(note.command))?;
        Some(transaction.file.get_or_insert_with(|| FileTracker::new(&note.file, observer.file_policy())))
    }

    fn finish(&mut self, observer: &mut dyn Observer) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let transaction = &mut self.transaction;
        let direction = transaction.direction;
        if let Some(file) = &mut transaction.file {
            file.close(FileState::Closed);
            observer.progress(transaction, direction, Progress::Body);
        }
        observer.progress(transaction, direction, Progress::Complete);
        observer.progress(transaction, direction.reverse(), Progress::Complete);
        if transaction.file.is_some() {
            observer.file(transaction, direction, 0);
        }
        observer.log(transaction, direction);
    }
}

fn is_file(command: &str) -> bool {
    matches!(command, "RETR" | "STOR" | "STOU" | "APPE")
}

impl Parser for FtpDataParser {
    fn protocol(&self) -> Protocol {
        Protocol::FtpData
    }

    fn expected(&mut self, note: &(dyn Any + Send + Sync)) {
        self.transaction.note = note.downcast_ref::<FtpDataNote>().cloned();
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        if let Some(file) = self.file(direction, observer).filter(|_| !bytes.is_empty()) {
            file.push(bytes);
            observer.progress(&mut self.transaction, direction, Progress::Body);
        }
        Status::More
    }

    fn gap(&mut self, direction: Direction, len: u64, observer: &mut dyn Observer) -> Status {
        if let Some(file) = self.file(direction, observer) {
            file.gap(len);
        }
        Status::More
    }

    fn end(&mut self, direction: Direction, observer: &mut dyn Observer) {
        self.ended[direction.index()] = true;
        // Who sends ends the file; the other side has nothing to say.
        if self.direction == Some(direction) || self.ended == [true; 2] {
            self.finish(observer);
        }
    }
}
