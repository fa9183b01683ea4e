//! What drivers can do with XDP, by the kernel that brought it: for kernels before 6.3, which cannot be asked, and to say which kernel
//! to move to.
//!
//! From the kernel's history (the commits that made a driver take XDP programs, and AF_XDP sockets in zero-copy mode) and the release
//! notes of each version.

/// A driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Driver {
    /// As the kernel calls it.
    pub name: &'static str,
    /// The first kernel in which programs run in it.
    pub native: Option<(u32, u32)>,
    /// The first kernel in which it gives its memory to AF_XDP sockets.
    pub zero_copy: Option<(u32, u32)>,
    /// What else there is to know.
    pub note: &'static str,
}

const fn driver(name: &'static str, native: Option<(u32, u32)>, zero_copy: Option<(u32, u32)>) -> Driver {
    Driver { name, native, zero_copy, note: "" }
}

const fn noted(name: &'static str, native: (u32, u32), zero_copy: Option<(u32, u32)>, note: &'static str) -> Driver {
    Driver { name, native: Some(native), zero_copy, note }
}

const DRIVERS: &[Driver] = &[
    driver("atlantic", Some((5, 19)), None),
    driver("bnxt_en", Some((4, 11)), None),
    driver("dpaa2-eth", Some((5, 0)), Some((6, 2))),
    driver("e1000", None, None),
    driver("e1000e", None, None),
    noted(
        "ena",
        (5, 6),
        None,
        "XDP uses half of its queues: `ethtool -L` to half of the maximum at most, MTU 3498 at most",
    ),
    noted("gve", (6, 4), Some((6, 4)), "XDP takes as many transmit queues as there are receive queues"),
    driver("hv_netvsc", Some((5, 6)), None),
    driver("i40e", Some((4, 13)), Some((4, 20))),
    driver("iavf", None, None),
    driver("ice", Some((5, 5)), Some((5, 5))),
    driver("igb", Some((5, 10)), Some((6, 14))),
    driver("igc", Some((5, 13)), Some((5, 14))),
    driver("ixgbe", Some((4, 12)), Some((4, 20))),
    driver("ixgbevf", Some((4, 17)), None),
    driver("mana", Some((5, 17)), None),
    driver("mlx4_en", Some((4, 8)), None),
    driver("mlx5_core", Some((4, 9)), Some((5, 3))),
    driver("mvneta", Some((5, 5)), None),
    driver("mvpp2", Some((5, 9)), None),
    driver("nfp", Some((4, 10)), Some((5, 18))),
    driver("qede", Some((4, 10)), None),
    driver("r8169", None, None),
    driver("sfc", Some((5, 6)), None),
    driver("stmmac", Some((5, 13)), Some((5, 13))),
    driver("tg3", None, None),
    driver("tun", Some((4, 14)), None),
    noted("veth", (4, 19), None, "XDP needs as many receive queues here as the other end has for sending"),
    noted(
        "virtio_net",
        (4, 10),
        Some((6, 13)),
        "the host must offer twice as many queues as are used, or no native XDP",
    ),
    driver("vmxnet3", Some((6, 6)), None),
    driver("xen-netfront", Some((5, 9)), None),
];

/// A driver by its name.
#[must_use]
pub fn known(name: &str) -> Option<&'static Driver> {
    DRIVERS.iter().find(|driver| driver.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_driver_is_there_twice_and_none_has_zero_copy_before_xdp() {
        for pair in DRIVERS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} is out of order", pair[1].name);
        }
        for driver in DRIVERS {
            assert!(driver.zero_copy.is_none_or(|zero_copy| driver.native.is_some_and(|native| native <= zero_copy)));
        }
    }
}
