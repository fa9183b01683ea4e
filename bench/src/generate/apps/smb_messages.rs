//! Messages of SMB 3.0.2 (MS-SMB2), each with its NetBIOS session header (RFC 1002, section 4.3.1).

pub const NEGOTIATE: u16 = 0;
pub const SESSION_SETUP: u16 = 1;
pub const LOGOFF: u16 = 2;
pub const TREE_CONNECT: u16 = 3;
pub const TREE_DISCONNECT: u16 = 4;
pub const CREATE: u16 = 5;
pub const CLOSE: u16 = 6;
pub const READ: u16 = 8;
pub const WRITE: u16 = 9;

/// STATUS_MORE_PROCESSING_REQUIRED.
pub const MORE: u32 = 0xc000_0016;

/// The SPNEGO token with which a server offers NTLM (RFC 4178, section 4.2.1).
const OFFER: [u8; 30] = [
    0x60, 0x1c, 0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02, 0xa0, 0x12, 0x30, 0x10, 0xa0, 0x0e, 0x30, 0x0c, 0x06,
    0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a,
];
/// 2026-01-01 as a FILETIME, 100 ns since 1601.
const TIME: u64 = 134_116_992_000_000_000;

/// What is the same in all messages of a moment of a session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context {
    /// Number of the request.
    pub message: u64,
    pub session: u64,
    pub tree: u32,
}

/// Little-endian fields, appended one after another.
struct Fields<'a>(&'a mut Vec<u8>);

impl Fields<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }
    fn u8(&mut self, v: u8) -> &mut Self {
        self.bytes(&[v])
    }
    fn u16(&mut self, v: u16) -> &mut Self {
        self.bytes(&v.to_le_bytes())
    }
    fn u32(&mut self, v: u32) -> &mut Self {
        self.bytes(&v.to_le_bytes())
    }
    fn u64(&mut self, v: u64) -> &mut Self {
        self.bytes(&v.to_le_bytes())
    }
    fn zeros(&mut self, n: usize) -> &mut Self {
        self.0.resize(self.0.len() + n, 0);
        self
    }
}

pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A message; `more` bytes follow after what `body` writes.
fn message(
    out: &mut Vec<u8>,
    command: u16,
    (status, response): (u32, bool),
    context: &Context,
    more: u64,
    body: impl FnOnce(&mut Fields<'_>),
) {
    let at = out.len();
    let mut f = Fields(out);
    f.zeros(4).bytes(b"\xfeSMB").u16(64).u16(u16::from(command != NEGOTIATE)).u32(status).u16(command).u16(31);
    f.u32(u32::from(response)).u32(0).u64(context.message).u32(0xfeff).u32(context.tree).u64(context.session).zeros(16);
    body(&mut f);
    let len = (out.len() - at - 4) as u32 + more as u32;
    // Three bytes of length after a type of 0.
    out[at..at + 4].copy_from_slice(&(len & 0x00ff_ffff).to_be_bytes());
}

const REQUEST: (u32, bool) = (0, false);
const SUCCESS: (u32, bool) = (0, true);

pub fn negotiate(out: &mut Vec<u8>, context: &Context, guid: &[u8; 16]) {
    message(out, NEGOTIATE, REQUEST, context, 0, |f| {
        f.u16(36).u16(4).u16(1).u16(0).u32(0x7f).bytes(guid).u64(0);
        f.u16(0x0202).u16(0x0210).u16(0x0300).u16(0x0302);
    });
}

pub fn negotiated(out: &mut Vec<u8>, context: &Context, guid: &[u8; 16]) {
    message(out, NEGOTIATE, SUCCESS, context, 0, |f| {
        f.u16(65).u16(1).u16(0x0302).u16(0).bytes(guid).u32(0x2f);
        f.u32(8 << 20).u32(8 << 20).u32(8 << 20).u64(TIME).u64(0);
        f.u16(128).u16(OFFER.len() as u16).u32(0).bytes(&OFFER);
    });
}

pub fn session_setup(out: &mut Vec<u8>, context: &Context, token: &[u8]) {
    message(out, SESSION_SETUP, REQUEST, context, 0, |f| {
        f.u16(25).u8(0).u8(1).u32(1).u32(0).u16(88).u16(token.len() as u16).u64(0).bytes(token);
    });
}

pub fn session_set_up(out: &mut Vec<u8>, context: &Context, status: u32, token: &[u8]) {
    message(out, SESSION_SETUP, (status, true), context, 0, |f| {
        f.u16(9).u16(0).u16(72).u16(token.len() as u16).bytes(token);
    });
}

pub fn tree_connect(out: &mut Vec<u8>, context: &Context, share: &str) {
    let path = utf16(share);
    message(out, TREE_CONNECT, REQUEST, context, 0, |f| {
        f.u16(9).u16(0).u16(72).u16(path.len() as u16).bytes(&path);
    });
}

pub fn tree_connected(out: &mut Vec<u8>, context: &Context) {
    message(out, TREE_CONNECT, SUCCESS, context, 0, |f| {
        f.u16(16).u8(1).u8(0).u32(0x30).u32(0).u32(0x001f_01ff);
    });
}

pub fn create(out: &mut Vec<u8>, context: &Context, name: &str, write: bool) {
    let name = utf16(name);
    let (access, disposition) = if write { (0x0012_0116, 5) } else { (0x0012_0089, 1) };
    message(out, CREATE, REQUEST, context, 0, |f| {
        f.u16(57).u8(0).u8(0).u32(2).u64(0).u64(0).u32(access).u32(0x80).u32(7).u32(disposition).u32(0x40);
        f.u16(120).u16(name.len() as u16).u32(0).u32(0).bytes(&name);
    });
}

pub fn created(out: &mut Vec<u8>, context: &Context, file: &[u8; 16], size: u64, write: bool) {
    message(out, CREATE, SUCCESS, context, 0, |f| {
        f.u16(89).u8(0).u8(0).u32(if write { 2 } else { 1 }).u64(TIME).u64(TIME).u64(TIME).u64(TIME);
        f.u64(size.next_multiple_of(4096)).u64(size).u32(0x20).u32(0).bytes(file).u32(0).u32(0);
    });
}

pub fn read(out: &mut Vec<u8>, context: &Context, file: &[u8; 16], offset: u64, len: u64) {
    message(out, READ, REQUEST, context, 0, |f| {
        f.u16(49).u8(0x50).u8(0).u32(len as u32).u64(offset).bytes(file).u32(0).u32(0).u32(0).u16(0).u16(0).u8(0);
    });
}

/// `len` bytes follow.
pub fn was_read(out: &mut Vec<u8>, context: &Context, len: u64) {
    message(out, READ, SUCCESS, context, len, |f| {
        f.u16(17).u8(80).u8(0).u32(len as u32).u32(0).u32(0);
    });
}

/// `len` bytes follow.
pub fn write(out: &mut Vec<u8>, context: &Context, file: &[u8; 16], offset: u64, len: u64) {
    message(out, WRITE, REQUEST, context, len, |f| {
        f.u16(49).u16(112).u32(len as u32).u64(offset).bytes(file).u32(0).u32(0).u16(0).u16(0).u32(0);
    });
}

pub fn written(out: &mut Vec<u8>, context: &Context, len: u64) {
    message(out, WRITE, SUCCESS, context, 0, |f| {
        f.u16(17).u16(0).u32(len as u32).u32(0).u16(0).u16(0);
    });
}

pub fn close(out: &mut Vec<u8>, context: &Context, file: &[u8; 16]) {
    message(out, CLOSE, REQUEST, context, 0, |f| {
        f.u16(24).u16(0).u32(0).bytes(file);
    });
}

pub fn closed(out: &mut Vec<u8>, context: &Context) {
    message(out, CLOSE, SUCCESS, context, 0, |f| {
        f.u16(60).u16(0).u32(0).zeros(52);
    });
}

/// TREE_DISCONNECT or LOGOFF, asked or answered.
pub fn leave(out: &mut Vec<u8>, context: &Context, command: u16, response: bool) {
    message(out, command, (0, response), context, 0, |f| {
        f.u16(4).u16(0);
    });
}

/// NTLM's NEGOTIATE_MESSAGE (MS-NLMP, section 2.2.1.1).
pub fn ntlm_negotiate() -> Vec<u8> {
    let mut out = Vec::new();
    Fields(&mut out).bytes(b"NTLMSSP\0").u32(1).u32(0xe208_8297).zeros(16).bytes(&[10, 0, 0x61, 0x4a, 0, 0, 0, 15]);
    out
}

/// CHALLENGE_MESSAGE (section 2.2.1.2) of a server of the domain OFFICE.
pub fn ntlm_challenge(challenge: [u8; 8]) -> Vec<u8> {
    let name = utf16("OFFICE");
    let mut target = Vec::new();
    // The domain's name, and the end of the list.
    Fields(&mut target).u16(2).u16(name.len() as u16).bytes(&name).u16(0).u16(0);
    let (n, t) = (name.len() as u16, target.len() as u16);
    let mut out = Vec::new();
    let mut f = Fields(&mut out);
    f.bytes(b"NTLMSSP\0").u32(2).u16(n).u16(n).u32(56).u32(0xe289_8215).bytes(&challenge).zeros(8);
    f.u16(t).u16(t).u32(56 + u32::from(n)).bytes(&[10, 0, 0x63, 0x45, 0, 0, 0, 15]).bytes(&name).bytes(&target);
    out
}

/// AUTHENTICATE_MESSAGE (section 2.2.1.3) with random answers.
pub fn ntlm_authenticate(user: &str, host: &str, answer: &[u8]) -> Vec<u8> {
    let parts = [
        answer.to_vec(),
        answer.to_vec(),
        utf16("OFFICE"),
        utf16(user),
        utf16(host),
        answer[..16.min(answer.len())].to_vec(),
    ];
    let mut out = Vec::new();
    let mut f = Fields(&mut out);
    f.bytes(b"NTLMSSP\0").u32(3);
    let mut at = 8 + 4 + 6 * 8 + 4 + 8 + 16;
    for part in &parts {
        f.u16(part.len() as u16).u16(part.len() as u16).u32(at);
        at += part.len() as u32;
    }
    f.u32(0xe288_8215).bytes(&[10, 0, 0x61, 0x4a, 0, 0, 0, 15]).zeros(16);
    for part in &parts {
        f.bytes(part);
    }
    out
}
