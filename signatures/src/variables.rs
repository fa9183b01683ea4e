//! Address and port variables: Suricata's names and defaults, each of which a configuration can set.

use crate::error::{RuleError, RuleErrorKind as Kind};
use crate::header::{self, Definitions};
use crate::syntax::parse_group;
use std::collections::BTreeMap;

/// Names and values as in Suricata's stock suricata.yaml.
const ADDRESSES: &[(&str, &str)] = &[
    ("HOME_NET", "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]"),
    ("EXTERNAL_NET", "!$HOME_NET"),
    ("HTTP_SERVERS", "$HOME_NET"),
    ("SMTP_SERVERS", "$HOME_NET"),
    ("SQL_SERVERS", "$HOME_NET"),
    ("DNS_SERVERS", "$HOME_NET"),
    ("TELNET_SERVERS", "$HOME_NET"),
    ("AIM_SERVERS", "$EXTERNAL_NET"),
    ("DC_SERVERS", "$HOME_NET"),
    ("DNP3_SERVER", "$HOME_NET"),
    ("DNP3_CLIENT", "$HOME_NET"),
    ("MODBUS_CLIENT", "$HOME_NET"),
    ("MODBUS_SERVER", "$HOME_NET"),
    ("ENIP_CLIENT", "$HOME_NET"),
    ("ENIP_SERVER", "$HOME_NET"),
];
const PORTS: &[(&str, &str)] = &[
    ("HTTP_PORTS", "80"),
    ("SHELLCODE_PORTS", "!80"),
    ("ORACLE_PORTS", "1521"),
    ("SSH_PORTS", "22"),
    ("DNP3_PORTS", "20000"),
    ("MODBUS_PORTS", "502"),
    ("FILE_DATA_PORTS", "[$HTTP_PORTS,110,143]"),
    ("FTP_PORTS", "21"),
    ("GENEVE_PORTS", "6081"),
    ("VXLAN_PORTS", "4789"),
    ("TEREDO_PORTS", "3544"),
    ("SIP_PORTS", "[5060, 5061]"),
];

/// The variables that headers may name.
#[derive(Clone, Debug)]
pub struct Variables {
    addresses: BTreeMap<String, String>,
    ports: BTreeMap<String, String>,
}

impl Default for Variables {
    /// Suricata's names and stock values.
    fn default() -> Self {
        let own = |of: &[(&str, &str)]| of.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect();
        Self { addresses: own(ADDRESSES), ports: own(PORTS) }
    }
}

impl Variables {
    /// No variables at all.
    #[must_use]
    pub fn empty() -> Self {
        Self { addresses: BTreeMap::new(), ports: BTreeMap::new() }
    }

    /// Sets a variable, known or new. It is one of ports if its name is known as such or ends in `PORT` or `PORTS`, else
    /// one of addresses. The text may name other variables, also ones that are set later.
    ///
    /// # Errors
    /// When the text is no group, or has members that are no addresses or ports; the variable keeps its old value.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), RuleError> {
        let is_port = !self.addresses.contains_key(name)
            && (self.ports.contains_key(name) || name.ends_with("PORTS") || name.ends_with("PORT"));
        if is_port { self.set_ports(name, text) } else { self.set_addresses(name, text) }
    }

    /// Sets a variable of addresses.
    ///
    /// # Errors
    /// As [`Variables::set`].
    pub fn set_addresses(&mut self, name: &str, text: &str) -> Result<(), RuleError> {
        let mut changed = self.clone();
        changed.addresses.insert(name.to_owned(), text.to_owned());
        tolerate_undefined(header::addresses(&parse_group(text.as_bytes())?, &changed.for_addresses()).map(drop))?;
        *self = changed;
        Ok(())
    }

    /// Sets a variable of ports.
    ///
    /// # Errors
    /// As [`Variables::set`].
    pub fn set_ports(&mut self, name: &str, text: &str) -> Result<(), RuleError> {
        let mut changed = self.clone();
        changed.ports.insert(name.to_owned(), text.to_owned());
        tolerate_undefined(header::ports(&parse_group(text.as_bytes())?, &changed.for_ports()).map(drop))?;
        *self = changed;
        Ok(())
    }

    /// All variables with their text, address variables first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.addresses.iter().chain(&self.ports).map(|(name, text)| (name.as_str(), text.as_str()))
    }

    pub(crate) fn for_addresses(&self) -> impl Definitions + '_ {
        Of { these: &self.addresses }
    }

    pub(crate) fn for_ports(&self) -> impl Definitions + '_ {
        Of { these: &self.ports }
    }
}

/// A variable may name another that is set only later; rules that use it by then report it.
fn tolerate_undefined(result: Result<(), RuleError>) -> Result<(), RuleError> {
    match result {
        Err(RuleError { kind: Kind::UndefinedVariable { .. }, .. }) => Ok(()),
        other => other,
    }
}

struct Of<'a> {
    these: &'a BTreeMap<String, String>,
}

impl Definitions for Of<'_> {
    fn definition(&self, name: &[u8]) -> Result<&[u8], Kind> {
        let name = String::from_utf8_lossy(name);
        self.these.get(name.as_ref()).map(|text| text.as_bytes()).ok_or_else(|| {
            let nearest = nearest(&name, self.these.keys().map(String::as_str)).map(|n| format!("${n}"));
            Kind::UndefinedVariable { name: name.into_owned(), nearest }
        })
    }
}

/// The name most like `name`, if one is like it at all: at most one slip in three letters.
pub(crate) fn nearest<'a>(name: &str, among: impl Iterator<Item = &'a str>) -> Option<String> {
    // A word this long is no slip of the pen, and comparing it would take long.
    if name.len() > 64 {
        return None;
    }
    let slips = (name.chars().count() / 3).max(1);
    among
        // A file of nothing but slips must not take minutes: most names are ruled out by their length, and the dearer measure is
        // only taken of those that are near.
        .filter(|other| other.len().abs_diff(name.len()) <= slips)
        .map(|other| (strsim::osa_distance(name, other), other))
        .filter(|near| near.0 <= slips)
        .map(|(distance, other)| (distance, -strsim::jaro_winkler(name, other), other))
        .min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))
        .map(|near| near.2.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_resolves() {
        let v = Variables::default();
        for (_, text) in ADDRESSES {
            header::addresses(&parse_group(text.as_bytes()).unwrap(), &v.for_addresses()).unwrap();
        }
        for (_, text) in PORTS {
            header::ports(&parse_group(text.as_bytes()).unwrap(), &v.for_ports()).unwrap();
        }
    }

    #[test]
    fn setting_one_changes_those_that_name_it() {
        let mut v = Variables::default();
        v.set("HOME_NET", "[203.0.113.0/24,2001:db8::/32]").unwrap();
        let servers = header::addresses(&parse_group(b"$HTTP_SERVERS").unwrap(), &v.for_addresses()).unwrap();
        assert!(servers.contains("203.0.113.9".parse().unwrap()) && !servers.contains("10.0.0.1".parse().unwrap()));
        v.set("MY_PORTS", "[1:3,!2]").unwrap();
        let ports = header::ports(&parse_group(b"$MY_PORTS").unwrap(), &v.for_ports()).unwrap();
        assert_eq!(ports.ranges, [(1, 1), (3, 3)]);
    }

    #[test]
    fn a_bad_value_is_refused_and_the_old_one_kept() {
        let mut v = Variables::default();
        assert!(matches!(v.set("HOME_NET", "10.0.0.0/40").unwrap_err().kind, Kind::BadAddress { .. }));
        assert!(matches!(v.set("HOME_NET", "$HOME_NET").unwrap_err().kind, Kind::CircularVariable { .. }));
        assert!(matches!(v.set("HTTP_PORTS", "http").unwrap_err().kind, Kind::BadPort { .. }));
        assert!(matches!(v.set("HOME_NET", "[1.1.1.1").unwrap_err().kind, Kind::ListNotClosed));
        assert!(v.iter().any(|(n, t)| n == "HOME_NET" && t.starts_with("[192.168")));
        v.set("A", "$B").unwrap();
    }

    #[test]
    fn near_misses() {
        let near = |name| nearest(name, ["tcp", "udp", "tls", "content", "http.uri"].into_iter());
        assert_eq!(near("tpc").as_deref(), Some("tcp"));
        assert_eq!(near("cotnent").as_deref(), Some("content"));
        assert_eq!(near("http_uri").as_deref(), Some("http.uri"));
        assert_eq!(near("xyz"), None);
        assert_eq!(near(""), None);
        assert_eq!(near(&"x".repeat(10_000)), None);
    }

    #[test]
    fn the_nearest_name_is_offered() {
        let v = Variables::default();
        let error = header::addresses(&parse_group(b"$HOME_NETS").unwrap(), &v.for_addresses()).unwrap_err();
        assert_eq!(error.to_string(), "$HOME_NETS is not defined; did you mean $HOME_NET?");
    }
}
