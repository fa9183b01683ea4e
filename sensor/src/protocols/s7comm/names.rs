//! Names of kinds of blocks, for the log; those of functions and areas are with the rules' values.

/// The kind of a block, by the two digits in its name.
pub(super) fn block(kind: &[u8]) -> Option<&'static str> {
    Some(match kind {
        b"08" => "OB",
        b"0A" => "DB",
        b"0B" => "SDB",
        b"0C" => "FC",
        b"0D" => "SFC",
        b"0E" => "FB",
        b"0F" => "SFB",
        _ => return None,
    })
}

/// Where a block is, by the last letter of its name.
pub(super) fn filesystem(letter: u8) -> Option<&'static str> {
    Some(match letter {
        b'P' => "passive",
        b'A' => "active",
        b'B' => "both",
        _ => return None,
    })
}

/// A group of functions of user data.
pub(super) fn group(group: u8) -> Option<&'static str> {
    Some(match group {
        0 => "mode transition",
        1 => "programmer",
        2 => "cyclic data",
        3 => "blocks",
        4 => "cpu",
        5 => "security",
        6 => "program communication",
        7 => "time",
        _ => return None,
    })
}
