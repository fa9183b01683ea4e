//! Who may ask the HTTP server: on a loopback address everybody on the machine who asks it by such a name, elsewhere who shows the token.
//!
//! A page of somebody else's that has its own name point at 127.0.0.1 (DNS rebinding) asks by that name, and gets nothing. The token is compared in
//! constant time, by its digest. People give it once, in a form; what the browser keeps is a cookie of this run of the sensor, not the token.

use crate::output::MetricsConfig;
use crate::output::sources::Sample;
use axum::extract::{Form, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// A shorter token could be guessed.
const TOKEN_MIN: usize = 16;
/// How long a wrong token's answer takes.
const WRONG_TOKEN: Duration = Duration::from_secs(1);
const COOKIE: &str = "sekisho_session";

/// The server may not be opened so.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Everybody on the network could read it.
    #[error(
        "metrics.listen is {0}, which others on the network can reach: name a file with a token in metrics.token_file (`(umask 077; openssl rand -hex 32 >/etc/sekisho/token)`), or listen on 127.0.0.1"
    )]
    Open(IpAddr),
    /// The token's file.
    #[error("cannot read the token's file {}: {source}. metrics.token_file names it", path.display())]
    Unreadable {
        /// As configured.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others could read the token.
    #[error("the token's file {} can be read or changed by others (mode {mode:o}): `chmod 600 {}`", path.display(), path.display())]
    Loose {
        /// As configured.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The token is no secret.
    #[error("the token in {} is shorter than {TOKEN_MIN} characters: make one with `openssl rand -hex 32`", .0.display())]
    Short(PathBuf),
}

/// See the module.
#[derive(Debug)]
pub struct Access {
    /// Digests of the token, and of the cookie that stands for it.
    secrets: Option<Secrets>,
    /// Names that it may be asked by; none: any, since a token is needed.
    hosts: Option<Vec<String>>,
    refused_token: AtomicU64,
    refused_host: AtomicU64,
}

#[derive(Debug)]
struct Secrets {
    token: [u8; 32],
    cookie: String,
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

impl Access {
    /// As configured; `salt` is unguessable and of this run.
    ///
    /// # Errors
    /// When the server would be open to the network, or the token is none.
    pub fn new(config: &MetricsConfig, salt: u64) -> Result<Self, AccessError> {
        let ip = config.listen.ip();
        let secrets = config.token_file.as_deref().map(|path| Secrets::read(path, salt)).transpose()?;
        if secrets.is_none() && !ip.is_loopback() {
            return Err(AccessError::Open(ip));
        }
        let hosts = ip.is_loopback().then(|| config.host_names.iter().map(|name| name.to_lowercase()).collect());
        Ok(Self { secrets, hosts, refused_token: AtomicU64::new(0), refused_host: AtomicU64::new(0) })
    }

    /// Requests that were refused, for metrics.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        let help = "HTTP requests that were refused: asked by a foreign name, or without the token.";
        let counts = [("host", &self.refused_host), ("token", &self.refused_token)];
        let sample = |(reason, count): (&str, &AtomicU64)| {
            Sample::counter("http_requests_refused_total", help, count.load(Ordering::Relaxed)).label("reason", reason)
        };
        counts.into_iter().map(sample).collect()
    }

    /// Whether the request's `Host` is a name of this server.
    fn knows_host(&self, headers: &HeaderMap) -> bool {
        let Some(names) = &self.hosts else { return true };
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let name = host_name(host).to_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        address.is_ok_and(|ip| ip.is_loopback()) || name == "localhost" || names.contains(&name)
    }

    fn knows_token(&self, headers: &HeaderMap) -> bool {
        let Some(secrets) = &self.secrets else { return true };
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.split_once(' '));
        if let Some((_, token)) = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) {
            return secrets.is_token(token);
        }
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let mut cookies = cookies.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        cookies.any(|(name, value)| name == COOKIE && bool::from(value.as_bytes().ct_eq(secrets.cookie.as_bytes())))
    }
}

impl Secrets {
    fn read(path: &Path, salt: u64) -> Result<Self, AccessError> {
        let unreadable = |source| AccessError::Unreadable { path: path.to_owned(), source };
        let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
        // The group may read it, as with a service of its own; nobody else may do anything.
        if mode & 0o037 != 0 {
            return Err(AccessError::Loose { path: path.to_owned(), mode });
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let token = text.trim();
        if token.len() < TOKEN_MIN {
            return Err(AccessError::Short(path.to_owned()));
        }
        let cookie = digest(&[b"cookie", &salt.to_le_bytes(), token.as_bytes()]);
        let cookie = cookie.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { token: digest(&[token.as_bytes()]), cookie })
    }

    fn is_token(&self, given: &str) -> bool {
        digest(&[given.trim().as_bytes()]).ct_eq(&self.token).into()
    }
}

/// Without its port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// Stands before all that is served.
pub async fn guard(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    if !access.knows_host(request.headers()) {
        access.refused_host.fetch_add(1, Ordering::Relaxed);
        let why = "This server is asked by a name that is not its own; metrics.host_names lists what is allowed beside localhost.\n";
        return (StatusCode::MISDIRECTED_REQUEST, why).into_response();
    }
    let path = request.uri().path();
    if path == "/login" || access.knows_token(request.headers()) {
        return next.run(request).await;
    }
    access.refused_token.fetch_add(1, Ordering::Relaxed);
    if path == "/" && request.headers().get(header::AUTHORIZATION).is_none() {
        return Redirect::to("/login").into_response();
    }
    tokio::time::sleep(WRONG_TOKEN).await;
    let ask = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"sekisho\""))];
    (StatusCode::UNAUTHORIZED, ask, "A token is required: `Authorization: Bearer TOKEN`.\n").into_response()
}

/// What the form sends.
#[derive(Deserialize)]
pub struct Login {
    token: String,
}

/// The form.
pub async fn ask() -> Response {
    super::page::assets::login("").into_response()
}

/// What was given in the form.
pub async fn login(State(access): State<Arc<Access>>, Form(login): Form<Login>) -> Response {
    let known = access.secrets.as_ref().filter(|secrets| secrets.is_token(&login.token));
    let Some(secrets) = known else {
        if access.secrets.is_some() {
            access.refused_token.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(WRONG_TOKEN).await;
        }
        return (StatusCode::UNAUTHORIZED, super::page::assets::login("This is not the token.")).into_response();
    };
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200", secrets.cookie);
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(listen: &str, token: Option<&Path>) -> MetricsConfig {
        MetricsConfig {
            listen: listen.parse().unwrap(),
            token_file: token.map(Path::to_owned),
            host_names: vec!["Sensor.Office".into()],
            ..MetricsConfig::default()
        }
    }

    fn file(text: &str, mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    fn headers(of: &[(header::HeaderName, &str)]) -> HeaderMap {
        of.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn it_is_not_opened_to_the_network_without_a_token() {
        let error = Access::new(&config("0.0.0.0:1", None), 0).unwrap_err().to_string();
        assert!(error.contains("metrics.token_file") && error.contains("127.0.0.1"), "{error}");
        for (text, mode, says) in [
            ("0123456789abcdef", 0o644, "chmod 600"),
            ("0123456789abcdef", 0o660, "chmod 600"),
            ("short\n", 0o600, "shorter than 16"),
        ] {
            let token = file(text, mode);
            let error = Access::new(&config("0.0.0.0:1", Some(token.path())), 0).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        let error = Access::new(&config("[::]:1", Some(Path::new("/no/such"))), 0).unwrap_err().to_string();
        assert!(error.contains("/no/such"), "{error}");
        assert!(Access::new(&config("0.0.0.0:1", Some(file("0123456789abcdef\n", 0o640).path())), 0).is_ok());
    }

    #[test]
    fn a_loopback_address_is_asked_by_its_names() {
        let access = Access::new(&config("127.0.0.1:9477", None), 0).unwrap();
        for good in
            ["localhost", "LocalHost:9477", "127.0.0.1:9477", "127.9.9.9", "[::1]:9477", "[::1]", "sensor.office:80"]
        {
            assert!(access.knows_host(&headers(&[(header::HOST, good)])), "{good}");
        }
        for bad in [
            "evil.example",
            "evil.example:9477",
            "10.0.0.1",
            "localhost.evil.example",
            "",
            "[::2]:9477",
            "127.0.0.1.evil",
        ] {
            assert!(!access.knows_host(&headers(&[(header::HOST, bad)])), "{bad}");
        }
        assert!(!access.knows_host(&HeaderMap::new()));
    }

    #[test]
    fn the_token_opens_and_so_does_its_cookie() {
        let token = file("0123456789abcdef\n", 0o600);
        let access = Access::new(&config("0.0.0.0:9477", Some(token.path())), 7).unwrap();
        let other_run = Access::new(&config("0.0.0.0:9477", Some(token.path())), 8).unwrap();
        let cookie = |access: &Access| format!("a=b; {COOKIE}={}", access.secrets.as_ref().unwrap().cookie);
        for (name, value, opens) in [
            (header::AUTHORIZATION, "Bearer 0123456789abcdef", true),
            (header::AUTHORIZATION, "bearer 0123456789abcdef", true),
            (header::AUTHORIZATION, "Bearer 0123456789abcdeF", false),
            (header::AUTHORIZATION, "Bearer ", false),
            (header::AUTHORIZATION, "0123456789abcdef", false),
            (header::COOKIE, &cookie(&access), true),
            (header::COOKIE, &cookie(&other_run), false),
            (header::COOKIE, "sekisho_session=", false),
        ] {
            assert_eq!(access.knows_token(&headers(&[(name, value)])), opens, "{value}");
        }
        assert!(!access.knows_token(&HeaderMap::new()));
        assert!(access.knows_host(&headers(&[(header::HOST, "any.name")])), "the token is what counts");
    }
}
