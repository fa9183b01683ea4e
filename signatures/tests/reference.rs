//! KEYWORDS.md is made from the keyword tables; this test says when it is not current, and writes it when asked to.

use sekisho_signatures::keywords::families;
use std::fmt::Write;

/// The page: a table per family.
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
        let _ = write!(page, "\n## {}\n\n| keyword | | what it does |\n|---|---|---|\n", family.name);
        for keyword in family.keywords.iter() {
            let names: Vec<String> =
                std::iter::once(&keyword.name).chain(keyword.aliases).map(|n| format!("`{n}`")).collect();
            let state = if keyword.is_built() { "evaluated" } else { "known" };
            let doc = keyword.doc.replace('|', "\\|");
            let _ = writeln!(page, "| {} | {state} | {doc} |", names.join(", "));
        }
    }
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
