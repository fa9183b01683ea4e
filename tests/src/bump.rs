//! What the tests in line share: a client and a server in namespaces of their own, and the sensor in a third one between them. Everything
//! here panics where something is not as it should be.

use crate::netns::{Namespace, command};
use serde_json::Value;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The client's address.
pub const CLIENT: &str = "10.9.0.1";
/// The server's address.
pub const SERVER: &str = "10.9.0.2";

/// `client (c0) ── (a0) sensor (b0) ── (s0) server`.
#[derive(Debug)]
pub struct Wire {
    /// Where the connections are made.
    pub client: Namespace,
    /// Where the sensor stands.
    pub bump: Namespace,
    /// Where they are taken.
    pub server: Namespace,
}

impl Wire {
    /// Lays the wire, with `mtu` bytes. Nothing crosses before a sensor forwards it.
    #[must_use]
    pub fn new(mtu: u32) -> Self {
        let [client, bump, server] = std::array::from_fn(|_| Namespace::new().unwrap());
        let wire = Self { client, bump, server };
        wire.bump.run(|| {
            wire.lay_client(mtu);
            wire.lay_server(mtu);
        });
        wire
    }

    /// Lays the client's half. To be called in the bump's namespace.
    pub fn lay_client(&self, mtu: u32) {
        lay(("a0", "c0"), &self.client, CLIENT, mtu);
    }

    /// Lays the server's half, also anew. To be called in the bump's namespace.
    pub fn lay_server(&self, mtu: u32) {
        lay(("b0", "s0"), &self.server, SERVER, mtu);
    }
}

fn lay((port, end): (&str, &str), namespace: &Namespace, address: &str, mtu: u32) {
    command(&format!("ip link add name {port} mtu {mtu} type veth peer name {end} mtu {mtu}")).unwrap();
    for one in [port, end] {
        command(&format!("ethtool -K {one} tx off")).unwrap();
        // The kernel redirects into a virtual pair only where the far end polled when the near one came up.
        command(&format!("ethtool -K {one} gro on")).unwrap();
    }
    command(&format!("ip link set dev {end} netns {}", namespace.path())).unwrap();
    namespace.run(|| {
        command(&format!("ip addr add {address}/24 dev {end}")).unwrap();
        command(&format!("ip link set dev {end} up")).unwrap();
    });
    command(&format!("ip link set dev {port} up")).unwrap();
}

/// The sensor as this build has it. Built with all else, as tests/run does.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(given) = std::env::var_os("SEKISHO_BINARY") {
        return given.into();
    }
    let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--workspace", "--bins", "--tests"]).status();
    assert!(built.unwrap().success(), "the sensor does not build");
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).unwrap().join("sekisho")
}

/// The sensor between `a0` and `b0`: all its commands must be run in one visit to the wire's bump namespace, since its pins lie in the BPF
/// file system of that visit.
#[derive(Debug)]
pub struct Sensor {
    folder: tempfile::TempDir,
    child: Option<Child>,
    binary: PathBuf,
    /// Words of the command that starts the sensor, before its own.
    launcher: Vec<String>,
}

/// An ordinary user without a name of its own: nobody.
const ORDINARY: u32 = 65534;

impl Sensor {
    /// Writes its configuration, with `more` at the end.
    #[must_use]
    pub fn new(binary: PathBuf, rules: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.rules"), rules).unwrap();
        let config = format!(
            "[[inline]]\nports = [\"a0\", \"b0\"]\n{more}\n[rules]\npaths = [\"x.rules\"]\ncache = \"cache\"\n\
             [eve]\npath = \"{0}/eve.json\"\ntypes = [\"alert\", \"drop\"]\n[control]\nsocket = \"{0}/control\"\n\
             [metrics]\nenabled = false\n[capture.afxdp]\nhuge_pages = \"never\"\n",
            folder.path().display()
        );
        std::fs::write(folder.path().join("sekisho.toml"), config).unwrap();
        Self { folder, child: None, binary, launcher: Vec::new() }
    }

    /// From now on it is started as an ordinary user with these capabilities.
    pub fn run_as_ordinary_user(&mut self, capabilities: &[&str]) {
        let names: Vec<String> = capabilities.iter().map(|name| format!("+{name}")).collect();
        let names = names.join(",");
        let launcher = format!(
            "setpriv --reuid={ORDINARY} --regid={ORDINARY} --clear-groups --inh-caps=-all,{names} --ambient-caps=-all,{names}"
        );
        self.launcher = launcher.split(' ').map(str::to_owned).collect();
        for path in [self.folder.path().to_owned(), self.path("sekisho.toml"), self.path("x.rules")] {
            std::os::unix::fs::chown(path, Some(ORDINARY), Some(ORDINARY)).unwrap();
        }
    }

    /// Starts it, and waits until it answers.
    pub fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        let out = File::options().create(true).append(true).open(self.path("out")).unwrap();
        // By a descriptor: the user may have no way to where it was built.
        let binary = nix::fcntl::open(&self.binary, nix::fcntl::OFlag::O_PATH, nix::sys::stat::Mode::empty()).unwrap();
        let mut words = self.launcher.clone();
        words.push(format!("/proc/self/fd/{}", binary.as_raw_fd()));
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .arg("run")
            .arg("--config")
            .arg(self.path("sekisho.toml"))
            .stdout(Stdio::from(out))
            .stderr(Stdio::from(log));
        self.child = Some(command.spawn().unwrap());
        self.until("it answers", |s| s.ask(&["status"]).status.success());
    }

    /// Its process, if it runs.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.child.as_ref().unwrap().id().cast_signed()
    }

    /// A file of its own.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// What it printed.
    #[must_use]
    pub fn out(&self) -> String {
        std::fs::read_to_string(self.path("out")).unwrap_or_default()
    }

    /// Waits until something holds.
    pub fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < end, "waited in vain until {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Another command, with the same configuration.
    #[must_use]
    pub fn ask(&self, words: &[&str]) -> Output {
        Command::new(&self.binary).args(words).arg("--config").arg(self.path("sekisho.toml")).output().unwrap()
    }

    /// `sekisho status`.
    #[must_use]
    pub fn status(&self) -> Value {
        serde_json::from_slice(&self.ask(&["status", "--format", "json"]).stdout).unwrap()
    }

    /// Sets other rules, and has them loaded.
    pub fn reload(&self, rules: &str) {
        std::fs::write(self.path("x.rules"), rules).unwrap();
        let output = self.ask(&["reload"]);
        assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stderr), self.log());
    }

    /// How many alerts there are of a rule.
    #[must_use]
    pub fn alerts(&self, sid: u64) -> usize {
        let text = std::fs::read_to_string(self.path("eve.json")).unwrap_or_default();
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["alert"]["signature_id"] == sid).count()
    }

    /// Has it stop, and says what it printed. Its accounts must balance.
    pub fn stop(&mut self) -> String {
        use nix::sys::signal::{Signal, kill};
        kill(nix::unistd::Pid::from_raw(self.pid()), Signal::SIGTERM).unwrap();
        let ended = self.child.take().unwrap().wait().unwrap();
        assert!(ended.success(), "{}\n{}", self.out(), self.log());
        self.out()
    }

    /// Kills it: nothing of it has a chance to do anything.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Files and folders under `folder`, for a look at what is pinned.
#[must_use]
pub fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files_under(&path)) } else { found.push(path) }
    }
    found
}
