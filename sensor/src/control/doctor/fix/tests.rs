//! Changes and their way back, on a host that is only in memory.

use super::*;

/// A host in memory: each setting that was ever written, over what it starts with.
#[derive(Debug, Default)]
struct Memory {
    now: Vec<Setting>,
    refused: Vec<Setting>,
    writes: usize,
}

impl Settings for &mut Memory {
    fn read(&mut self, setting: &Setting) -> io::Result<Setting> {
        let found = self.now.iter().find(|now| now.same_place(setting));
        found.cloned().ok_or_else(|| io::Error::from_raw_os_error(Errno::EOPNOTSUPP as i32))
    }

    fn write(&mut self, setting: &Setting) -> io::Result<()> {
        if self.refused.iter().any(|refused| refused.same_place(setting)) {
            return Err(io::Error::from_raw_os_error(Errno::EINVAL as i32));
        }
        self.writes += 1;
        if let Setting::Queues { combined, .. } = setting {
            // As a driver does it: the table is made anew.
            for now in &mut self.now {
                if let Setting::RssTable { table, .. } = now {
                    *table = (0..*combined).cycle().take(table.len()).collect();
                }
            }
        }
        match self.now.iter_mut().find(|now| now.same_place(setting)) {
            Some(now) => *now = setting.clone(),
            None => self.now.push(setting.clone()),
        }
        Ok(())
    }
}

fn gro(on: bool) -> Setting {
    Setting::Offload { interface: "eth1".to_owned(), name: "rx-gro".to_owned(), on }
}

fn queues(combined: u32) -> Setting {
    Setting::Queues { interface: "eth1".to_owned(), rx: 0, tx: 0, combined }
}

fn table(table: &[u32]) -> Setting {
    Setting::RssTable { interface: "eth1".to_owned(), table: table.to_vec() }
}

fn jit(value: &str) -> Setting {
    Setting::Sysctl { name: "net.core.bpf_jit_enable".to_owned(), value: value.to_owned() }
}

fn fixer<'a>(memory: &'a mut Memory, file: &'a Path) -> Fixer<'a, &'a mut Memory> {
    let interfaces = BTreeMap::from([("eth1".to_owned(), Known { index: 7, keep: None })]);
    Fixer { settings: memory, file, boot: "boot-1".to_owned(), interfaces }
}

fn start() -> Memory {
    Memory { now: vec![gro(true), queues(4), table(&[3, 2, 1, 0]), jit("0")], ..Memory::default() }
}

#[test]
fn what_was_changed_is_put_back_and_a_second_time_nothing_happens() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("below/undo.json");
    let mut memory = start();
    let wanted = [gro(false), table(&[0, 1, 0, 1]), queues(2), jit("1")];
    let done = fixer(&mut memory, &file).apply(&wanted).unwrap();
    assert!(done.iter().all(|d| d.result == Outcome::Changed), "{done:?}");
    assert_eq!(memory.now, [gro(false), queues(2), table(&[0, 1, 0, 1]), jit("1")]);
    let writes = memory.writes;
    assert_eq!(fixer(&mut memory, &file).apply(&wanted).unwrap(), []);
    assert_eq!(memory.writes, writes);
    fixer(&mut memory, &file).undo().unwrap();
    assert_eq!(memory.now, start().now, "the table, too, though the driver made it anew twice");
    assert!(!file.exists());
    assert_eq!(fixer(&mut memory, &file).undo().unwrap(), []);
}

#[test]
fn a_setting_changed_twice_goes_back_to_its_first_value() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("undo.json");
    let mut memory = start();
    fixer(&mut memory, &file).apply(&[queues(2)]).unwrap();
    fixer(&mut memory, &file).apply(&[queues(1)]).unwrap();
    fixer(&mut memory, &file).undo().unwrap();
    assert_eq!(memory.now, start().now);
}

#[test]
fn what_somebody_else_changed_since_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("undo.json");
    let mut memory = start();
    fixer(&mut memory, &file).apply(&[queues(2), gro(false)]).unwrap();
    memory.now[1] = queues(3);
    let done = fixer(&mut memory, &file).undo().unwrap();
    assert_eq!(memory.now[..2], [gro(true), queues(3)]);
    assert!(done.iter().any(|d| d.result == Outcome::Held && d.reason.contains("combined 3")), "{done:?}");
    assert!(!file.exists());
}

#[test]
fn what_is_refused_is_told_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("undo.json");
    let mut memory = Memory { refused: vec![gro(false)], ..start() };
    let done = fixer(&mut memory, &file).apply(&[gro(false)]).unwrap();
    assert_eq!((done[0].result, done[0].reason.as_str()), (Outcome::Failed, "the driver does not take this value"));
    assert!(!file.exists());
}

#[test]
fn a_running_sensor_is_not_disturbed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("undo.json");
    let mut memory = start();
    let mut busy = fixer(&mut memory, &file);
    busy.interfaces.insert("eth1".to_owned(), Known { index: 7, keep: Some("a sensor runs") });
    let done = busy.apply(&[queues(2), gro(false)]).unwrap();
    assert_eq!(done.iter().map(|d| d.result).collect::<Vec<_>>(), [Outcome::Held, Outcome::Changed]);
    assert_eq!(memory.now[..2], [gro(false), queues(4)]);
}

#[test]
fn an_interface_that_was_not_named_is_not_touched_and_another_of_its_name_is_not_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("undo.json");
    let mut memory = start();
    let mut other = fixer(&mut memory, &file);
    other.interfaces.clear();
    assert_eq!(other.apply(&[gro(false)]).unwrap()[0].result, Outcome::Held);
    assert_eq!(memory.now, start().now);
    fixer(&mut memory, &file).apply(&[gro(false)]).unwrap();
    let mut renewed = fixer(&mut memory, &file);
    renewed.interfaces.insert("eth1".to_owned(), Known { index: 8, keep: None });
    assert_eq!(renewed.undo().unwrap()[0].result, Outcome::Held);
    assert_eq!(memory.now[0], gro(false));
}

#[test]
fn after_a_restart_of_the_host_there_is_nothing_to_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("undo.json");
    let mut memory = start();
    fixer(&mut memory, &file).apply(&[gro(false)]).unwrap();
    let mut restarted = fixer(&mut memory, &file);
    restarted.boot = "boot-2".to_owned();
    assert_eq!(restarted.undo().unwrap(), []);
    assert!(!file.exists());
}

#[test]
fn without_a_place_to_keep_it_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = start();
    let in_a_file = folder.path().join("file/undo.json");
    std::fs::write(folder.path().join("file"), "").unwrap();
    assert!(fixer(&mut memory, &in_a_file).apply(&[gro(false)]).is_err());
    let foreign = folder.path().join("foreign.json");
    std::fs::write(&foreign, "{}").unwrap();
    let error = fixer(&mut memory, &foreign).apply(&[gro(false)]).unwrap_err().to_string();
    assert!(error.contains("does not say what was before"), "{error}");
    assert_eq!(memory.now, start().now);
}
