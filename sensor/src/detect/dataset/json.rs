//! Sets in JSON: each value comes with an object that alerts carry.

use super::load::{Loading, Wrong, wrong};
use super::{DatasetError, Fixed};
use sekisho_signatures::kept::{SetFormat, SetKind, SetOptions};
use serde_json::Value;
use std::net::IpAddr;
use std::path::Path;

pub(super) fn read(
    loading: &mut Loading<'_>,
    file: &Path,
    options: &SetOptions,
    kind: SetKind,
    set: &mut Fixed<Box<str>>,
) -> Result<(), DatasetError> {
    if options.format == SetFormat::JsonLines {
        return loading.lines(file, false, |loading, line| {
            let object = serde_json::from_str(line).map_err(|e| wrong(format!("no JSON: {e}")))?;
            element(loading, file, options, kind, set, object)
        });
    }
    let name = loading.name();
    let text = std::fs::read(file).map_err(|source| DatasetError::Read { name, file: file.to_owned(), source })?;
    let fail = |line, column, message: String| DatasetError::Json {
        name: loading.name(),
        file: file.to_owned(),
        line,
        column,
        message,
    };
    let mut root: Value =
        serde_json::from_slice(&text).map_err(|e| fail(e.line(), e.column(), format!("no JSON: {e}")))?;
    drop(text);
    let mut place = &mut root;
    for part in options.array_key.iter().flat_map(|path| path.split('.')) {
        place = place.get_mut(part).ok_or_else(|| fail(1, 1, format!("there is no {part}")))?;
    }
    let Value::Array(elements) = place.take() else {
        return Err(fail(1, 1, "expected an array; array_key names the way to it".to_owned()));
    };
    let (mut used, mut last) = (0_usize, String::new());
    for object in elements {
        match element(loading, file, options, kind, set, object) {
            Ok(()) => used += 1,
            Err(Wrong::Fatal(error)) => return Err(error),
            Err(Wrong::Line(message)) => last = message,
        }
    }
    if used == 0 {
        let message = format!("no element has a value that can be used: {last}");
        return Err(DatasetError::Json { name: loading.name(), file: file.to_owned(), line: 1, column: 1, message });
    }
    Ok(())
}

/// One object: its value, and the object as text.
fn element(
    loading: &mut Loading<'_>,
    file: &Path,
    options: &SetOptions,
    kind: SetKind,
    set: &mut Fixed<Box<str>>,
    mut object: Value,
) -> Result<(), Wrong> {
    let path = options.value_key.as_deref().unwrap_or("value");
    let mut place = &object;
    for part in path.split('.') {
        place = place.get(part).ok_or_else(|| wrong(format!("there is no {path}")))?;
    }
    let text = place.as_str().ok_or_else(|| wrong(format!("{path} is no string")))?;
    let value = match kind {
        // Strings stand as they are, not in base64.
        SetKind::String => text.as_bytes().to_vec(),
        SetKind::Md5 | SetKind::Sha256 => super::load::parse(kind, text)?,
        SetKind::Ipv4 | SetKind::Ip => {
            let address: IpAddr = text.parse().map_err(|_| wrong(format!("{text} is no address")))?;
            crate::packet::Addr::from(address).0.to_be_bytes().to_vec()
        }
    };
    if options.remove_key {
        remove(&mut object, path);
    }
    let json: Box<str> = object.to_string().into();
    let len = json.len() as u64;
    let size = set.add(&value, json).map(|size| size + len);
    loading.used(file, size)
}

fn remove(object: &mut Value, path: &str) {
    let mut place = object;
    let mut parts = path.split('.').peekable();
    while let Some(part) = parts.next() {
        let Some(members) = place.as_object_mut() else { return };
        if parts.peek().is_none() {
            members.remove(part);
            return;
        }
        let Some(next) = members.get_mut(part) else { return };
        place = next;
    }
}
