//! What a child is started with, and what it says when that is not possible.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use loopscope::net::TcpListener;
use loopscope::process::{Command, Resource, SpawnError, Stdio};

/// What a command writes.
async fn says(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A folder of this test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("loopscope-process-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn programs_paths_arguments_and_variables_arrive() {
    records::run_live(async {
        let mut printenv = Command::new(Path::new("/usr/bin/printenv"));
        assert_eq!(says(printenv.arg("FOO").env("FOO", "baz")).await, "baz");
        assert_eq!(says(Command::shell("printf %s \"$FOO\"").envs([("FOO", "bar")])).await, "bar");
        let script = "echo ${FOO-no} ${BAR-no}";
        let mut command = Command::shell(script);
        assert_eq!(says(command.env("FOO", "1").env("BAR", "2").env_remove("FOO")).await, "no 2");
        assert_eq!(says(command.env_clear().env("FOO", "3")).await, "3 no");
        let mut named = Command::new("sh");
        assert_eq!(says(named.arg0("who").args(["-c", "echo $0 $1", "me", "and you"])).await, "me and you");
        assert_eq!(says(Command::new("pwd").current_dir(Path::new("/usr"))).await, "/usr");
    });
}

#[test]
fn a_command_starts_any_number_of_children() {
    records::run_live(async {
        let mut command = Command::shell("cat; echo done");
        let mut children: Vec<_> =
            (0..3).map(|_| command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()).collect();
        for (child, text) in children.iter_mut().zip(["a ", "b ", "c "]) {
            let output = child.communicate(text).await.unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{text}done\n"));
        }
    });
}

#[test]
fn what_one_child_writes_another_one_reads() {
    records::run_live(async {
        let mut echo = Command::new("echo").arg("b a").stdout(Stdio::piped()).spawn().unwrap();
        let between = echo.stdout.take().unwrap().into_fd().unwrap();
        assert_eq!(says(Command::new("tr").args(["a-z", "A-Z"]).stdin(between)).await, "B A");
        assert!(echo.wait().await.unwrap().success());
    });
}

#[test]
fn a_child_has_none_of_our_descriptors() {
    let list = ["-c", "ls -l /proc/self/fd | wc -l"];
    records::run_live(async {
        // What this process was itself started with goes on to its children, loop or not.
        let before = std::process::Command::new("sh").args(list).stdin(std::process::Stdio::null()).output();
        let before = String::from_utf8(before.unwrap().stdout).unwrap().trim().to_owned();
        let _listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _pipe = loopscope::io::pipe().unwrap();
        let (_stream, _other) = loopscope::net::UnixStream::pair().unwrap();
        let busy = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // Made by posix_spawn, and by fork.
        assert_eq!(says(Command::new("sh").args(list)).await, before);
        assert_eq!(says(Command::new("sh").args(list).new_session()).await, before);
        assert_eq!(says(Command::new("sh").args(list).exit_by_thread(true)).await, before);
        busy.kill().unwrap();
        busy.wait().await.unwrap();
    });
}

#[test]
fn limits_hold_for_the_child_alone() {
    records::run_live(async {
        let ours = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let mut command = Command::shell("ulimit -Sn; ulimit -Hn; ulimit -c");
        command.limit(Resource::OpenFiles, 64, 128).limit(Resource::CoreDump, 0, 0);
        assert_eq!(says(&mut command).await, "64\n128\n0");
        assert_eq!(rustix::process::getrlimit(rustix::process::Resource::Nofile), ours);
        // More than a file may hold ends it.
        let mut command = Command::shell("head -c 5000 /dev/zero");
        let folder = Folder::new("limits");
        let file = std::fs::File::create(folder.0.join("full")).unwrap();
        command.limit(Resource::FileSize, 4096, None).limit(Resource::CoreDump, 0, 0);
        let status = command.stdout(file).stderr(Stdio::null()).status().await.unwrap();
        assert_eq!(status.code(), Some(128 + libc::SIGXFSZ));
        let error = Command::new("true").limit(Resource::OpenFiles, 2, 1).spawn().unwrap_err();
        assert_eq!(error.to_string(), "cannot start true: Invalid argument (os error 22)");
    });
}

#[test]
fn a_child_runs_as_the_user_it_is_told() {
    records::run_live(async {
        let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let text = says(Command::shell("id -u; id -g").uid(uid).gid(gid)).await;
        assert_eq!(text, format!("{uid}\n{gid}"));
    });
}

#[test]
fn a_full_disk_is_the_childs_trouble() {
    records::run_live(async {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new("echo");
        let output = command.arg("x").env("LC_ALL", "C").stdout(full).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stderr).unwrap().contains("No space left on device"));
    });
}

#[test]
fn a_start_that_fails_names_the_program_and_the_folder_and_which_is_at_fault() {
    records::run_live(async {
        let folder = Folder::new("fails");
        let plain = folder.file("plain", "x", 0o644);
        let orphan = folder.file("orphan", "#!/nowhere/interpreter\n", 0o755);
        let fails = |command: &mut Command| command.spawn().unwrap_err();
        let what = |error: &SpawnError| {
            (error.is_no_such_program(), error.is_no_such_dir(), error.is_not_executable())
        };

        let error = fails(&mut Command::new("no-such-program"));
        assert_eq!(what(&error), (true, false, false));
        assert_eq!(error.to_string(), "cannot start no-such-program: there is no such program");
        assert_eq!((error.program(), error.current_dir()), ("no-such-program".as_ref(), None));
        assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::NotFound);

        let error = fails(Command::new("./program").current_dir("/usr"));
        assert_eq!(what(&error), (true, false, false));
        assert_eq!(error.to_string(), "cannot start ./program in /usr: there is no such program");

        let error = fails(Command::new("true").current_dir("/no/such/folder"));
        assert_eq!(what(&error), (false, true, false));
        assert_eq!(error.to_string(), "cannot start true in /no/such/folder: there is no such directory");
        let error = fails(Command::new("true").current_dir(&plain));
        assert_eq!(what(&error), (false, true, false));

        let error = fails(&mut Command::new(&plain));
        assert_eq!(what(&error), (false, false, true));
        let expected = format!("cannot start {}: it cannot be executed: ", plain.display());
        assert_eq!(error.to_string(), expected + "Permission denied (os error 13)");

        let error = fails(&mut Command::new(&orphan));
        assert_eq!(what(&error), (false, false, true));
        let expected = format!("cannot start {}: the interpreter it asks for is not there", orphan.display());
        assert_eq!(error.to_string(), expected);

        let error = fails(Command::new("true").arg("a\0b"));
        assert_eq!(error.io_error().kind(), std::io::ErrorKind::InvalidInput);

        // Pipes that were made for it are gone; and so it is with the futures.
        let mut command = Command::new("no-such-program");
        let error = fails(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()));
        assert!(error.is_no_such_program());
        let expected = "cannot start no-such-program: there is no such program";
        assert_eq!(command.status().await.unwrap_err().to_string(), expected);
        assert_eq!(command.output().await.unwrap_err().to_string(), expected);
    });
}

#[test]
fn a_process_is_shown_by_its_name_if_it_has_one() {
    records::run_live(async {
        let mut command = Command::new("/bin/cat");
        let plain = command.stdin(Stdio::piped()).spawn().unwrap();
        let named = command.name("worker").spawn().unwrap();
        assert_eq!((plain.name(), named.name()), ("cat", "worker"));
        let mut shown: Vec<_> =
            records::resources().into_iter().filter_map(|resource| resource.name).collect();
        shown.sort();
        assert_eq!(shown, ["cat", "stdin of cat", "stdin of worker", "worker"]);
        assert_eq!(
            format!("{:?}", plain.wait()),
            format!("WaitExit {{ process: cat (pid {}): running, .. }}", plain.id())
        );
        for mut child in [plain, named] {
            child.stdin = None;
            assert!(child.wait().await.unwrap().success());
        }
    });
}

#[test]
fn starting_outside_of_a_loop_is_refused() {
    records::run_live(async {
        let refused = std::thread::spawn(|| drop(Command::new("true").spawn())).join();
        let text = *refused.unwrap_err().downcast::<String>().unwrap();
        assert!(text.starts_with("starting a process outside of an event loop"), "{text}");
    });
}
