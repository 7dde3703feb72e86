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

    fn tmp_path(&self, pid: u32, start_ticks: u64) -> PathBuf {
        self.dir.join(&format!("tmp/loopscope-{}/{pid}-{start_ticks}.sock", self.places.uid))
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
    let uid = Some(world.places.uid);
    let name = Some("app".into());
    let expected =
        Found { pid: Some(7), name, uid, start_ticks: Some(100), socket, alive: true, is_file: false };
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
    let Kind::Ambiguous { name, candidates } = world.kind("app") else { panic!("not ambiguous") };
    assert_eq!(name.as_deref(), Some("app"));
    assert_eq!(candidates.iter().map(|candidate| candidate.pid).collect::<Vec<_>>(), [7, 8]);
    assert!(
        candidates
            .iter()
            .all(|candidate| candidate.uid == Some(world.places.uid) && candidate.uptime.is_some())
    );
    assert_eq!(world.found("web").pid, Some(9));
    assert!(matches!(world.kind(""), Kind::Ambiguous { name: None, candidates } if candidates.len() == 3));
}

#[test]
fn a_socket_left_by_a_dead_process_is_not_attached_to() {
    let world = World::new();
    world.tmp_socket(7, 100);
    assert_eq!(world.kind(""), Kind::NothingToAttach);
    assert_eq!(world.kind("7"), Kind::NoSuchProcess { pid: 7 });
    let socket = world.tmp_path(7, 100);
    let left = |is_reused| Kind::Left { path: socket.clone(), pid: 7, is_reused };
    assert_eq!(world.kind(socket.to_str().unwrap()), left(false));
    // Another process has got the number.
    world.process(7, "app", 'S', 200);
    assert_eq!(world.kind(socket.to_str().unwrap()), left(true));
    assert_eq!(world.kind("7"), Kind::NoAgent { pid: 7 });
    let scan = world.places.scan();
    assert!(scan.len() == 1 && !scan[0].alive && scan[0].name.is_none());
    let [left] = &world.places.left()[..] else { panic!("one was left") };
    assert!(left.pid == 7 && left.is_reused && left.opened_at.is_some() && left.socket == socket);
    crate::client::remove(left).unwrap();
    assert_eq!(world.places.left(), []);
    assert!(crate::client::remove(left).is_err(), "it is gone");
}

#[test]
fn a_socket_that_somebody_listens_on_was_not_left() {
    let world = World::new();
    let path = world.tmp_path(7, 100);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(&path).unwrap();
    // The process is not to be seen, as from within a container.
    let scan = world.places.scan();
    assert!(scan.len() == 1 && scan[0].alive && scan[0].pid.is_none());
    assert_eq!(world.places.left(), []);
    let left = crate::client::Left { socket: path, pid: 7, is_reused: false, uid: None, opened_at: None };
    assert!(crate::client::remove(&left).unwrap_err().to_string().ends_with("somebody listens on it"));
    drop(listener);
    crate::client::remove(&left).unwrap();
}

/// Another namespace: what `/proc/PID/ns` and `/proc/PID/root` say, for this process and for one in a container.
impl World {
    fn namespaces(&self, pid: &str, pids: &str, files: &str) {
        let dir = self.dir.join(&format!("proc/{pid}"));
        fs::create_dir_all(dir.join("ns")).unwrap();
        symlink(pids, dir.join("ns/pid")).unwrap();
        symlink(files, dir.join("ns/mnt")).unwrap();
    }
}

#[test]
fn processes_in_containers_are_found_without_being_named() {
    let world = World::new();
    world.namespaces("self", "pid:[1]", "mnt:[1]");
    symlink("/", world.dir.join("proc/self/root")).unwrap();
    for (pid, inner, files) in [(40, 1, "mnt:[2]"), (41, 2, "mnt:[2]"), (42, 3, "mnt:[1]")] {
        world.process(pid, "app", 'S', 100).namespaces(&pid.to_string(), "pid:[2]", files);
        fs::write(world.dir.join(&format!("proc/{pid}/status")), format!("NSpid:\t{pid}\t{inner}\n"))
            .unwrap();
    }
    // A directory in place of the link to the root, so that it can be furnished; what it links to is told by its target.
    let in_container = world.socket("container/tmp/loopscope-1000/1-100.sock");
    let second = world.socket("container/tmp/loopscope-1000/2-100.sock");
    symlink(world.dir.join("container"), world.dir.join("proc/40/root")).unwrap();
    symlink(world.dir.join("container"), world.dir.join("proc/41/root")).unwrap();
    symlink("/", world.dir.join("proc/42/root")).unwrap();
    // This one numbers processes otherwise, but shares our files.
    let shared = world.tmp_socket(3, 100);
    let inodes = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let scan = world.places.scan();
    let found: Vec<_> = scan.iter().map(|found| (found.pid, inodes(&found.socket), found.alive)).collect();
    let expected = [
        (Some(40), inodes(&in_container), true),
        (Some(41), inodes(&second), true),
        (Some(42), inodes(&shared), true),
    ];
    assert_eq!(found, expected);
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
fn of_several_with_a_name_only_those_with_a_socket_count_and_else_each_says_why() {
    let world = World::new();
    world.process(7, "app", 'S', 100).process(8, "app", 'Z', 100).process(9, "app", 'S', 100);
    let reasons =
        vec![(7, Kind::NoAgent { pid: 7 }), (8, Kind::Zombie { pid: 8 }), (9, Kind::NoAgent { pid: 9 })];
    assert_eq!(world.kind("app"), Kind::NoneOfThem { name: "app".into(), reasons });
    world.tmp_socket(9, 100);
    assert_eq!(world.found("app").pid, Some(9));
}

#[test]
fn a_thread_of_the_kernel_has_no_program() {
    let world = World::new();
    world.process(2, "kthreadd", 'S', 1);
    let stat = format!("2 (kthreadd) S 0 0 0 0 -1 2129984 {}1 0 0 0", "0 ".repeat(12));
    fs::write(world.dir.join("proc/2/stat"), stat).unwrap();
    assert_eq!(world.kind("2"), Kind::KernelThread { pid: 2, name: "kthreadd".into() });
}

#[test]
fn an_agent_whose_socket_was_removed_is_told_by_its_thread() {
    let world = World::new();
    world.process(7, "app", 'S', 100);
    fs::create_dir_all(world.dir.join("proc/7/task/9")).unwrap();
    fs::write(world.dir.join("proc/7/task/9/comm"), "loopscope-agent\n").unwrap();
    assert_eq!(world.kind("7"), Kind::SocketGone { pid: 7 });
}

#[test]
fn a_stopped_process_is_told_whichever_way_it_is_named() {
    let world = World::new();
    world.process(7, "app", 'T', 100).tmp_socket(7, 100);
    for target in ["7", "app", ""] {
        assert_eq!(world.kind(target), Kind::Stopped { pid: 7 }, "{target}");
    }
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
    let left = world.socket("proc/40/root/tmp/loopscope-1000/1-55.sock");
    assert_eq!(world.kind("40"), Kind::NoAgent { pid: 40 });
    // It may count its time from elsewhere, so what is listened on is taken, and what bears the very start time even before that.
    let listened = left.with_file_name("1-77.sock");
    let _listener = UnixListener::bind(&listened).unwrap();
    assert_eq!(world.found("40").socket, listened);
    let exact = world.socket("proc/40/root/tmp/loopscope-1000/1-100.sock");
    assert_eq!(world.found("40").socket, exact);
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
    assert!(world.found(file.to_str().unwrap()).is_file, "what is in it is seen when it is opened");
    assert!(matches!(world.kind("/nowhere/at/all"), Kind::NoSocket { .. }));
    assert!(matches!(world.kind("http://127.0.0.1:6669"), Kind::Unsupported { .. }));
}
