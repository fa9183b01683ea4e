//! Negotiation, log-on and shares of SMB 1 ([MS-CIFS] 2.2.4.52 to 55, [MS-SMB] 2.2.4.5 to 7).

use super::event;
use super::header::Header;
use super::names::{next_text, text};
use super::session::Session;
use super::smb1::Block;
use super::smb2::{Message, setup};
use super::transaction::Details;

/// A share of named pipes, by its name.
#[must_use]
pub fn ends_in_ipc(name: &[u8]) -> bool {
    name.rsplit(|byte| *byte == b'\\').next().is_some_and(|last| last.eq_ignore_ascii_case(b"IPC$"))
}

/// The client's dialects.
pub(super) fn negotiate(m: &mut Message<'_, '_>, block: &Block<'_>) -> Details {
    let mut dialects = Vec::new();
    let mut rest = block.bytes;
    while let [first, behind @ ..] = rest {
        if *first != 2 || dialects.len() >= 64 {
            m.observer.event(None, m.direction, event::NEGOTIATE_MALFORMED_DIALECTS);
            break;
        }
        let (name, next) = next_text(behind, false);
        dialects.push(name);
        rest = next;
    }
    Details::Negotiate { dialects, client_guid: None, server_guid: None, limits: None }
}

/// The server's choice.
pub(super) fn negotiated(session: &mut Session, index: usize, block: &Block<'_>) {
    let choice = block.word(0).unwrap_or(0xffff);
    let Some(Details::Negotiate { dialects, .. }) = session.details(index) else { return };
    let chosen = dialects.get(usize::from(choice)).map(|name| String::from_utf8_lossy(name).into_owned());
    session.dialect = chosen;
}

/// A log-on, in the forms with 10, 12 and 13 words.
pub(super) fn session_setup(m: &mut Message<'_, '_>, block: &Block<'_>) -> Details {
    let unicode = m.header.unicode;
    let len = |at: usize| block.word(at).map_or(0, usize::from);
    let passwords = match block.words.len() {
        24 => len(7),
        26 => len(7) + len(8),
        20 => len(7),
        _ => 0,
    };
    let (blob, rest) = block.bytes.split_at_checked(passwords).unwrap_or((block.bytes, &[]));
    let extended = block.words.len() == 24;
    let mut details = if extended {
        setup(m, blob)
    } else {
        Details::SessionSetup { ntlmssp: None, kerberos: None, native: [None, None] }
    };
    let mut rest = aligned(rest, block.at + passwords, unicode);
    if !extended {
        // The account and its domain, in the clear.
        for _ in 0..2 {
            rest = next_text(rest, unicode).1;
        }
    }
    if let Details::SessionSetup { native, .. } = &mut details {
        native[0] = native_names(rest, unicode);
    }
    details
}

/// What the server says of itself.
pub(super) fn session_answered(session: &mut Session, index: usize, header: &Header, block: &Block<'_>) {
    let blob = if block.words.len() == 8 { block.word(3).map_or(0, usize::from) } else { 0 };
    let rest = aligned(block.bytes.get(blob..).unwrap_or_default(), block.at + blob, header.unicode);
    if let Some(Details::SessionSetup { native, .. }) = session.details(index) {
        native[1] = native_names(rest, header.unicode);
    }
    if let Some(transaction) = session.transactions.get_mut(index) {
        transaction.header.session = header.session;
    }
}

fn native_names(bytes: &[u8], unicode: bool) -> Option<(Vec<u8>, Vec<u8>)> {
    if bytes.is_empty() {
        return None;
    }
    let (system, rest) = next_text(bytes, unicode);
    let (manager, _) = next_text(rest, unicode);
    Some((system, manager))
}

/// UTF-16 begins at an even place, counted from the header.
pub(super) fn aligned(bytes: &[u8], at: usize, unicode: bool) -> &[u8] {
    if unicode && at % 2 == 1 { bytes.get(1..).unwrap_or_default() } else { bytes }
}

/// A share is connected.
pub(super) fn tree_connect(m: &Message<'_, '_>, block: &Block<'_>) -> Details {
    let password = block.word(3).map_or(0, usize::from);
    let unicode = m.header.unicode;
    let rest = aligned(block.bytes.get(password..).unwrap_or_default(), block.at + password, unicode);
    let (name, rest) = next_text(rest, unicode);
    let (service, _) = next_text(rest, false);
    let pipe = service == b"IPC" || ends_in_ipc(&name);
    Details::TreeConnect { name, pipe, share_type: None, service: [Some(service), None] }
}

/// The same, in its first form.
pub(super) fn tree_connect_old(block: &Block<'_>) -> Details {
    let mut texts = [(); 3].map(|()| Vec::new());
    let mut rest = block.bytes;
    for out in &mut texts {
        if let [4, behind @ ..] = rest {
            (*out, rest) = next_text(behind, false);
        }
    }
    let [name, _, service] = texts;
    let pipe = service == b"IPC" || ends_in_ipc(&name);
    Details::TreeConnect { name, pipe, share_type: None, service: [Some(service), None] }
}

/// The server has connected it.
pub(super) fn tree_connected(session: &mut Session, index: usize, header: &Header, block: &Block<'_>) {
    let end = block.bytes.iter().position(|byte| *byte == 0).unwrap_or(block.bytes.len());
    let server = text(block.bytes.get(..end).unwrap_or_default(), false);
    let Some(Details::TreeConnect { name, pipe, service, .. }) = session.details(index) else { return };
    if !server.is_empty() {
        *pipe = server == b"IPC";
        service[1] = Some(server);
    }
    let (name, pipe) = (name.clone(), *pipe);
    session.connect(header, &name, pipe);
    if let Some(transaction) = session.transactions.get_mut(index) {
        transaction.header.tree = header.tree;
    }
}
