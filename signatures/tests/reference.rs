//! KEYWORDS.md is made from the keyword tables; this test says when it is not current, and writes it when asked to.

use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::{Buffer, Kind, Side};
use sekisho_signatures::keywords::{Family, families};
use std::collections::BTreeMap;
use std::fmt::Write;

fn code<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The buffers' own table: what of whose messages each is.
fn buffers(page: &mut String, family: &Family) {
    page.push_str("\nA buffer's keyword stands before the conditions on it. `many`: all conditions hold on the same one of them. `grows`: bytes that come over \
                   time. `numbers`: takes a test of a number. The older modifiers stand behind a content and move it there.\n\n");
    page.push_str("| keyword | modifiers | | protocols | side | holds | what it is |\n|---|---|---|---|---|---|---|\n");
    for keyword in family.keywords {
        let state = if keyword.is_built() { "evaluated" } else { "known" };
        let names = code(std::iter::once(keyword.name).chain(keyword.aliases.iter().copied()));
        let Some(buffer) = Buffer::from_name(keyword.name) else {
            let known = Buffer::ALL.iter().any(|b| b.declaration().modifiers.contains(&keyword.name));
            assert!(known, "{} is neither a buffer nor a modifier of one", keyword.name);
            continue;
        };
        let is = buffer.declaration();
        let side = match is.side {
            Side::ToServer => "to_server",
            Side::ToClient => "to_client",
            Side::Both => "both",
        };
        let kind = match is.kind {
            Kind::Bytes => "bytes",
            Kind::Many => "many",
            Kind::Grows => "grows",
            Kind::Number => "numbers",
            Kind::Asked => "asked",
        };
        let protocols = is.protocols.iter().map(Protocol::name).collect::<Vec<_>>().join(", ");
        let modifiers = code(is.modifiers.iter().copied());
        let _ = writeln!(page, "| {names} | {modifiers} | {state} | {protocols} | {side} | {kind} | {} |", is.doc);
    }
}

/// Every name, with the section that tells of it.
fn index(page: &mut String) {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for family in families() {
        for keyword in family.keywords {
            names
                .extend(std::iter::once(keyword.name).chain(keyword.aliases.iter().copied()).map(|n| (n, family.name)));
        }
    }
    page.push_str("\n## Index\n\n");
    let anchor = |name: &str| name.to_lowercase().replace(',', "").replace(' ', "-");
    let all: Vec<String> = names.iter().map(|(name, family)| format!("[`{name}`](#{})", anchor(family))).collect();
    let _ = writeln!(page, "{}", all.join(" · "));
}

/// The page: a table per family, and an index.
fn page() -> String {
    let all = || families().iter().flat_map(|f| f.keywords.iter());
    let built = all().filter(|k| k.is_built()).count();
    let mut page = format!(
        "# Keywords\n\nOf the {} keywords of the rule language that are known, {built} are evaluated. A rule that uses one of the others is\n\
         read and checked, listed with the keyword and its place, and left out. Numbers are tested as `N`, `=N`, `!N`, `<N`, `<=N`,\n\
         `>N`, `>=N`, `N<>M` or `N-M` (ends left out), `!N-M`, `&mask=N` and `&mask!=N`, in decimal or after `0x`, with `kb`, `mb` or `gb`.\n\n\
         This page is made from the tables in `src/keywords/`: `WRITE_KEYWORDS=1 cargo test -p sekisho-signatures --test reference`.\n",
        all().count()
    );
    for family in families() {
        let _ = writeln!(page, "\n## {}", family.name);
        if family.keywords.iter().any(|k| Buffer::from_name(k.name).is_some()) {
            buffers(&mut page, family);
            continue;
        }
        page.push_str("\n| keyword | | what it does |\n|---|---|---|\n");
        for keyword in family.keywords.iter() {
            let names = code(std::iter::once(keyword.name).chain(keyword.aliases.iter().copied()));
            let state = if keyword.is_built() { "evaluated" } else { "known" };
            let doc = keyword.doc.replace('|', "\\|");
            let _ = writeln!(page, "| {names} | {state} | {doc} |");
        }
    }
    index(&mut page);
    page
}

#[test]
fn the_reference_page_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/KEYWORDS.md");
    if std::env::var_os("WRITE_KEYWORDS").is_some() {
        std::fs::write(path, page()).expect("the page can be written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page(),
        "KEYWORDS.md is not current: WRITE_KEYWORDS=1 cargo test -p sekisho-signatures --test reference"
    );
}
