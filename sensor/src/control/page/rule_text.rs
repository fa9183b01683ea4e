//! The text of an alert's rule, from the file that it stands in, as far as the file is still as it was read.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// No rule file has more; what lies behind is not looked for.
const FILE_MAX: u64 = 512 << 20;
/// A longer rule is cut.
const RULE_MAX: usize = 64 * 1024;

/// The rule that begins at `line` (from 1 on), continued lines included, if it is the one with `sid`.
pub(super) fn read(file: &Path, line: u32, sid: u32) -> Option<String> {
    let reader = BufReader::new(File::open(file).ok()?.take(FILE_MAX));
    let first = usize::try_from(line.checked_sub(1)?).ok()?;
    let mut text = String::new();
    for line in reader.split(b'\n').skip(first) {
        let line = line.ok()?;
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        text.push_str(line);
        if !line.ends_with('\\') || text.len() > RULE_MAX {
            break;
        }
        text.push('\n');
    }
    while text.len() > RULE_MAX {
        text.pop();
    }
    names(&text, sid).then_some(text)
}

/// Whether the text has the option `sid:SID`.
fn names(text: &str, sid: u32) -> bool {
    let wanted = sid.to_string();
    text.split("sid:").skip(1).any(|rest| {
        let rest = rest.trim_start();
        rest.strip_prefix(&wanted).is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_at_its_line_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.rules");
        std::fs::write(
            &file,
            b"# a\nalert ip any any -> any any (sid:7;)\nalert tcp any any \\\n -> any any (msg:\"\xe9\"; sid: 70;)\n",
        )
        .unwrap();
        assert_eq!(read(&file, 2, 7).unwrap(), "alert ip any any -> any any (sid:7;)");
        assert!(read(&file, 3, 70).unwrap().starts_with("alert tcp any any \\\n -> any"));
        for (line, sid) in [(3, 7), (2, 70), (1, 7), (0, 7), (99, 7)] {
            assert!(read(&file, line, sid).is_none(), "{line} {sid}");
        }
        assert!(read(&folder.path().join("none"), 1, 1).is_none());
    }
}
