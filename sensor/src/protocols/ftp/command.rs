//! A client's commands.

/// Those that standards name; others are not told by name.
const KNOWN: &[&str] = &[
    "ABOR", "ACCT", "ADAT", "ALLO", "APPE", "AUTH", "CCC", "CDUP", "CHMOD", "CONF", "CWD", "DELE", "ENC", "EPRT",
    "EPSV", "FEAT", "HELP", "HOST", "IDLE", "LANG", "LIST", "LPRT", "LPSV", "MAIL", "MDTM", "MIC", "MKD", "MLFL",
    "MLSD", "MLST", "MODE", "MRCP", "MRSQ", "MSAM", "MSND", "MSOM", "NLST", "NOOP", "OPTS", "PASS", "PASV", "PBSZ",
    "PORT", "PROT", "PWD", "QUIT", "REIN", "REST", "RETR", "RMD", "RNFR", "RNTO", "SITE", "SIZE", "SMNT", "STAT",
    "STOR", "STOU", "STRU", "SYST", "TYPE", "UMASK", "USER", "XCUP", "XCWD", "XMKD", "XPWD", "XRMD",
];

/// The known command that a line begins with, as it is written.
pub(super) fn command(line: &[u8]) -> Option<&'static str> {
    let word = line.split(|b| *b == b' ').next().unwrap_or_default().trim_ascii_end();
    KNOWN.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(word)).copied()
}

/// What stands behind the command and a blank.
pub(super) fn argument(line: &[u8]) -> &[u8] {
    memchr::memchr(b' ', line).and_then(|at| line.get(at + 1..)).unwrap_or_default()
}

/// Its data goes over a connection of its own.
pub(super) fn transfers(command: &str) -> bool {
    matches!(command, "RETR" | "STOR" | "STOU" | "APPE" | "LIST" | "NLST" | "MLSD")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_their_arguments() {
        assert_eq!(command(b"user a"), Some("USER"));
        assert_eq!(command(b"QUIT"), Some("QUIT"));
        assert_eq!(command(b"USERS a"), None);
        assert_eq!(command(b""), None);
        assert_eq!((argument(b"PASS a b"), argument(b"PASS")), (&b"a b"[..], &b""[..]));
    }
}
