//! What a server says of a command: an NTSTATUS ([MS-ERREF] 2.3) or a DOS error ([MS-CIFS] 2.2.2.4).

use crate::protocols::text::Short;
use std::fmt;

/// A status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// An NTSTATUS.
    Nt(u32),
    /// Class and code of a DOS error.
    Dos(u8, u16),
}

impl Status {
    /// It is under way; the answer comes later.
    pub const PENDING: Self = Self::Nt(0x103);
    /// There is more than was asked for.
    pub const BUFFER_OVERFLOW: Self = Self::Nt(0x8000_0005);

    /// The command did what it should.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Nt(0) | Self::Dos(0, 0))
    }

    /// Its name, if it is a well-known one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Nt(code) => {
                let at = NT.binary_search_by_key(&code, |(known, _)| *known).ok()?;
                NT.get(at).map(|(_, name)| *name)
            }
            Self::Dos(class, code) => {
                let known = DOS.iter().find(|(c, n, _)| (*c, *n) == (class, code));
                known.map(|(_, _, name)| *name)
            }
        }
    }
}

/// The number, as EVE has it.
impl Status {
    /// Its number, as EVE has it.
    #[must_use]
    pub fn code(&self) -> Short<10> {
        let mut text = Short::default();
        text.push_str("0x");
        match self {
            Self::Nt(code) => text.push_hex_number(*code),
            Self::Dos(_, code) => text.push_hex(&code.to_be_bytes()),
        }
        text
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code().as_str())
    }
}

/// In rising order.
const NT: &[(u32, &str)] = &[
    (0x0000_0000, "STATUS_SUCCESS"),
    (0x0000_0103, "STATUS_PENDING"),
    (0x0000_010b, "STATUS_NOTIFY_CLEANUP"),
    (0x0000_010c, "STATUS_NOTIFY_ENUM_DIR"),
    (0x8000_0005, "STATUS_BUFFER_OVERFLOW"),
    (0x8000_0006, "STATUS_NO_MORE_FILES"),
    (0x8000_002d, "STATUS_STOPPED_ON_SYMLINK"),
    (0xc000_0001, "STATUS_UNSUCCESSFUL"),
    (0xc000_0002, "STATUS_NOT_IMPLEMENTED"),
    (0xc000_0003, "STATUS_INVALID_INFO_CLASS"),
    (0xc000_0004, "STATUS_INFO_LENGTH_MISMATCH"),
    (0xc000_0008, "STATUS_INVALID_HANDLE"),
    (0xc000_000d, "STATUS_INVALID_PARAMETER"),
    (0xc000_000e, "STATUS_NO_SUCH_DEVICE"),
    (0xc000_000f, "STATUS_NO_SUCH_FILE"),
    (0xc000_0010, "STATUS_INVALID_DEVICE_REQUEST"),
    (0xc000_0011, "STATUS_END_OF_FILE"),
    (0xc000_0013, "STATUS_NO_MEDIA_IN_DEVICE"),
    (0xc000_0016, "STATUS_MORE_PROCESSING_REQUIRED"),
    (0xc000_0022, "STATUS_ACCESS_DENIED"),
    (0xc000_0023, "STATUS_BUFFER_TOO_SMALL"),
    (0xc000_0033, "STATUS_OBJECT_NAME_INVALID"),
    (0xc000_0034, "STATUS_OBJECT_NAME_NOT_FOUND"),
    (0xc000_0035, "STATUS_OBJECT_NAME_COLLISION"),
    (0xc000_0039, "STATUS_OBJECT_PATH_INVALID"),
    (0xc000_003a, "STATUS_OBJECT_PATH_NOT_FOUND"),
    (0xc000_003b, "STATUS_OBJECT_PATH_SYNTAX_BAD"),
    (0xc000_0043, "STATUS_SHARING_VIOLATION"),
    (0xc000_0044, "STATUS_QUOTA_EXCEEDED"),
    (0xc000_0054, "STATUS_FILE_LOCK_CONFLICT"),
    (0xc000_0055, "STATUS_LOCK_NOT_GRANTED"),
    (0xc000_0056, "STATUS_DELETE_PENDING"),
    (0xc000_0061, "STATUS_PRIVILEGE_NOT_HELD"),
    (0xc000_0064, "STATUS_NO_SUCH_USER"),
    (0xc000_006a, "STATUS_WRONG_PASSWORD"),
    (0xc000_006d, "STATUS_LOGON_FAILURE"),
    (0xc000_006e, "STATUS_ACCOUNT_RESTRICTION"),
    (0xc000_006f, "STATUS_INVALID_LOGON_HOURS"),
    (0xc000_0070, "STATUS_INVALID_WORKSTATION"),
    (0xc000_0071, "STATUS_PASSWORD_EXPIRED"),
    (0xc000_0072, "STATUS_ACCOUNT_DISABLED"),
    (0xc000_007e, "STATUS_RANGE_NOT_LOCKED"),
    (0xc000_007f, "STATUS_DISK_FULL"),
    (0xc000_009a, "STATUS_INSUFFICIENT_RESOURCES"),
    (0xc000_00ac, "STATUS_PIPE_NOT_AVAILABLE"),
    (0xc000_00ad, "STATUS_INVALID_PIPE_STATE"),
    (0xc000_00ae, "STATUS_PIPE_BUSY"),
    (0xc000_00b0, "STATUS_PIPE_DISCONNECTED"),
    (0xc000_00b1, "STATUS_PIPE_CLOSING"),
    (0xc000_00b5, "STATUS_IO_TIMEOUT"),
    (0xc000_00ba, "STATUS_FILE_IS_A_DIRECTORY"),
    (0xc000_00bb, "STATUS_NOT_SUPPORTED"),
    (0xc000_00c9, "STATUS_NETWORK_NAME_DELETED"),
    (0xc000_00ca, "STATUS_NETWORK_ACCESS_DENIED"),
    (0xc000_00cb, "STATUS_BAD_DEVICE_TYPE"),
    (0xc000_00cc, "STATUS_BAD_NETWORK_NAME"),
    (0xc000_00d0, "STATUS_REQUEST_NOT_ACCEPTED"),
    (0xc000_0101, "STATUS_DIRECTORY_NOT_EMPTY"),
    (0xc000_0103, "STATUS_NOT_A_DIRECTORY"),
    (0xc000_0120, "STATUS_CANCELLED"),
    (0xc000_0121, "STATUS_CANNOT_DELETE"),
    (0xc000_0128, "STATUS_FILE_CLOSED"),
    (0xc000_015b, "STATUS_LOGON_TYPE_NOT_GRANTED"),
    (0xc000_0184, "STATUS_INVALID_DEVICE_STATE"),
    (0xc000_0190, "STATUS_TRUST_FAILURE"),
    (0xc000_0193, "STATUS_ACCOUNT_EXPIRED"),
    (0xc000_0203, "STATUS_USER_SESSION_DELETED"),
    (0xc000_0205, "STATUS_INSUFF_SERVER_RESOURCES"),
    (0xc000_020c, "STATUS_CONNECTION_DISCONNECTED"),
    (0xc000_020d, "STATUS_CONNECTION_RESET"),
    (0xc000_0224, "STATUS_PASSWORD_MUST_CHANGE"),
    (0xc000_0225, "STATUS_NOT_FOUND"),
    (0xc000_0234, "STATUS_ACCOUNT_LOCKED_OUT"),
    (0xc000_0257, "STATUS_PATH_NOT_COVERED"),
    (0xc000_0275, "STATUS_NOT_A_REPARSE_POINT"),
    (0xc000_035c, "STATUS_NETWORK_SESSION_EXPIRED"),
];

const DOS: &[(u8, u16, &str)] = &[
    (0, 0, "SUCCESS"),
    (1, 1, "DOS_BADFUNC"),
    (1, 2, "DOS_BADFILE"),
    (1, 3, "DOS_BADPATH"),
    (1, 4, "DOS_NOFIDS"),
    (1, 5, "DOS_NOACCESS"),
    (1, 6, "DOS_BADFID"),
    (1, 15, "DOS_BADDRIVE"),
    (1, 18, "DOS_NOFILES"),
    (1, 32, "DOS_BADSHARE"),
    (1, 33, "DOS_LOCK"),
    (1, 80, "DOS_FILEEXISTS"),
    (2, 1, "SRV_ERROR"),
    (2, 2, "SRV_BADPW"),
    (2, 4, "SRV_ACCESS"),
    (2, 5, "SRV_BADTID"),
    (2, 6, "SRV_BADNETNAME"),
    (2, 7, "SRV_BADDEVICE"),
    (2, 0x16, "SRV_BADSMB"),
    (2, 0x5a, "SRV_TOOMANYUIDS"),
    (2, 0x5b, "SRV_BADUID"),
    (2, 0xffff, "SRV_NOSUPPORT"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(NT.is_sorted_by_key(|(code, _)| *code));
        assert_eq!(Status::Nt(0xc000_0022).name(), Some("STATUS_ACCESS_DENIED"));
        assert_eq!(
            (Status::Dos(2, 0x5b).name(), Status::Dos(2, 0x5b).to_string()),
            (Some("SRV_BADUID"), "0x005b".into())
        );
        assert_eq!((Status::Nt(0xdead).name(), Status::Nt(0xdead).to_string()), (None, "0xdead".into()));
    }
}
