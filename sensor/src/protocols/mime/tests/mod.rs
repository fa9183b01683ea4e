//! Messages as bytes; and that cutting them up changes nothing.

use super::*;
use crate::protocols::file::{FilePolicy, FileState};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;

/// What came of a message.
#[derive(Debug, PartialEq)]
struct Read {
    files: Vec<(String, String, FileState)>,
    urls: Vec<String>,
    odd: Vec<&'static str>,
    md5: Option<String>,
    from: Option<String>,
    stage: Stage,
}

fn read(pieces: &[&[u8]]) -> Read {
    let mut mail = Mail::new(FilePolicy::default());
    let mut odd = Oddities::default();
    let mut over = 0;
    for piece in pieces {
        mail.push(piece);
        odd.add(mail.new_oddities());
        while let Some(index) = mail.next_over() {
            assert_eq!(index, over);
            over += 1;
        }
    }
    mail.end(true);
    odd.add(mail.new_oddities());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Read {
        files: mail
            .files()
            .iter()
            .map(|f| (text(f.name()), text(f.data().data), f.info().expect("over").state))
            .collect(),
        urls: mail.urls().iter().map(|u| text(u)).collect(),
        odd: odd.names().collect(),
        md5: mail.body_md5().map(str::to_owned),
        from: mail.buffer(Buffer::EmailFrom, 0).map(|p| text(p.data)),
        stage: mail.stage(),
    }
}

#[test]
fn parts_in_parts() {
    let read = read(&[b"From: a\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/related; boundary=b1\n\n\
        --b1\nContent-Disposition: x; filename=1\n\n\n--\n--bx\n--b1\nContent-Disposition: x; filename=2\n\ntwo\n--b\nContent-Disposition: x; \
        filename=3\n\n--b\n\nhttp://no.file/\n--b--\nhttp://behind.all/\n"]);
    // What begins with a boundary is a delimiter, as RFC 2046 has it: so `--bx` ends the inner multipart.
    assert_eq!(
        read.files,
        [
            ("1".to_owned(), "\n--".to_owned(), FileState::Closed),
            ("2".to_owned(), "two".to_owned(), FileState::Closed),
            ("3".to_owned(), String::new(), FileState::Closed),
        ]
    );
    assert_eq!((read.urls, read.from.as_deref(), read.odd.len()), (vec!["no.file/".to_owned()], Some("a"), 0));
}

#[test]
fn a_message_that_is_a_file() {
    let read =
        read(&[b"Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: BASE64\r\n\r\naGVs\r\nbG8=\r\n"]);
    assert_eq!(read.files, [("a.png".to_owned(), "hello".to_owned(), FileState::Closed)]);
    assert_eq!(read.md5.as_deref(), Some("9a29332701eff4dee052c772126d7d51"));
}

/// The numbers 0 to 59, as `uuencode` writes them.
const UU: &str = "begin 644 tool.exe\r\n\
    M``$\"`P0%!@<(\"0H+#`T.#Q`1$A,4%187&!D:&QP='A\\@(2(C)\"4F)R@I*BLL\r\n\
    /+2XO,#$R,S0U-C<X.3H[\r\n\
    `\r\nend\r\n";

#[test]
fn files_that_are_uuencoded() {
    let data: String = (0..60).map(|b| char::from(b as u8)).collect();
    let file = |name: &str, state| (name.to_owned(), data.clone(), state);
    let inside = format!("From: a\r\n\r\nhttp://a.example\r\n{UU}\r\nhttp://b.example\r\nbegin 9 is text\r\n");
    let read_it = read(&[inside.as_bytes()]);
    assert_eq!(read_it.files, [file("tool.exe", FileState::Closed)]);
    assert_eq!((read_it.urls, read_it.odd.len()), (vec!["a.example".to_owned(), "b.example".to_owned()], 0));
    let part = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment; filename=a.bin\r\n\
         Content-Transfer-Encoding: x-uuencode\r\n\r\nsaid before\r\n{UU}said behind\r\n--b--\r\n"
    );
    assert_eq!(read(&[part.as_bytes()]).files, [file("a.bin", FileState::Closed)]);
    // Without its end, and with a line that is none.
    let cut = format!("a: b\r\n\r\n{}", UU.split_at(UU.len() - 8).0);
    assert_eq!(read(&[cut.as_bytes()]).files, [file("tool.exe", FileState::Closed)]);
    let odd = read(&[format!("a: b\r\n\r\n{}", UU.replace("\n`", "\n~")).as_bytes()]);
    assert_eq!((odd.files[0].2, odd.odd), (FileState::Truncated, vec!["mime_malformed_msg"]));
}

#[test]
fn a_message_without_a_header() {
    let read = read(&[b"This is a test of http://u.example\r\n"]);
    assert_eq!((read.urls, read.stage), (vec!["u.example".to_owned()], Stage::Done));
}

#[test]
fn the_body_is_hashed_where_that_is_wanted() {
    for (mail_md5, digest) in [(true, Some("900150983cd24fb0d6963f7d28e17f72")), (false, None)] {
        let mut mail = Mail::new(FilePolicy { mail_md5, ..FilePolicy::default() });
        mail.push(b"From: a\n\nab");
        mail.push(b"c");
        mail.end(true);
        assert_eq!(mail.body_md5(), digest);
    }
}

#[test]
fn bounds_are_events() {
    let field = |name: &str, len: usize| format!("{name}: {}\r\n\r\n", "x".repeat(len)).into_bytes();
    assert_eq!(read(&[&field("Subject", 2001)]).odd, ["mime_long_line", "mime_long_header_value"]);
    assert_eq!(read(&[&field(&"n".repeat(999), 1)]).odd, ["mime_long_line", "mime_long_header_name"]);
    let boundary = format!("Content-Type: multipart/mixed; boundary={}\n\n", "b".repeat(255));
    assert_eq!(read(&[boundary.as_bytes()]).odd, ["mime_long_boundary"]);
    let name = format!("Content-Type: a/b; name={}\n\n", "b".repeat(256));
    let long = read(&[name.as_bytes()]);
    assert_eq!((long.odd, long.files[0].0.len()), (vec!["mime_long_filename"], MAX_FILE_NAME));
    let line = format!("Content-Transfer-Encoding: base64\n\n{}\n", "YWJj".repeat(20));
    assert_eq!(read(&[line.as_bytes()]).odd, ["mime_long_enc_line"]);
    let deep: String = (0..40).map(|i| format!("Content-Type: multipart/mixed; boundary=b{i}.\n\n--b{i}.\n")).collect();
    assert_eq!(read(&[deep.as_bytes()]).odd, ["mime_malformed_msg"]);
    let many: String = (0..200).map(|i| format!("--b\nContent-Type: a/b; name=f{i}\n\n")).collect();
    let many = read(&[format!("Content-Type: multipart/mixed; boundary=b\n\n{many}").as_bytes()]);
    assert_eq!((many.odd, many.files.len()), (vec!["mime_malformed_msg"], MAX_FILES));
    let fields: String = (0..300).map(|i| format!("X-{i}: y\n")).collect();
    assert_eq!(read(&[fields.as_bytes()]).odd, ["mime_malformed_msg"]);
}

#[test]
fn what_is_kept_of_files_is_bounded() {
    let mut mail = Mail::new(FilePolicy::default());
    mail.push(b"Content-Type: multipart/mixed; boundary=b\n\n");
    let block = vec![b'x'; 100 * 1024];
    for _ in 0..30 {
        mail.push(b"--b\nContent-Type: a/b; name=f\n\n");
        mail.push(&block);
        mail.push(b"\n");
    }
    mail.end(true);
    let kept: usize = mail.files().iter().map(|f| f.data().data.len()).sum();
    assert_eq!((mail.files().len(), kept), (30, MAX_KEPT));
    assert!(mail.files().iter().all(|f| f.size() == block.len() as u64));
}

const MESSAGE: &[u8] = b"From: a\r\n b\r\nContent-Type: multipart/mixed; boundary=\"xy\"\r\n\r\n--xy\r\nContent-Type: text/plain\r\n\
    Content-Transfer-Encoding: quoted-printable\r\nContent-Disposition: attachment; filename=t\r\n\r\nsee=20http://u.example/=\r\npath \r\n\r\n\
    --xz\r\n-\r--xy\r\n--xy \r\nContent-Transfer-Encoding: base64\r\nContent-Type: a/b; name=\"f\"\r\n\r\naGVs\r\n\r\nbG8=\r\n--xy--\r\n\r\n";

proptest! {
    #[test]
    fn cuts_change_nothing(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), sizes in vec(1..40usize, 1..20)) {
        let mut message = MESSAGE.to_vec();
        for (at, value) in changes {
            let at = at.index(message.len());
            message[at] = value;
        }
        let whole = read(&[&message]);
        let mut pieces = vec![];
        let mut rest = &message[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        prop_assert_eq!(read(&pieces), whole);
    }

    #[test]
    fn nothing_panics(pieces in vec((vec(any::<u8>(), 0..50), any::<u8>()), 0..20)) {
        let mut mail = Mail::new(FilePolicy::default());
        mail.push(b"Content-Type: multipart/mixed; boundary=b\n\n");
        for (bytes, gap) in &pieces {
            mail.push(bytes);
            if *gap > 200 {
                mail.gap(u64::from(*gap));
            }
        }
        mail.end(false);
        prop_assert_eq!(mail.stage(), Stage::Body);
    }
}
