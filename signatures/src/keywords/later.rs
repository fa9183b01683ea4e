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
    later("tls.store", "`tls.store`: keeps certificates.").or(&["tls_store"]),
    later(
        "flow.elephant",
        "`flow.elephant`: the flow takes much of the line. Rates of flows are not measured: `flow.bytes` and `flow.age` tell of large ones.",
    ),
    later(
        "app-layer-state",
        "`app-layer-state`: how far a parser is, for Suricata's firewall mode; that mode is none of ours.",
    ),
    later("http2.errorcode", "`http2.errorcode`: the error of a reset."),
    later("http2.frametype", "`http2.frametype`: the frame's type."),
    later("http2.priority", "`http2.priority`: the priority."),
    later("http2.settings", "`http2.settings`: the settings."),
    later("http2.size_update", "`http2.size_update`: the table size."),
    later("http2.window", "`http2.window`: the window."),
    later("tls_cert_notbefore", "`tls_cert_notbefore`: when the certificate starts."),
    later("tls_cert_notafter", "`tls_cert_notafter`: when the certificate ends."),
    later("tls_cert_expired", "`tls_cert_expired`: the certificate has expired."),
    later("tls_cert_valid", "`tls_cert_valid`: the certificate is in its time."),
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
    later("snmp.version", "`snmp.version`: the version."),
    later("snmp.pdu_type", "`snmp.pdu_type`: the PDU's type."),
    later("rfb.secresult", "`rfb.secresult`: the security result."),
    later("rfb.sectype", "`rfb.sectype`: the security type."),
    later("mqtt.type", "`mqtt.type`: the message's type."),
    later("mqtt.flags", "`mqtt.flags`: the flags."),
    later("mqtt.qos", "`mqtt.qos`: the quality of service."),
    later("mqtt.reason_code", "`mqtt.reason_code`: the reason."),
    later("mqtt.protocol_version", "`mqtt.protocol_version`: the version."),
    later("mqtt.connect.flags", "`mqtt.connect.flags`: the connect flags."),
    later("mqtt.connack.session_present", "`mqtt.connack.session_present`: a session is kept."),
    later("ike.exchtype", "`ike.exchtype`: the exchange's type."),
    later("ike.chosen_sa_attribute", "`ike.chosen_sa_attribute`: an attribute of the chosen association."),
    later("ike.key_exchange_payload_length", "`ike.key_exchange_payload_length`: the key's length."),
    later("ike.nonce_payload_length", "`ike.nonce_payload_length`: the nonce's length."),
    later("dhcp.leasetime", "`dhcp.leasetime`: the lease's time."),
    later("dhcp.rebinding_time", "`dhcp.rebinding_time`: the rebinding time."),
    later("dhcp.renewal_time", "`dhcp.renewal_time`: the renewal time."),
    later("websocket.flags", "`websocket.flags`: the flags."),
    later("websocket.mask", "`websocket.mask`: the mask."),
    later("websocket.opcode", "`websocket.opcode`: the operation."),
    later("ntp.version", "`ntp.version`: the version."),
    later("ntp.mode", "`ntp.mode`: the mode."),
    later("ntp.stratum", "`ntp.stratum`: the stratum."),
    later("ntp.reference_id", "`ntp.reference_id`: the reference."),
    later("ndpi-protocol", "`ndpi-protocol`: the protocol that nDPI recognised."),
    later("ndpi-risk", "`ndpi-risk`: the risks that nDPI saw."),
];
