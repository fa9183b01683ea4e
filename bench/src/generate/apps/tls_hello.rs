//! Hello messages of TLS as a few clients in use send them, so that fingerprints of clients and servers are those of an office:
//! ciphers, extensions and their order are the client's, names, keys and random values the flow's.

use fastrand::Rng;

/// What a client's hello is made of. 0x0a0a stands for a GREASE value (RFC 8701).
#[derive(Debug)]
pub struct Client {
    /// It offers TLS 1.3.
    pub thirteen: bool,
    ciphers: &'static [u16],
    extensions: &'static [u16],
    groups: &'static [u16],
    signatures: &'static [u16],
    /// It speaks HTTP/2.
    h2: bool,
}

const GREASE: u16 = 0x0a0a;
const SIGNATURES: &[u16] = &[0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];

/// A browser of the Chromium family, Firefox, a tool on OpenSSL 3, Windows' own library, a script with no ALPN.
pub const CLIENTS: [Client; 5] = [
    Client {
        thirteen: true,
        ciphers: &[GREASE, 4865, 4866, 4867, 49195, 49199, 49196, 49200, 52393, 52392, 49171, 49172, 156, 157, 47, 53],
        extensions: &[GREASE, 0, 23, 65281, 10, 11, 35, 16, 5, 13, 18, 51, 45, 43, 27],
        groups: &[GREASE, 29, 23, 24],
        signatures: SIGNATURES,
        h2: true,
    },
    Client {
        thirteen: true,
        ciphers: &[
            4865, 4867, 4866, 49195, 49199, 52393, 52392, 49196, 49200, 49162, 49161, 49171, 49172, 156, 157, 47, 53,
        ],
        extensions: &[0, 23, 65281, 10, 11, 35, 16, 5, 34, 51, 43, 13, 45, 28],
        groups: &[29, 23, 24, 25, 256, 257],
        signatures: &[0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201],
        h2: true,
    },
    Client {
        thirteen: true,
        ciphers: &[
            4866, 4867, 4865, 49196, 49200, 159, 52393, 52392, 52394, 49195, 49199, 158, 49188, 49192, 107, 49187,
            49191, 103, 49162, 49172, 57, 49161, 49171, 51, 157, 156, 61, 60, 53, 47, 255,
        ],
        extensions: &[0, 11, 10, 16, 22, 23, 13, 43, 45, 51],
        groups: &[29, 23, 30, 25, 24],
        signatures: SIGNATURES,
        h2: true,
    },
    Client {
        thirteen: false,
        ciphers: &[
            49196, 49195, 49200, 49199, 49188, 49187, 49192, 49191, 49162, 49161, 49172, 49171, 157, 156, 61, 60, 53,
            47, 10,
        ],
        extensions: &[0, 5, 10, 11, 13, 35, 23, 65281],
        groups: &[29, 23, 24],
        signatures: SIGNATURES,
        h2: false,
    },
    Client {
        thirteen: true,
        ciphers: &[
            4866, 4867, 4865, 49196, 49200, 49195, 49199, 52393, 52392, 159, 158, 52394, 49188, 49192, 157, 156, 255,
        ],
        extensions: &[0, 11, 10, 35, 22, 23, 13, 43, 45, 51],
        groups: &[29, 23, 30, 25, 24],
        signatures: SIGNATURES,
        h2: false,
    },
];

/// A list of 16-bit numbers after its length in bytes, of 16 bits too.
fn numbers(out: &mut Vec<u8>, list: &[u16], grease: u16) {
    out.extend((2 * list.len() as u16).to_be_bytes());
    out.extend(list.iter().flat_map(|&n| if n == GREASE { grease } else { n }.to_be_bytes()));
}

fn random(out: &mut Vec<u8>, rng: &mut Rng, len: usize) {
    out.extend(std::iter::repeat_with(|| rng.u8(..)).take(len));
}

/// Runs `body`, and puts the length of what it wrote before it, in 16 bits.
fn sized(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend([0, 0]);
    body(out);
    let len = (out.len() - at - 2) as u16;
    out[at..at + 2].copy_from_slice(&len.to_be_bytes());
}

/// Body of a ClientHello (RFC 8446, section 4.1.2).
pub fn client_hello(client: &Client, name: &str, session: &[u8; 32], rng: &mut Rng) -> Vec<u8> {
    let grease = 0x0a0a + 0x1010 * rng.u16(..16);
    let mut out = vec![3, 3];
    random(&mut out, rng, 32);
    if client.thirteen {
        out.push(32);
        out.extend(session);
    } else {
        out.push(0);
    }
    numbers(&mut out, client.ciphers, grease);
    out.extend([1, 0]);
    sized(&mut out, |out| {
        for &kind in client.extensions {
            out.extend(if kind == GREASE { grease } else { kind }.to_be_bytes());
            sized(out, |out| extension(out, kind, client, name, grease, rng));
        }
    });
    out
}

/// An extension's data, by its number in the registry.
fn extension(out: &mut Vec<u8>, kind: u16, client: &Client, name: &str, grease: u16, rng: &mut Rng) {
    match kind {
        // server_name
        0 => sized(out, |out| {
            out.push(0);
            sized(out, |out| out.extend_from_slice(name.as_bytes()));
        }),
        // status_request: OCSP
        5 => out.extend([1, 0, 0, 0, 0]),
        // supported_groups
        10 => numbers(out, client.groups, grease),
        // ec_point_formats
        11 => out.extend([1, 0]),
        // signature_algorithms
        13 => numbers(out, client.signatures, grease),
        // application_layer_protocol_negotiation
        16 => sized(out, |out| {
            if client.h2 {
                out.extend_from_slice(b"\x02h2");
            }
            out.extend_from_slice(b"\x08http/1.1");
        }),
        // compress_certificate: Brotli
        27 => out.extend([2, 0, 2]),
        // record_size_limit
        28 => out.extend([0x40, 1]),
        // delegated_credentials
        34 => numbers(out, &[0x0403, 0x0503, 0x0603, 0x0203], grease),
        // supported_versions
        43 => {
            let first: &[u8] = if client.ciphers.first() == Some(&GREASE) { &grease.to_be_bytes() } else { &[] };
            out.push(4 + first.len() as u8);
            out.extend_from_slice(first);
            out.extend([3, 4, 3, 3]);
        }
        // psk_key_exchange_modes
        45 => out.extend([1, 1]),
        // key_share: x25519
        51 => sized(out, |out| {
            out.extend([0, 0x1d, 0, 32]);
            random(out, rng, 32);
        }),
        // renegotiation_info
        65281 => out.push(0),
        // GREASE, encrypt_then_mac, extended_master_secret, SCT, session_ticket: empty
        _ => {}
    }
}

/// Body of a ServerHello (RFC 8446, section 4.1.3, and RFC 5246, section 7.4.1.3).
pub fn server_hello(thirteen: bool, client: &Client, session: &[u8; 32], rng: &mut Rng) -> Vec<u8> {
    let mut out = vec![3, 3];
    random(&mut out, rng, 32);
    out.push(32);
    out.extend(session);
    out.extend(if thirteen { 4865_u16 } else { 49199 }.to_be_bytes());
    out.push(0);
    sized(&mut out, |out| {
        if thirteen {
            out.extend([0, 43, 0, 2, 3, 4, 0, 51, 0, 36, 0, 0x1d, 0, 32]);
            random(out, rng, 32);
            return;
        }
        out.extend([0xff, 1, 0, 1, 0, 0, 11, 0, 2, 1, 0]);
        if client.extensions.contains(&16) {
            let protocol: &[u8] = if client.h2 { b"\x02h2" } else { b"\x08http/1.1" };
            out.extend([0, 16]);
            sized(out, |out| sized(out, |out| out.extend_from_slice(protocol)));
        }
        out.extend([0, 23, 0, 0]);
    });
    out
}
