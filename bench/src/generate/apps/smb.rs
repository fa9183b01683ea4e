//! SMB 3.0.2 (MS-SMB2): a workstation logs on to the file server with NTLM, connects to a share, reads and writes files in pieces of 64 KiB,
//! and leaves.

use super::smb_messages::{self as smb, Context, LOGOFF, MORE, TREE_DISCONNECT};
use super::{Done, Ending, Stage, Step, size};
use crate::generate::frame::{CLIENT, SERVER};
use crate::generate::message::Body;
use crate::generate::world::word;
use fastrand::Rng;

/// Bytes read or written at a time.
const PIECE: u64 = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Negotiate,
    Challenge,
    Authenticate,
    Connect,
    Create,
    Transfer,
    Close,
    Disconnect,
    LogOff,
    End,
}

/// See the module's head.
#[derive(Debug)]
pub struct Smb {
    at: At,
    /// The request was made, its answer is next.
    asked: bool,
    context: Context,
    guid: [u8; 16],
    user: &'static str,
    /// Files still to come, this one included.
    left: u8,
    file: [u8; 16],
    write: bool,
    size: u64,
    done: u64,
    /// Where in the pool of noise the file's content starts.
    start: u32,
}

impl Smb {
    pub fn new(rng: &mut Rng) -> Self {
        let mut guid = [0; 16];
        rng.fill(&mut guid);
        Self {
            at: At::Negotiate,
            asked: false,
            context: Context::default(),
            guid,
            user: word(rng),
            left: rng.u8(1..8),
            file: [0; 16],
            write: false,
            size: 0,
            done: 0,
            start: 0,
        }
    }

    pub fn next(&mut self, stage: &mut Stage<'_>) -> Step {
        if self.at == At::End {
            return Step::End(Ending::Fin(CLIENT));
        }
        self.asked = !self.asked;
        if self.asked {
            let body = self.ask(stage);
            let pause = match self.at {
                At::Create => stage.think(400.0),
                At::Disconnect => stage.think(2_000.0),
                _ => stage.work(0.2),
            };
            return Step::say(CLIENT, pause).with(body);
        }
        let (next, done, body) = self.answer(stage);
        self.at = next;
        self.context.message += 1;
        let pause = stage.work(if body.len > 0 { 0.8 } else { 0.3 });
        Step::say(SERVER, pause).with(body).counted(done)
    }

    fn piece(&self) -> u64 {
        PIECE.min(self.size - self.done)
    }

    /// What is in the file at this point.
    fn content(&self) -> Body {
        let start = (u64::from(self.start) + self.done) % (1 << 20);
        Body { start: start as u32, len: self.piece(), ..Body::NONE }
    }

    fn ask(&mut self, stage: &mut Stage<'_>) -> Body {
        let (out, c) = (&mut *stage.head, &self.context);
        match self.at {
            At::Negotiate => smb::negotiate(out, c, &self.guid),
            At::Challenge => smb::session_setup(out, c, &smb::ntlm_negotiate()),
            At::Authenticate => {
                let mut proof = [0; 24];
                stage.rng.fill(&mut proof);
                let token = smb::ntlm_authenticate(self.user, "DESK-07", &proof);
                smb::session_setup(out, c, &token);
            }
            At::Connect => smb::tree_connect(out, c, "\\\\fileserver\\common"),
            At::Create => {
                self.write = stage.rng.u8(..10) < 3;
                self.size = size(stage.rng, 40_000.0, 1.7, 20, 30_000_000);
                self.start = stage.rng.u32(..1 << 20);
                self.done = 0;
                let ending = ["docx", "xlsx", "pdf", "txt", "jpg"][stage.rng.usize(..5)];
                let name = format!("{}\\{}-{}.{ending}", word(stage.rng), word(stage.rng), stage.rng.u16(..));
                smb::create(out, c, &name, self.write);
            }
            At::Transfer if self.write => {
                smb::write(out, c, &self.file, self.done, self.piece());
                return self.content();
            }
            At::Transfer => smb::read(out, c, &self.file, self.done, self.piece()),
            At::Close => smb::close(out, c, &self.file),
            At::Disconnect => smb::leave(out, c, TREE_DISCONNECT, false),
            At::LogOff | At::End => smb::leave(out, c, LOGOFF, false),
        }
        Body::NONE
    }

    fn answer(&mut self, stage: &mut Stage<'_>) -> (At, Done, Body) {
        let out = &mut *stage.head;
        let mut body = Body::NONE;
        let mut done = Done::Smb;
        let next = match self.at {
            At::Negotiate => {
                smb::negotiated(out, &self.context, b"sekisho-traffic!");
                At::Challenge
            }
            At::Challenge => {
                self.context.session = stage.rng.u64(1..) & 0x0000_ffff_ffff_ffff;
                smb::session_set_up(out, &self.context, MORE, &smb::ntlm_challenge(stage.rng.u64(..).to_le_bytes()));
                At::Authenticate
            }
            At::Authenticate => {
                smb::session_set_up(out, &self.context, 0, &[]);
                At::Connect
            }
            At::Connect => {
                self.context.tree = stage.rng.u32(1..);
                smb::tree_connected(out, &self.context);
                At::Create
            }
            At::Create => {
                stage.rng.fill(&mut self.file);
                smb::created(out, &self.context, &self.file, if self.write { 0 } else { self.size }, self.write);
                At::Transfer
            }
            At::Transfer => {
                if self.write {
                    smb::written(out, &self.context, self.piece());
                } else {
                    smb::was_read(out, &self.context, self.piece());
                    body = self.content();
                }
                self.done += self.piece();
                if self.done < self.size { At::Transfer } else { At::Close }
            }
            At::Close => {
                smb::closed(out, &self.context);
                done = Done::SmbFile;
                self.left -= 1;
                if self.left > 0 { At::Create } else { At::Disconnect }
            }
            At::Disconnect => {
                smb::leave(out, &self.context, TREE_DISCONNECT, true);
                At::LogOff
            }
            At::LogOff | At::End => {
                smb::leave(out, &self.context, LOGOFF, true);
                At::End
            }
        };
        (next, done, body)
    }
}
