//! Which conversations there are, and how often each: what `--mix` says.

use std::fmt;
use std::str::FromStr;

/// A kind of conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// HTTP.
    Web,
    /// TLS 1.2 and 1.3.
    Tls,
    /// DNS over UDP.
    Dns,
    /// SMB 3.0.2.
    Smb,
    /// SMTP with attachments.
    Mail,
    /// Long transfers of random bytes.
    Bulk,
    /// Two short messages and the end.
    Short,
    /// A SYN alone.
    Scan,
    /// ICMP echo.
    Icmp,
    /// NTP.
    Ntp,
}

impl Profile {
    /// All of them, with their words.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Web, "web"),
        (Self::Tls, "tls"),
        (Self::Dns, "dns"),
        (Self::Smb, "smb"),
        (Self::Mail, "mail"),
        (Self::Bulk, "bulk"),
        (Self::Short, "short"),
        (Self::Scan, "scan"),
        (Self::Icmp, "icmp"),
        (Self::Ntp, "ntp"),
    ];

    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(profile, _)| *profile == self).map_or("", |(_, name)| name)
    }
}

/// Shares of an office's flows. Most are names looked up and pages over TLS.
const OFFICE: [(Profile, f64); 10] = [
    (Profile::Dns, 0.36),
    (Profile::Tls, 0.34),
    (Profile::Web, 0.14),
    (Profile::Short, 0.05),
    (Profile::Ntp, 0.03),
    (Profile::Smb, 0.03),
    (Profile::Mail, 0.02),
    (Profile::Icmp, 0.015),
    (Profile::Scan, 0.01),
    (Profile::Bulk, 0.005),
];

/// Traffic of which kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Mix {
    /// All flows are open at once and take turns, every data frame has one size, random bytes.
    Uniform,
    /// Random bytes in a window of open flows, many short and few long ones; no application.
    Streams,
    /// Conversations by their share of the flows; the shares add up to 1.
    Conversations(Vec<(Profile, f64)>),
}

impl Mix {
    /// One of the conversations, by a number from 0 to 1.
    pub(super) fn pick(shares: &[(Profile, f64)], mut at: f64) -> Profile {
        for &(profile, share) in shares {
            if at < share {
                return profile;
            }
            at -= share;
        }
        shares.first().map_or(Profile::Web, |(profile, _)| *profile)
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Streams => f.write_str("streams"),
            Self::Conversations(shares) => {
                for (n, (profile, share)) in shares.iter().enumerate() {
                    write!(f, "{}{}={share:.3}", if n == 0 { "" } else { "," }, profile.name())?;
                }
                Ok(())
            }
        }
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "uniform" => return Ok(Self::Uniform),
            "streams" => return Ok(Self::Streams),
            _ => {}
        }
        let mut shares: Vec<(Profile, f64)> = Vec::new();
        for part in text.split(',') {
            let (name, share) = part.split_once('=').unwrap_or((part, "1"));
            let share: f64 = share.parse().map_err(|_| format!("the share of {name} is no number: {share}"))?;
            if !(share > 0.0 && share.is_finite()) {
                return Err(format!("the share of {name} must be more than 0"));
            }
            if name == "office" {
                shares.extend(OFFICE.map(|(profile, of_office)| (profile, share * of_office)));
            } else if let Some((profile, _)) = Profile::ALL.iter().find(|(_, word)| *word == name) {
                shares.push((*profile, share));
            } else if name == "uniform" || name == "streams" {
                return Err(format!("{name} cannot be mixed with others"));
            } else {
                let words: Vec<&str> = Profile::ALL.iter().map(|(_, word)| *word).collect();
                return Err(format!("there is no {name}; there are office, {}, uniform, streams", words.join(", ")));
            }
        }
        let total: f64 = shares.iter().map(|(_, share)| share).sum();
        shares.iter_mut().for_each(|(_, share)| *share /= total);
        Ok(Self::Conversations(shares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_relative_and_the_office_can_be_part_of_a_mix() {
        assert_eq!("web=3,tls".parse(), Ok(Mix::Conversations(vec![(Profile::Web, 0.75), (Profile::Tls, 0.25)])));
        let Ok(Mix::Conversations(shares)) = "office,scan=1".parse() else { panic!("it is a mix") };
        assert!((shares.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-9);
        assert_eq!(shares.last(), Some(&(Profile::Scan, 0.5)));
        assert_eq!(Mix::pick(&shares, 0.999), Profile::Scan);
        assert_eq!(Mix::pick(&shares, 0.0), Profile::Dns);
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (text, said) in [
            ("webb", "there is no webb"),
            ("web=x", "no number"),
            ("web=0", "more than 0"),
            ("web,uniform", "cannot be mixed"),
        ] {
            assert!(text.parse::<Mix>().unwrap_err().contains(said), "{text}");
        }
    }
}
