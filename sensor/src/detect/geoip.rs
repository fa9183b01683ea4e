//! The country of an address (`geoip`), from a MaxMind database that the operator provides. Without one, rules that ask for
//! a country are left out and say so.
//!
//! The database is read into memory once; look-ups walk its tree and allocate nothing.

use crate::packet::Addr;
use maxminddb::{PathElement, Reader};
use sekisho_signatures::kept::{GeoIp, Side};
use std::path::{Path, PathBuf};

/// The database cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", file.display())]
pub struct GeoIpError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub source: maxminddb::MaxMindDbError,
}

/// A country database.
pub struct Countries(Reader<Vec<u8>>);

impl Countries {
    /// Reads a database in MaxMind's format (`.mmdb`).
    ///
    /// # Errors
    /// When it cannot be read or is no such database.
    pub fn open(file: &Path) -> Result<Self, GeoIpError> {
        let fail = |source| GeoIpError { file: file.to_owned(), source };
        Reader::open_readfile(file).map(Self).map_err(fail)
    }

    /// The ISO 3166 code of the address' country; `None` when the database does not know it.
    #[must_use]
    pub fn country(&self, address: Addr) -> Option<[u8; 2]> {
        let path = [PathElement::Key("country"), PathElement::Key("iso_code")];
        let code = self.0.lookup(address.to_ip()).ok()?.decode_path::<&str>(&path).ok()??;
        code.as_bytes().try_into().ok()
    }

    /// Whether the condition holds for the packet's addresses. An address of which the country is not known is never in
    /// one, nor outside one.
    #[must_use]
    pub fn hold(&self, condition: &GeoIp, src: Addr, dst: Addr) -> bool {
        let one =
            |address| self.country(address).is_some_and(|c| condition.countries.contains(&c) != condition.negated);
        match condition.side {
            Side::Source => one(src),
            Side::Destination => one(dst),
            Side::Any => one(src) || one(dst),
            Side::Both => one(src) && one(dst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    /// A control byte and the payload of a field shorter than 29 bytes (MaxMind DB format specification 2.0).
    fn field(kind: u8, bytes: &[u8]) -> Vec<u8> {
        [&[kind << 5 | u8::try_from(bytes.len()).unwrap()], bytes].concat()
    }
    fn text(text: &str) -> Vec<u8> {
        field(2, text.as_bytes())
    }
    fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let body = pairs.iter().flat_map(|(k, v)| [text(k), v.clone()].concat());
        std::iter::once(7 << 5 | u8::try_from(pairs.len()).unwrap()).chain(body).collect()
    }
    fn country(code: &str) -> Vec<u8> {
        map(&[("country", map(&[("iso_code", text(code))]))])
    }

    /// A database of IPv4 addresses: the networks of one bit less each time along 10…, each with its country, as a tree of
    /// records of 24 bits. 128.0.0.0/1 is JP, 64.0.0.0/2 is US, the rest is not there.
    fn database() -> Vec<u8> {
        let (jp, us) = (country("JP"), country("US"));
        let nodes = 2_u32;
        let data = |offset: usize| nodes + 16 + u32::try_from(offset).unwrap();
        let records = [1, data(0), nodes, data(jp.len())];
        let mut out: Vec<u8> = records.iter().flat_map(|r: &u32| r.to_be_bytes()[1..].to_vec()).collect();
        out.extend([0; 16]);
        out.extend(jp.iter().chain(&us));
        out.extend(b"\xab\xcd\xefMaxMind.com");
        let number = |n: u32| field(6, &n.to_be_bytes());
        out.extend(map(&[
            ("node_count", number(nodes)),
            ("record_size", field(5, &[24])),
            ("ip_version", field(5, &[4])),
            ("binary_format_major_version", field(5, &[2])),
            ("binary_format_minor_version", field(5, &[0])),
            ("build_epoch", vec![1 << 0, 2, 1]),
            ("database_type", text("Test-Country")),
            ("description", map(&[])),
            ("languages", vec![0, 4]),
        ]));
        out
    }

    fn opened() -> Countries {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.mmdb");
        std::fs::write(&file, database()).unwrap();
        Countries::open(&file).unwrap()
    }

    fn address(text: &str) -> Addr {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn countries_are_looked_up() {
        let countries = opened();
        assert_eq!(countries.country(address("200.1.2.3")), Some(*b"JP"));
        assert_eq!(countries.country(address("70.1.2.3")), Some(*b"US"));
        assert_eq!(countries.country(address("10.1.2.3")), None);
        assert_eq!(countries.country(address("2001:db8::1")), None);
    }

    #[test]
    fn sides_and_negation() {
        let countries = opened();
        let (jp, us, none) = (address("200.0.0.1"), address("70.0.0.1"), address("10.0.0.1"));
        let hold = |side, codes: &[&[u8; 2]], negated, src, dst| {
            let list = codes.iter().map(|c| **c).collect();
            countries.hold(&GeoIp { side, countries: list, negated }, src, dst)
        };
        assert!(hold(Side::Source, &[b"JP"], false, jp, us) && !hold(Side::Source, &[b"JP"], false, us, jp));
        assert!(hold(Side::Destination, &[b"DE", b"JP"], false, us, jp));
        assert!(hold(Side::Any, &[b"JP"], false, none, jp) && !hold(Side::Both, &[b"JP"], false, none, jp));
        assert!(hold(Side::Both, &[b"JP", b"US"], false, us, jp));
        assert!(hold(Side::Any, &[b"JP"], true, us, jp) && !hold(Side::Both, &[b"JP"], true, us, jp));
        assert!(!hold(Side::Any, &[b"JP"], true, none, none));
    }

    #[test]
    fn what_is_no_database_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.mmdb");
        assert!(Countries::open(&file).is_err());
        std::fs::write(&file, b"not one").unwrap();
        let error = Countries::open(&file).err().unwrap().to_string();
        assert!(error.contains("c.mmdb"), "{error}");
        // However it is cut, it is an error or a database, and no look-up fails.
        let whole = database();
        for len in 0..whole.len() {
            std::fs::write(&file, &whole[..len]).unwrap();
            if let Ok(countries) = Countries::open(&file) {
                let _ = countries.country(address("200.1.2.3"));
            }
        }
    }
}
