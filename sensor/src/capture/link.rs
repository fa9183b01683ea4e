//! What the kernel says about a network interface: asked over netlink, so that it is of the network namespace that the
//! calling thread is in, and needs no privilege.

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkInfo, LinkMessage, LinkXdp, XdpAttached};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::io;
use std::path::Path;

/// A network interface, at the moment of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name now; an interface can be renamed.
    pub name: String,
    /// The kernel's number for it, unique within its network namespace and never given to another while the system runs.
    pub index: u32,
    /// Largest packet after the Ethernet header, in bytes.
    pub mtu: u32,
    /// Set up by the administrator (`ip link set … up`).
    pub up: bool,
    /// Has a carrier: the cable is in and the other end is there.
    pub running: bool,
    /// What kind of virtual interface it is (`veth`, `bridge` …); `None` for a NIC.
    pub kind: Option<String>,
    /// The XDP program attached to it, if any.
    pub xdp: Option<LinkProgram>,
}

/// The XDP program attached to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkProgram {
    /// The kernel's number for the program.
    pub id: u32,
    /// It runs in the network stack (generic) rather than in the driver.
    pub generic: bool,
}

/// Why an interface's data could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// There is none of that name (or number) in this network namespace.
    #[error("there is no interface {wanted}; there are: {present}. Check the name with `ip link`")]
    Missing {
        /// The name or number asked for.
        wanted: String,
        /// The interfaces that there are.
        present: String,
    },
    /// The kernel did not answer as it should.
    #[error("cannot ask the kernel about the interface {wanted}: {source}")]
    Netlink {
        /// The name or number asked for.
        wanted: String,
        /// What went wrong.
        source: io::Error,
    },
    /// `/sys` is not of this network namespace, or not mounted.
    #[error(
        "cannot read the queues of {name} from /sys/class/net: {reason}. Mount sysfs in this network namespace \
         (`ip netns exec` and systemd's NetworkNamespacePath= do)"
    )]
    Sysfs {
        /// The interface.
        name: String,
        /// What was found instead.
        reason: String,
    },
}

impl Link {
    /// Finds an interface by name.
    pub fn by_name(name: &str) -> Result<Self, LinkError> {
        let mut request = LinkMessage::default();
        request.attributes.push(LinkAttribute::IfName(name.to_owned()));
        ask(request, name)
    }

    /// Finds an interface by the kernel's number, whatever it is called now.
    pub fn by_index(index: u32) -> Result<Self, LinkError> {
        let mut request = LinkMessage::default();
        request.header.index = index;
        ask(request, &format!("with number {index}"))
    }

    /// Has the NIC take frames to any address, or no longer. It stays so when the process ends. Needs CAP_NET_ADMIN.
    pub fn set_promiscuous(&self, on: bool) -> Result<(), LinkError> {
        self.set(LinkFlags::Promisc, on)
    }

    /// Takes the interface up, or down: then the other end of its cable has no carrier. Needs CAP_NET_ADMIN.
    pub fn set_up(&self, up: bool) -> Result<(), LinkError> {
        self.set(LinkFlags::Up, up)
    }

    fn set(&self, flag: LinkFlags, on: bool) -> Result<(), LinkError> {
        let mut request = LinkMessage::default();
        request.header.index = self.index;
        request.header.change_mask = flag;
        request.header.flags = if on { flag } else { LinkFlags::empty() };
        let netlink = |source| LinkError::Netlink { wanted: self.name.clone(), source };
        let payload = NetlinkPayload::from(RouteNetlinkMessage::SetLink(request));
        match exchange(payload, NLM_F_REQUEST | NLM_F_ACK, &netlink)? {
            NetlinkPayload::Error(error) if error.code.is_some() => Err(netlink(error.to_io())),
            _ => Ok(()),
        }
    }

    /// How many receive queues are in use (as `ethtool -l` shows them): at least 1.
    pub fn queues(&self) -> Result<u32, LinkError> {
        let folder = Path::new("/sys/class/net").join(&self.name);
        let fail = |reason: String| LinkError::Sysfs { name: self.name.clone(), reason };
        let index = std::fs::read_to_string(folder.join("ifindex")).map_err(|e| fail(e.to_string()))?;
        if index.trim() != self.index.to_string() {
            return Err(fail("it shows another network namespace".to_owned()));
        }
        let entries = std::fs::read_dir(folder.join("queues")).map_err(|e| fail(e.to_string()))?;
        let count =
            entries.filter_map(Result::ok).filter(|e| e.file_name().to_string_lossy().starts_with("rx-")).count();
        u32::try_from(count).ok().filter(|n| *n > 0).ok_or_else(|| fail("no receive queue is listed".to_owned()))
    }

    /// The name of its driver (`ice`, `virtio_net` …), or its kind for a virtual one; empty if unknown.
    #[must_use]
    pub fn driver(&self) -> String {
        let link = std::fs::read_link(Path::new("/sys/class/net").join(&self.name).join("device/driver")).ok();
        let driver = link.and_then(|l| Some(l.file_name()?.to_string_lossy().into_owned()));
        driver.or_else(|| self.kind.clone()).unwrap_or_default()
    }

    fn from_message(message: &LinkMessage) -> Self {
        let mut link = Self {
            name: String::new(),
            index: message.header.index,
            mtu: 0,
            up: message.header.flags.contains(LinkFlags::Up),
            running: message.header.flags.contains(LinkFlags::Running),
            kind: None,
            xdp: None,
        };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name.clone_from(name),
                LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
                LinkAttribute::LinkInfo(infos) => {
                    link.kind = infos.iter().find_map(|i| match i {
                        LinkInfo::Kind(kind) => Some(kind.to_string()),
                        _ => None,
                    });
                }
                LinkAttribute::Xdp(entries) => link.xdp = LinkProgram::from_entries(entries),
                _ => {}
            }
        }
        link
    }
}

impl LinkProgram {
    /// With programs at both hooks the kernel names no single one: the driver's is then taken, as it runs first.
    fn from_entries(entries: &[LinkXdp]) -> Option<Self> {
        let find = |pick: fn(&LinkXdp) -> Option<u32>| entries.iter().find_map(pick).filter(|id| *id != 0);
        let any = find(|e| match e {
            LinkXdp::ProgId(id) => Some(*id),
            _ => None,
        });
        let driver = find(|e| match e {
            LinkXdp::DrvProgId(id) | LinkXdp::HwProgId(id) => Some(*id),
            _ => None,
        });
        let generic = find(|e| match e {
            LinkXdp::SkbProgId(id) => Some(*id),
            _ => None,
        });
        let generic_alone = entries.contains(&LinkXdp::Attached(XdpAttached::SocketBuffer));
        let id = driver.or(any).or(generic)?;
        Some(Self { id, generic: generic_alone })
    }
}

/// The names of all interfaces, for an error's sake; empty if they cannot be had.
fn names() -> String {
    let names = nix::ifaddrs::getifaddrs().map(|all| {
        let mut names: Vec<String> = all.map(|a| a.interface_name).collect();
        names.sort();
        names.dedup();
        names
    });
    names.unwrap_or_default().join(", ")
}

/// Sends one request and takes its answer.
fn exchange(
    payload: NetlinkPayload<RouteNetlinkMessage>,
    flags: u16,
    netlink: &dyn Fn(io::Error) -> LinkError,
) -> Result<NetlinkPayload<RouteNetlinkMessage>, LinkError> {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    let mut message = NetlinkMessage::new(header, payload);
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);

    let mut socket = Socket::new(NETLINK_ROUTE).map_err(netlink)?;
    socket.bind_auto().map_err(netlink)?;
    socket.send_to(&bytes, &SocketAddr::new(0, 0), 0).map_err(netlink)?;
    let (answer, _) = socket.recv_from_full().map_err(netlink)?;
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)
        .map_err(|e| netlink(io::Error::other(e.to_string())))?;
    Ok(answer.payload)
}

fn ask(request: LinkMessage, wanted: &str) -> Result<Link, LinkError> {
    let netlink = |source| LinkError::Netlink { wanted: wanted.to_owned(), source };
    let request = NetlinkPayload::from(RouteNetlinkMessage::GetLink(request));
    match exchange(request, NLM_F_REQUEST, &netlink)? {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => Ok(Link::from_message(&link)),
        NetlinkPayload::Error(error) if error.raw_code() == -(nix::errno::Errno::ENODEV as i32) => {
            Err(LinkError::Missing { wanted: wanted.to_owned(), present: names() })
        }
        NetlinkPayload::Error(error) => Err(netlink(error.to_io())),
        _ => Err(netlink(io::Error::other("an answer of an unexpected kind"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_found_by_name_and_by_number() {
        let by_name = Link::by_name("lo").unwrap();
        assert_eq!(by_name.name, "lo");
        assert_eq!(Link::by_index(by_name.index).unwrap(), by_name);
        assert_eq!(by_name.xdp, None);
        assert!(by_name.mtu > 0);
    }

    #[test]
    fn a_missing_interface_is_named_with_those_that_there_are() {
        let error = Link::by_name("no-such-if").unwrap_err();
        assert!(
            matches!(&error, LinkError::Missing { wanted, present } if wanted == "no-such-if" && present.contains("lo"))
        );
        assert!(matches!(Link::by_index(0x7fff_fff0), Err(LinkError::Missing { .. })));
        // Longer than an interface's name can be: still an answer, not a panic.
        assert!(Link::by_name(&"x".repeat(300)).is_err());
    }

    #[test]
    fn the_program_at_the_driver_is_named_before_the_generic_one() {
        let both = [LinkXdp::Attached(XdpAttached::Multiple), LinkXdp::SkbProgId(7), LinkXdp::DrvProgId(9)];
        assert_eq!(LinkProgram::from_entries(&both), Some(LinkProgram { id: 9, generic: false }));
        let generic = [LinkXdp::Attached(XdpAttached::SocketBuffer), LinkXdp::ProgId(7), LinkXdp::SkbProgId(7)];
        assert_eq!(LinkProgram::from_entries(&generic), Some(LinkProgram { id: 7, generic: true }));
        assert_eq!(LinkProgram::from_entries(&[LinkXdp::Attached(XdpAttached::None)]), None);
    }
}
