//! Questions that rules ask of a transaction as a whole, where neither bytes nor a single integer would do: several properties of one
//! message at once, or a list of them. A protocol's parser answers.

use crate::dnp3::IndicatorTest;
use crate::krb5::EncryptionTest;
use crate::modbus::ModbusTest;
use crate::model::NumberTest;
use std::fmt;

/// What a transaction is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// `dcerpc.iface`: it calls this interface.
    DcerpcInterface {
        /// The interface's id, in the order in which it is written.
        uuid: [u8; 16],
        /// Its major version.
        version: Option<NumberTest>,
        /// Also where the request's first fragment was not seen.
        any_fragment: bool,
    },
    /// `ike.chosen_sa_attribute`: the association that the responder chose has it.
    IkeAttribute {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: u32,
    },
    /// `dcerpc.opnum`: it calls one of these operations.
    DcerpcOperation(NumberTest),
    /// Whether a setting of HTTP/2 is set, and to such a value.
    Http2Setting {
        /// Which (RFC 9113, 6.5.2).
        id: u16,
        /// The test; None: any value.
        value: Option<NumberTest>,
    },
    /// Whether the validity of the server's certificate begins (or ends) between two times, in seconds since 1970, both included.
    CertificateTime {
        /// Its end is asked about, not its beginning.
        end: bool,
        /// The first time.
        from: i64,
        /// The last.
        to: i64,
    },
    /// Whether the server's certificate is no longer valid now.
    CertificateExpired,
    /// Whether it is valid now.
    CertificateValid,
    /// `krb5.ticket_encryption`: its ticket is encrypted so.
    Krb5TicketEncryption(EncryptionTest),
    /// `cip_service`: a request for this service, of this class and attribute if they are named.
    #[expect(missing_docs, reason = "the names say it")]
    CipService { service: u8, class: Option<u32>, attribute: Option<u32> },
    /// `dnp3_ind`: what a response indicates.
    Dnp3Indicators(IndicatorTest),
    /// `dnp3_obj`: it has such an object.
    #[expect(missing_docs, reason = "the names say it")]
    Dnp3Object { group: u8, variation: u8 },
    /// `modbus`: what the request calls or accesses.
    Modbus(ModbusTest),
}

/// As the rule asks it: what stands behind the keyword's colon.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DcerpcInterface { uuid, version, any_fragment } => {
                for (i, byte) in uuid.iter().enumerate() {
                    let between = if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{between}{byte:02x}")?;
                }
                if let Some(test) = version {
                    write!(f, ", version {}", Ranges(test))?;
                }
                f.write_str(if *any_fragment { ", any_frag" } else { "" })
            }
            Self::IkeAttribute { name, value } => write!(f, "{name}={value}"),
            Self::Krb5TicketEncryption(test) => write!(f, "{test}"),
            Self::CipService { service, class, attribute } => {
                write!(f, "{service}")?;
                [class, attribute].into_iter().flatten().try_for_each(|part| write!(f, ",{part}"))
            }
            Self::Dnp3Indicators(test) => write!(f, "{test}"),
            Self::Dnp3Object { group, variation } => write!(f, "{group},{variation}"),
            Self::Modbus(test) => write!(f, "{test}"),
            Self::DcerpcOperation(test) => write!(f, "{}", Ranges(test)),
            Self::Http2Setting { id, value } => {
                write!(f, "setting {id}")?;
                match value {
                    Some(test) => write!(f, " in {:?}", test.ranges),
                    None => Ok(()),
                }
            }
            Self::CertificateTime { from, to, .. } => write!(f, "{from} to {to} seconds since 1970"),
            Self::CertificateExpired => f.write_str("expired"),
            Self::CertificateValid => f.write_str("valid"),
        }
    }
}

/// The ranges of a test, as a list.
struct Ranges<'a>(&'a NumberTest);

impl fmt::Display for Ranges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.0.ranges.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { "," })?;
            if range.start() == range.end() {
                write!(f, "{}", range.start())?;
            } else {
                write!(f, "{}-{}", range.start(), range.end())?;
            }
        }
        Ok(())
    }
}
