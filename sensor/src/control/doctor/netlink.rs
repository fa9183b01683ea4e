//! What the kernel tells and takes over netlink alone: an interface's flags, and what its driver can do with XDP.

use super::facts::XdpFacts;
use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, NLM_F_ACK, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable, Nla as _, NlasIterator, Parseable as _, ParseableParametrized,
};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_sys::protocols::{NETLINK_GENERIC, NETLINK_ROUTE};
use netlink_sys::{Socket, SocketAddr};
use std::io;

// include/uapi/linux/netdev.h
const FAMILY: &str = "netdev";
const CMD_DEV_GET: u8 = 1;
const A_DEV_IFINDEX: u16 = 1;
const A_DEV_XDP_FEATURES: u16 = 3;
const XDP_ACT_BASIC: u64 = 1;
const XDP_ACT_REDIRECT: u64 = 2;
const XDP_ACT_XSK_ZEROCOPY: u64 = 8;
const XDP_ACT_RX_SG: u64 = 32;

/// What `ip link` shows of an interface, as far as it is judged or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// Set up.
    pub up: bool,
    /// Promiscuous by the administrator's word, or since some program asks for it.
    pub promiscuous: bool,
}

/// Asks for an interface's flags.
///
/// # Errors
/// As the kernel says.
pub fn flags(interface: &str) -> io::Result<Flags> {
    let mut request = LinkMessage::default();
    request.attributes.push(LinkAttribute::IfName(interface.to_owned()));
    let NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) =
        route(RouteNetlinkMessage::GetLink(request), NLM_F_REQUEST)?
    else {
        return Err(unexpected());
    };
    let asked = link.attributes.iter().any(|a| matches!(a, LinkAttribute::Promiscuity(n) if *n > 0));
    let flags = link.header.flags;
    Ok(Flags { up: flags.contains(LinkFlags::Up), promiscuous: flags.contains(LinkFlags::Promisc) || asked })
}

/// Sets an interface up or down.
///
/// # Errors
/// As the kernel says.
pub fn set_up(interface: &str, on: bool) -> io::Result<()> {
    set(interface, LinkFlags::Up, on)
}

/// Makes an interface take every frame, or only those for it.
///
/// # Errors
/// As the kernel says.
pub fn set_promiscuous(interface: &str, on: bool) -> io::Result<()> {
    set(interface, LinkFlags::Promisc, on)
}

fn set(interface: &str, flag: LinkFlags, on: bool) -> io::Result<()> {
    let mut request = LinkMessage::default();
    request.attributes.push(LinkAttribute::IfName(interface.to_owned()));
    request.header.flags = if on { flag } else { LinkFlags::empty() };
    request.header.change_mask = flag;
    match route(RouteNetlinkMessage::SetLink(request), NLM_F_REQUEST | NLM_F_ACK)? {
        NetlinkPayload::Error(_) => Ok(()),
        _ => Err(unexpected()),
    }
}

fn route(message: RouteNetlinkMessage, flags: u16) -> io::Result<NetlinkPayload<RouteNetlinkMessage>> {
    exchange(NETLINK_ROUTE, NetlinkPayload::from(message), flags)
}

/// What the driver of an interface can do with XDP.
///
/// # Errors
/// `ENOENT` on a kernel before 6.3; else as the kernel says.
pub fn xdp_features(index: u32) -> io::Result<XdpFacts> {
    let family = GenlCtrl { cmd: GenlCtrlCmd::GetFamily, nlas: vec![GenlCtrlAttrs::FamilyName(FAMILY.to_owned())] };
    let answer = exchange(NETLINK_GENERIC, NetlinkPayload::from(GenlMessage::from_payload(family)), NLM_F_REQUEST)?;
    let NetlinkPayload::InnerMessage(GenlMessage { payload: GenlCtrl { nlas, .. }, .. }) = answer else {
        return Err(unexpected());
    };
    let number = nlas.iter().find_map(|nla| match nla {
        GenlCtrlAttrs::FamilyId(id) => Some(*id),
        _ => None,
    });
    let mut message =
        GenlMessage::from_payload(DevGet(vec![DefaultNla::new(A_DEV_IFINDEX, index.to_ne_bytes().to_vec())]));
    message.set_resolved_family_id(number.ok_or_else(unexpected)?);
    let answer = exchange(NETLINK_GENERIC, NetlinkPayload::from(message), NLM_F_REQUEST)?;
    let NetlinkPayload::InnerMessage(GenlMessage { payload: DevGet(nlas), .. }) = answer else {
        return Err(unexpected());
    };
    let bits = nlas.iter().find(|nla| nla.kind() == A_DEV_XDP_FEATURES).and_then(number_of).ok_or_else(unexpected)?;
    Ok(XdpFacts {
        native: bits & XDP_ACT_BASIC != 0,
        redirect: bits & XDP_ACT_REDIRECT != 0,
        zero_copy: bits & XDP_ACT_XSK_ZEROCOPY != 0,
        multi_buffer: bits & XDP_ACT_RX_SG != 0,
    })
}

fn number_of(nla: &DefaultNla) -> Option<u64> {
    let mut value = [0; 8];
    if nla.value_len() != value.len() {
        return None;
    }
    nla.emit_value(&mut value);
    Some(u64::from_ne_bytes(value))
}

/// A message of the family `netdev` about one interface.
#[derive(Clone, Debug)]
struct DevGet(Vec<DefaultNla>);

impl GenlFamily for DevGet {
    fn family_name() -> &'static str {
        FAMILY
    }

    fn command(&self) -> u8 {
        CMD_DEV_GET
    }

    fn version(&self) -> u8 {
        1
    }
}

impl Emitable for DevGet {
    fn buffer_len(&self) -> usize {
        self.0.as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.0.as_slice().emit(buffer);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for DevGet {
    fn parse_with_param(bytes: &[u8], _header: GenlHeader) -> Result<Self, DecodeError> {
        let nlas = NlasIterator::new(bytes).map(|nla| DefaultNla::parse(&nla?));
        Ok(Self(nlas.collect::<Result<_, _>>()?))
    }
}

fn unexpected() -> io::Error {
    io::Error::other("the kernel's answer is of an unexpected kind")
}

/// Sends one message and takes the answer; a refusal is an error with its code.
fn exchange<T>(protocol: isize, payload: NetlinkPayload<T>, flags: u16) -> io::Result<NetlinkPayload<T>>
where
    T: NetlinkSerializable + NetlinkDeserializable,
{
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    let mut message = NetlinkMessage::new(header, payload);
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    let mut socket = Socket::new(protocol)?;
    socket.bind_auto()?;
    socket.send_to(&bytes, &SocketAddr::new(0, 0), 0)?;
    let (answer, _) = socket.recv_from_full()?;
    let answer = NetlinkMessage::<T>::deserialize(&answer).map_err(|e| io::Error::other(e.to_string()))?;
    match answer.payload {
        NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
        payload => Ok(payload),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_up_and_takes_no_program_in_its_driver() {
        assert!(flags("lo").unwrap().up);
        match xdp_features(1) {
            Ok(features) => assert!(!features.zero_copy, "{features:?}"),
            // A kernel before 6.3.
            Err(error) => assert_eq!(error.raw_os_error(), Some(nix::libc::ENOENT)),
        }
    }

    #[test]
    fn an_interface_that_is_not_there_is_an_error() {
        assert_eq!(flags("no-such-if").unwrap_err().raw_os_error(), Some(nix::libc::ENODEV));
        assert!(xdp_features(0x7fff_fff0).is_err());
    }
}
