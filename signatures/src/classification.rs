//! Classtypes: what kind of activity a rule reports, in words, and how urgent that is. The built-in table has the names,
//! descriptions and priorities that all public rulesets rely on; a classification.config replaces or extends it.

use rustc_hash::FxHashMap;
use thiserror::Error;

/// Name, priority, description.
const DEFAULT: &[(&str, u8, &str)] = &[
    ("not-suspicious", 3, "Not Suspicious Traffic"),
    ("unknown", 3, "Unknown Traffic"),
    ("bad-unknown", 2, "Potentially Bad Traffic"),
    ("attempted-recon", 2, "Attempted Information Leak"),
    ("successful-recon-limited", 2, "Information Leak"),
    ("successful-recon-largescale", 2, "Large Scale Information Leak"),
    ("attempted-dos", 2, "Attempted Denial of Service"),
    ("successful-dos", 2, "Denial of Service"),
    ("attempted-user", 1, "Attempted User Privilege Gain"),
    ("unsuccessful-user", 1, "Unsuccessful User Privilege Gain"),
    ("successful-user", 1, "Successful User Privilege Gain"),
    ("attempted-admin", 1, "Attempted Administrator Privilege Gain"),
    ("successful-admin", 1, "Successful Administrator Privilege Gain"),
    ("rpc-portmap-decode", 2, "Decode of an RPC Query"),
    ("shellcode-detect", 1, "Executable code was detected"),
    ("string-detect", 3, "A suspicious string was detected"),
    ("suspicious-filename-detect", 2, "A suspicious filename was detected"),
    ("suspicious-login", 2, "An attempted login using a suspicious username was detected"),
    ("system-call-detect", 2, "A system call was detected"),
    ("tcp-connection", 4, "A TCP connection was detected"),
    ("trojan-activity", 1, "A Network Trojan was detected"),
    ("unusual-client-port-connection", 2, "A client was using an unusual port"),
    ("network-scan", 3, "Detection of a Network Scan"),
    ("denial-of-service", 2, "Detection of a Denial of Service Attack"),
    ("non-standard-protocol", 2, "Detection of a non-standard protocol or event"),
    ("protocol-command-decode", 3, "Generic Protocol Command Decode"),
    ("web-application-activity", 2, "access to a potentially vulnerable web application"),
    ("web-application-attack", 1, "Web Application Attack"),
    ("misc-activity", 3, "Misc activity"),
    ("misc-attack", 2, "Misc Attack"),
    ("icmp-event", 3, "Generic ICMP event"),
    ("inappropriate-content", 1, "Inappropriate Content was Detected"),
    ("policy-violation", 1, "Potential Corporate Privacy Violation"),
    ("default-login-attempt", 2, "Attempt to login by a default username and password"),
    ("targeted-activity", 1, "Targeted Malicious Activity was Detected"),
    ("exploit-kit", 1, "Exploit Kit Activity Detected"),
    ("external-ip-check", 2, "Device Retrieving External IP Address Detected"),
    ("domain-c2", 1, "Domain Observed Used for C2 Detected"),
    ("pup-activity", 2, "Possibly Unwanted Program Detected"),
    ("credential-theft", 1, "Successful Credential Theft Detected"),
    ("social-engineering", 2, "Possible Social Engineering Attempted"),
    ("coin-mining", 2, "Crypto Currency Mining Activity Detected"),
    ("command-and-control", 1, "Malware Command and Control Activity Detected"),
];

/// A classtype's meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// In words; `alert.category`.
    pub description: Box<str>,
    /// 1 (highest) to 255; `alert.severity`.
    pub priority: u8,
}

/// All classtypes, by name.
#[derive(Clone, Debug)]
pub struct Classifications {
    types: FxHashMap<Box<str>, Classification>,
}

/// A line of a classification.config that is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: expected `config classification: name,description,priority` with a priority of 1 to 255")]
pub struct ClassificationError {
    /// 1-based.
    pub line: usize,
}

impl Default for Classifications {
    /// The well-known classtypes.
    fn default() -> Self {
        let own = |&(name, priority, description): &(&str, u8, &str)| {
            (name.into(), Classification { description: description.into(), priority })
        };
        Self { types: DEFAULT.iter().map(own).collect() }
    }
}

impl Classifications {
    /// Reads a classification.config: `config classification: name,description,priority`, comments with `#`. The last
    /// line of a name wins.
    ///
    /// # Errors
    /// The first line that is something else.
    pub fn parse(text: &str) -> Result<Self, ClassificationError> {
        let mut types = FxHashMap::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_start_matches('\u{feff}').trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = classification(line).ok_or(ClassificationError { line: index + 1 })?;
            types.insert(entry.0, entry.1);
        }
        Ok(Self { types })
    }

    /// What a classtype means; the name's case does not matter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Classification> {
        self.types.get(name).or_else(|| self.types.get(name.to_ascii_lowercase().as_str()))
    }

    /// All names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(AsRef::as_ref)
    }
}

fn classification(line: &str) -> Option<(Box<str>, Classification)> {
    let rest = line.strip_prefix("config")?.trim_start().strip_prefix("classification")?.trim_start();
    let (name, rest) = rest.strip_prefix(':')?.split_once(',')?;
    let (description, priority) = rest.rsplit_once(',')?;
    let priority = priority.trim().parse().ok().filter(|&p| p > 0)?;
    let name = name.trim().to_ascii_lowercase();
    let known = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let plain = !name.is_empty() && name.chars().all(known);
    plain.then(|| (name.into(), Classification { description: description.trim().into(), priority }))
}

/// The kinds of reference, with the prefix that makes an address of one.
#[derive(Clone, Debug, Default)]
pub struct References {
    prefixes: FxHashMap<Box<str>, Box<str>>,
}

impl References {
    /// Reads a reference.config: `config reference: name prefix`, comments with `#`.
    ///
    /// # Errors
    /// The 1-based number of the first line that is something else.
    pub fn parse(text: &str) -> Result<Self, usize> {
        let mut prefixes = FxHashMap::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_start_matches('\u{feff}').trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let rest = line.strip_prefix("config").and_then(|r| r.trim_start().strip_prefix("reference"));
            let rest = rest.and_then(|r| r.trim_start().strip_prefix(':')).ok_or(index + 1)?.trim();
            let (name, prefix) = rest.split_once(char::is_whitespace).ok_or(index + 1)?;
            prefixes.insert(name.to_ascii_lowercase().into(), prefix.trim().into());
        }
        Ok(Self { prefixes })
    }

    /// What stands before a reference of this kind to make an address of it.
    #[must_use]
    pub fn prefix(&self, kind: &str) -> Option<&str> {
        self.prefixes.get(kind.to_ascii_lowercase().as_str()).map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_no_name_twice() {
        assert_eq!(Classifications::default().types.len(), DEFAULT.len());
        assert_eq!(Classifications::default().get("Trojan-Activity").unwrap().priority, 1);
    }

    #[test]
    fn a_file_is_read() {
        let text =
            "# c\n\nconfig classification: own-type,Some, with a comma,2\r\n config  classification : x,y , 255\n";
        let c = Classifications::parse(text).unwrap();
        assert_eq!(c.get("own-type").unwrap().description.as_ref(), "Some, with a comma");
        assert_eq!(c.get("x"), Some(&Classification { description: "y".into(), priority: 255 }));
        assert!(c.get("trojan-activity").is_none());
        assert_eq!(c.names().count(), 2);
    }

    #[test]
    fn a_bad_line_is_named() {
        for bad in
            ["nonsense", "config classification: a,b", "config classification: a,b,0", "config classification: a,b,x"]
        {
            assert_eq!(Classifications::parse(&format!("\n{bad}")).unwrap_err(), ClassificationError { line: 2 });
        }
    }

    #[test]
    fn references_are_read() {
        let r = References::parse("config reference: cve    http://cve.example/\n#x\n").unwrap();
        assert_eq!(r.prefix("CVE"), Some("http://cve.example/"));
        assert_eq!(References::parse("config reference:").unwrap_err(), 1);
    }
}
