//! Keywords of Suricata 8 that are not evaluated yet and do not choose a buffer. A rule that uses one is left out, with a
//! note; it is not an error.

use super::{ANYTHING, Effect, Keyword};

/// Known by name, and no more.
const fn later(name: &'static str, doc: &'static str) -> Keyword {
    Keyword::later(name, ANYTHING, Effect::None, doc)
}

/// Known by name, for one that looks at the buffer chosen before it.
const fn looks(name: &'static str, doc: &'static str) -> Keyword {
    Keyword::later(name, ANYTHING, Effect::Looks, doc)
}

pub(super) const KEYWORDS: &[Keyword] = &[
    looks("lua", "`lua`: a script decides. Scripts are not run on the packet path."),
    looks("luajit", "`luajit`: a script decides. Scripts are not run on the packet path."),
    later("cip_service", "`cip_service`: the CIP service."),
    later("enip_command", "`enip_command`: the ENIP command.").or(&["enip.command"]),
    later("enip.cip_attribute", "`enip.cip_attribute`: the CIP attribute."),
    later("enip.cip_class", "`enip.cip_class`: the CIP class."),
    later("enip.cip_instance", "`enip.cip_instance`: the CIP instance."),
    later("enip.cip_status", "`enip.cip_status`: the CIP status."),
    later("enip.cip_extendedstatus", "`enip.cip_extendedstatus`: the CIP extended status."),
    later("enip.status", "`enip.status`: the status."),
    later("enip.capabilities", "`enip.capabilities`: the capabilities."),
    later("enip.device_type", "`enip.device_type`: the device's type."),
    later("enip.identity_status", "`enip.identity_status`: the identity's status."),
    later("enip.product_code", "`enip.product_code`: the product's code."),
    later("enip.protocol_version", "`enip.protocol_version`: the version."),
    later("enip.revision", "`enip.revision`: the revision."),
    later("enip.serial", "`enip.serial`: the serial number."),
    later("enip.state", "`enip.state`: the state."),
    later("enip.vendor_id", "`enip.vendor_id`: the vendor."),
    later("modbus", "`modbus`: function, unit or access."),
    later("dnp3_func", "`dnp3_func`: the function.").or(&["dnp3.func"]),
    later("dnp3_ind", "`dnp3_ind`: the indicators.").or(&["dnp3.ind"]),
    later("dnp3_obj", "`dnp3_obj`: the object.").or(&["dnp3.obj"]),
    later("ndpi-protocol", "`ndpi-protocol`: the protocol that nDPI recognised."),
    later("ndpi-risk", "`ndpi-risk`: the risks that nDPI saw."),
];
