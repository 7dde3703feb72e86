//! Discovery over a made-up `/proc`, `/run/user` and `/tmp`.

use super::*;
use crate::scratch::Dir;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

struct World {
    dir: Dir,
    places: Places,
}

impl World {
    fn new() -> Self {
        let dir = Dir::new("disc");
        let places = Places {
            proc: Proc::at(&dir.join("proc")),
            runtime_dir: None,
            run_user: dir.join("run"),
            tmp: dir.join("tmp"),
            // The directories that stand for processes are ours.
            uid: rustix::process::geteuid().as_raw(),
        };
        Self { dir, places }
    }

    fn process(&self, pid: u32, name: &str, state: char, start_ticks: u64) -> &Self {
        let dir = self.dir.join(&format!("proc/{pid}"));
        fs::create_dir_all(&dir).unwrap();
        let zeros = "0 ".repeat(18);
        fs::write(dir.join("stat"), format!("{pid} ({name}) {state} {zeros}{start_ticks} 0 5 0")).unwrap();
        symlink(format!("/usr/bin/{name}"), dir.join("exe")).unwrap();
        self
    }

    fn environ(&self, pid: u32, environ: &str) -> &Self {
        fs::write(self.dir.join(&format!("proc/{pid}/environ")), environ).unwrap();
        self
    }

    /// A socket in a directory of this world.
    fn socket(&self, path: &str) -> PathBuf {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        drop(UnixListener::bind(&path).unwrap());
        path
    }

    fn tmp_socket(&self, pid: u32, start_ticks: u64) -> PathBuf {
        let uid = self.places.uid;
        self.socket(&format!("tmp/loopscope-{uid}/{pid}-{start_ticks}.sock"))
    }

    fn kind(&self, target: &str) -> Kind {
        self.places.find(&target.parse().unwrap()).unwrap_err().kind().clone()
    }

    fn found(&self, target: &str) -> Found {
        self.places.find(&target.parse().unwrap()).unwrap()
    }
}

#[test]
fn a_process_is_found_by_number_by_name_and_alone() {
    let world = World::new();
    let socket = world.process(7, "app", 'S', 100).tmp_socket(7, 100);
    let expected = Found { pid: Some(7), name: Some("app".into()), socket, alive: true };
    assert_eq!(world.found("7"), expected);
    assert_eq!(world.found("app"), expected);
    assert_eq!(world.found(""), expected);
    assert_eq!(world.places.scan(), [expected]);
}

#[test]
fn several_that_match_are_listed() {
    let world = World::new();
    world.process(7, "app", 'S', 100).tmp_socket(7, 100);
    world.process(8, "app", 'S', 100).tmp_socket(8, 100);
    world.process(9, "web", 'S', 100).tmp_socket(9, 100);
    let app = Some("app".to_owned());
    assert_eq!(world.kind("app"), Kind::Ambiguous { candidates: vec![(7, app.clone()), (8, app)] });
    assert_eq!(world.found("web").pid, Some(9));
    assert!(matches!(world.kind(""), Kind::Ambiguous { candidates } if candidates.len() == 3));
}

#[test]
fn a_socket_left_by_a_dead_process_is_not_attached_to() {
    let world = World::new();
    world.tmp_socket(7, 100);
    assert_eq!(world.kind(""), Kind::NothingToAttach);
    assert_eq!(world.kind("7"), Kind::NoSuchProcess { pid: 7 });
    // Another process has got the number.
    world.process(7, "app", 'S', 200);
    assert_eq!(world.kind("7"), Kind::NoAgent { pid: 7 });
    let scan = world.places.scan();
    assert!(scan.len() == 1 && !scan[0].alive && scan[0].name.is_none());
}

#[test]
fn why_a_process_cannot_be_attached_to_is_told() {
    let world = World::new();
    world.process(1, "zombie", 'Z', 1).process(2, "stopped", 'T', 2).process(3, "off", 'S', 3);
    world.process(4, "plain", 'S', 4).environ(3, "LOOPSCOPE_INSPECT=0\0");
    world.tmp_socket(2, 2);
    assert_eq!(world.kind("1"), Kind::Zombie { pid: 1 });
    assert_eq!(world.kind("2"), Kind::Stopped { pid: 2 });
    assert_eq!(world.kind("3"), Kind::SwitchedOff { pid: 3 });
    assert_eq!(world.kind("4"), Kind::NoAgent { pid: 4 });
    assert_eq!(world.kind("plain"), Kind::NoAgent { pid: 4 });
    assert_eq!(world.kind("5"), Kind::NoSuchProcess { pid: 5 });
    assert_eq!(world.kind("nobody"), Kind::NoSuchProgram { name: "nobody".into() });
}

#[test]
fn a_process_of_another_user_needs_sudo() {
    let mut world = World::new();
    world.process(7, "app", 'S', 100).tmp_socket(7, 100);
    let owner = world.places.uid;
    world.places.uid = owner + 1;
    assert_eq!(world.kind("7"), Kind::OtherUser { pid: 7, uid: owner });
    world.places.uid = 0;
    assert_eq!(world.found("7").pid, Some(7));
    assert_eq!(world.found("app").pid, Some(7));
}

#[test]
fn a_process_with_a_socket_of_its_own_choice_is_found() {
    let world = World::new();
    world.process(7, "app", 'S', 100).environ(7, "A=1\0LOOPSCOPE_INSPECT=/srv/app.sock\0");
    // Whether it has no agent or its agent could not open it, the path is what there is to look at.
    assert!(matches!(world.kind("7"), Kind::NoSocket { path, .. } if path == Path::new("/srv/app.sock")));
    let socket = world.socket("proc/7/root/srv/app.sock");
    assert_eq!(world.found("7").socket, socket);
}

#[test]
fn a_process_in_a_container_is_found_below_its_root() {
    let world = World::new();
    world.process(40, "app", 'S', 100);
    fs::write(world.dir.join("proc/40/status"), "NSpid:\t40\t1\n").unwrap();
    // A process outside has the same number and start time, and its socket is not the container's.
    world.tmp_socket(40, 100);
    let socket = world.socket("proc/40/root/tmp/loopscope-1000/1-77.sock");
    assert_eq!(world.found("40").socket, socket);
}

#[test]
fn the_runtime_directory_comes_first() {
    let mut world = World::new();
    let uid = world.places.uid;
    world.process(7, "app", 'S', 100).tmp_socket(7, 100);
    let in_run = world.socket(&format!("run/{uid}/loopscope/7-100.sock"));
    assert_eq!(world.found("7").socket, in_run);
    world.places.runtime_dir = Some(world.dir.join("xdg"));
    let in_xdg = world.socket("xdg/loopscope/7-100.sock");
    assert_eq!(world.found("7").socket, in_xdg);
}

#[test]
fn a_path_is_a_socket_or_an_error() {
    let world = World::new();
    let socket = world.socket("s/app.sock");
    assert_eq!(world.found(socket.to_str().unwrap()), Found::at(&socket));
    let file = world.dir.join("s/file");
    fs::write(&file, "").unwrap();
    assert!(matches!(world.kind(file.to_str().unwrap()), Kind::NotInspector { .. }));
    assert!(matches!(world.kind("/nowhere/at/all"), Kind::NoSocket { .. }));
    assert!(matches!(world.kind("http://127.0.0.1:6669"), Kind::Unsupported { .. }));
}
