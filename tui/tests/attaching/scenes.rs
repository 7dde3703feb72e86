//! The situations of the table, by the words that it has for them.

use crate::app;
use crate::hall::{self, Failed, Hall, Kept, NOBODY, Running, Scene, as_user, behind, eventually, own};
use crate::servers::{self, Answer};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// gRPC's codes.
const PERMISSION_DENIED: u8 = 7;
const UNIMPLEMENTED: u8 = 12;

type Set = fn(&Hall) -> Result<Scene, Failed>;

macro_rules! situations {
    ($($words:literal => $set:expr,)*) => {
        /// All that can be set up.
        pub(crate) const SITUATIONS: &[&str] = &[$($words),*];

        /// Sets a situation up.
        pub(crate) fn set(hall: &Hall, situation: &str) -> Result<Scene, Failed> {
            let set: Set = match situation {
                $($words => $set,)*
                _ => return Err(Failed::Wrong("the test knows no such situation".to_owned())),
            };
            set(hall)
        }
    };
}

situations! {
    "a process of one's own" => |hall| Ok(of_user(hall, &[])),
    "a process of root" => |hall| rooted(hall).map(|()| of_root(hall)),
    "another user's process" => |hall| rooted(hall).map(|()| of_user(hall, &[])),
    "in another mount and pid namespace" => |hall| namespaced(hall, &CONTAINER, &SHELL),
    "in another pid namespace, with our files" => |hall| namespaced(hall, &["unshare", "-p", "--fork"], &[]),
    "in a container of a user's own" => users_container,
    "started without XDG_RUNTIME_DIR, which we have" => |hall| {
        let scene = of_user(hall, &[]);
        let dir = hall.dir_of(&hall.name("xdg"), NOBODY);
        Ok(with_environment(scene, dir))
    },
    "started with XDG_RUNTIME_DIR, which we have not" => |hall| {
        let dir = hall.dir_of(&hall.name("xdg"), NOBODY);
        Ok(of_user(hall, &[("XDG_RUNTIME_DIR", &dir)]))
    },
    "its user has /run/user/UID, and we no XDG_RUNTIME_DIR" => run_user,
    "started with LOOPSCOPE_INSPECT=PATH" => |hall| {
        let path = hall.path(&hall.name("s"));
        Ok(started(hall, &[], &hall.name("app"), &[("LOOPSCOPE_INSPECT", &path)], "agent"))
    },
    "by the path of its socket" => |hall| Ok(of_root(hall)),
    "by its name" => |hall| Ok(of_root(hall)),
    "by a name of more than 15 letters" => |hall| {
        Ok(started(hall, &[], &hall.name("attaching-by-a-long-name"), &[], "agent"))
    },
    "by the name of a program that was removed meanwhile" => |hall| {
        let scene = started(hall, &[], &hall.name("attaching-to-the-removed"), &[], "agent");
        fs::remove_file(hall.path(&scene.name)).unwrap();
        Ok(scene)
    },
    "by the name that the process has given itself" => |hall| {
        let name = hall.name("self");
        let scene = started(hall, &[], &hall.name("app"), &[(app::COMM, Path::new(&name))], "agent");
        Ok(renamed(scene, name))
    },
    "by the name that it was started as" => |hall| {
        let name = hall.name("started-as");
        let mut command = Command::new(hall.program(&hall.name("app")));
        command.arg0(format!("/opt/{name}"));
        Ok(renamed(running(Running::start(command, "agent"), String::new()), name))
    },
    "by the name of a script" => |hall| {
        let name = hall.name("attaching-by-script");
        let path = hall.path(&name);
        fs::write(&path, format!("#!{}\n", hall.program(&hall.name("app")).display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Ok(renamed(running(Running::start(Command::new(path), "agent"), String::new()), name))
    },
    "the only one there is" => |hall| alone(hall, 1),
    "none is there" => |hall| alone(hall, 0),
    "several are there" => |hall| alone(hall, 2),
    "several have the name" => |hall| Ok(twice(hall, "agent", "agent")),
    "several have the name and one can be attached to" => |hall| Ok(twice(hall, "agent", "plain")),
    "several have the name and none can be attached to" => |hall| Ok(twice(hall, "plain", "plain")),
    "no process has the number" => |_| {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        Ok(Scene { pid: Some(child.id()), ..Scene::default() })
    },
    "no process has the name" => |hall| Ok(Scene { name: hall.name("nobody"), ..Scene::default() }),
    "no agent linked" => |hall| Ok(started(hall, &[], &hall.name("app"), &[], "plain")),
    "switched off" => |hall| {
        Ok(started(hall, &[], &hall.name("app"), &[("LOOPSCOPE_INSPECT", Path::new("0"))], "agent"))
    },
    "it lets nobody diagnose" => |hall| {
        Ok(started(hall, &[], &hall.name("app"), &[("LOOPSCOPE_DIAGNOSE", Path::new("0"))], "agent"))
    },
    "it lets nobody control" => |hall| Ok(started(hall, &[], &hall.name("app"), &[], "agent")),
    "its socket was removed" => |hall| {
        let scene = of_root(hall);
        fs::remove_file(&scene.socket).unwrap();
        Ok(scene)
    },
    "a zombie" => |_| {
        let child = Command::new("true").spawn().unwrap();
        let pid = child.id();
        eventually("it has ended", || (app::stat(pid)?[0] == "Z").then_some(()));
        Ok(Scene { pid: Some(pid), _children: vec![Kept(child)], ..Scene::default() })
    },
    "stopped" => |hall| {
        let scene = of_root(hall);
        hall::signal(scene.pid.unwrap(), "STOP");
        eventually("it is stopped", || (app::stat(scene.pid?)?[0] == "T").then_some(()));
        Ok(scene)
    },
    "a thread of the kernel" => |_| match fs::read_to_string("/proc/2/comm") {
        Ok(name) if name == "kthreadd\n" => Ok(Scene::default()),
        _ => Err(Failed::Skipped("no thread of the kernel is to be seen from here".to_owned())),
    },
    "it ends while it is connected to" => |hall| Ok(started(hall, &[], &hall.name("app"), &[], "vanishing")),
    "it says nothing" => |hall| Ok(server(hall, servers::says(""))),
    "its protocol is newer" => |hall| Ok(server(hall, servers::grpc(vec![servers::hello(7, 9, None)]))),
    "it was killed and left its socket" => |hall| {
        let mut scene = of_root(hall);
        scene.running[0].kill();
        Ok(scene)
    },
    "another process has its number now" => |hall| {
        let mut scene = started(hall, &[], &hall.name("app"), &[], "plain");
        scene.socket = app::socket(&format!("{}-1.sock", scene.pid.unwrap()));
        drop(UnixListener::bind(&scene.socket).unwrap());
        scene.litter.0.push(scene.socket.clone());
        Ok(scene)
    },
    "another process listens on its socket" => |hall| {
        let mut scene = started(hall, &[], &hall.name("app"), &[], "plain");
        scene.socket = app::usual_socket(scene.pid.unwrap());
        servers::serve(&scene.socket, servers::says(""));
        scene.litter.0.push(scene.socket.clone());
        Ok(scene)
    },
    "the path is not there" => |hall| Ok(Scene { socket: hall.path("not-there"), ..Scene::default() }),
    "the path is a file" => |hall| Ok(Scene { socket: hall.path("loopscope"), ..Scene::default() }),
    "the path is a directory" => |hall| Ok(Scene { socket: hall.path(""), ..Scene::default() }),
    "nobody listens there" => |hall| {
        let socket = hall.path(&hall.name("s"));
        drop(UnixListener::bind(&socket).unwrap());
        Ok(Scene { socket, ..Scene::default() })
    },
    "a server of HTTP/1" => |hall| {
        Ok(server(hall, servers::says("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")))
    },
    "a server of something else" => |hall| Ok(server(hall, servers::says("SSH-2.0-OpenSSH_9.6\r\n"))),
    "another gRPC server" => |hall| {
        let unknown = Answer::Error(UNIMPLEMENTED, "unknown service");
        Ok(server(hall, servers::grpc(vec![unknown.clone(), unknown])))
    },
    "a tokio-console server" => |hall| {
        let unknown = Answer::Error(UNIMPLEMENTED, "unknown service");
        Ok(server(hall, servers::grpc(vec![unknown, Answer::Stream])))
    },
    "one that hangs up" => |hall| Ok(server(hall, drop)),
    "a right is missing" => |hall| {
        let refusal = Answer::Error(PERMISSION_DENIED, "not today");
        Ok(server(hall, servers::grpc(vec![servers::hello(1, 1, Some(1)), refusal])))
    },
}

fn rooted(hall: &Hall) -> Result<(), Failed> {
    if hall.is_root { Ok(()) } else { Err(Failed::Skipped("only root can start it".to_owned())) }
}

/// Whether a wrapper works here.
fn possible(wrapper: &[&str]) -> Result<(), Failed> {
    let output = behind(wrapper, Path::new("true")).stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Failed::Skipped(format!("`{}` is not possible here: {why}", wrapper.join(" "))))
        }
        Err(error) => Err(Failed::Skipped(format!("`{}` cannot be started: {error}", wrapper[0]))),
    }
}

fn running(one: Running, name: String) -> Scene {
    let pid = one.pid;
    let mut scene = Scene { pid: Some(pid), name, running: vec![one], ..Scene::default() };
    // Wherever it has its socket: the process itself says it.
    scene.socket = sockets_of(pid).unwrap_or_default();
    scene.litter.0.push(scene.socket.clone());
    scene
}

/// The file of an agent's socket, in the directories where these scenes have it.
fn sockets_of(pid: u32) -> Option<PathBuf> {
    let uids = [rustix::process::geteuid().as_raw(), NOBODY];
    let dirs = uids.map(|uid| format!("/tmp/loopscope-{uid}"));
    dirs.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten().map(|entry| entry.path()).find(
        |path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{pid}-"))),
    )
}

fn renamed(mut scene: Scene, name: String) -> Scene {
    scene.name = name;
    scene
}

fn with_environment(mut scene: Scene, runtime_dir: PathBuf) -> Scene {
    scene.environment.push(("XDG_RUNTIME_DIR", runtime_dir));
    scene
}

/// An application behind some wrapper.
fn started(hall: &Hall, wrapper: &[&str], name: &str, environment: &[(&str, &Path)], mode: &str) -> Scene {
    let mut command = behind(wrapper, &hall.program(name));
    command.envs(environment.iter().copied());
    running(Running::start(command, mode), name.to_owned())
}

fn of_root(hall: &Hall) -> Scene {
    Scene { user: "root", ..of(hall, &[], &[]) }
}

fn of_user(hall: &Hall, environment: &[(&str, &Path)]) -> Scene {
    of(hall, &as_user(hall), environment)
}

fn of(hall: &Hall, wrapper: &[&str], environment: &[(&str, &Path)]) -> Scene {
    let mut scene = started(hall, wrapper, &hall.name("app"), environment, "agent");
    scene.user = "nobody";
    scene
}

/// Namespaces of processes and of mounts, as a container has them.
const CONTAINER: [&str; 6] = ["unshare", "-m", "-p", "--fork", "--mount-proc", "--propagation=private"];
/// With directories of its own in the places where sockets are.
const SHELL: [&str; 4] =
    ["sh", "-c", "mount -t tmpfs none /tmp && mount -t tmpfs none /run && exec \"$0\" \"$@\"", ""];

/// The wrapper of a container: what comes after `""` takes its place.
fn container<'a>(namespaces: &[&'a str], shell: &[&'a str]) -> Vec<&'a str> {
    namespaces.iter().chain(shell.iter().filter(|word| !word.is_empty())).copied().collect()
}

fn namespaced(hall: &Hall, namespaces: &[&str], shell: &[&str]) -> Result<Scene, Failed> {
    rooted(hall)?;
    let wrapper = container(namespaces, shell);
    possible(&wrapper)?;
    Ok(Scene { user: "root", ..started(hall, &wrapper, &hall.name("app"), &[], "agent") })
}

fn users_container(hall: &Hall) -> Result<Scene, Failed> {
    let mut wrapper = as_user(hall);
    wrapper.extend(["unshare", "-U", "-r"]);
    wrapper.extend(container(&CONTAINER, &SHELL));
    possible(&wrapper)?;
    Ok(started(hall, &wrapper, &hall.name("app"), &[], "agent"))
}

/// So many applications in a container, and whoever asks in there too.
fn alone(hall: &Hall, count: usize) -> Result<Scene, Failed> {
    rooted(hall)?;
    let wrapper = container(&CONTAINER, &SHELL);
    possible(&wrapper)?;
    let name = hall.name("app");
    let mut keeper = behind(&wrapper, &hall.program(&name));
    keeper.env("LC_ALL", "C.UTF-8");
    let keeper = Running::start(keeper, if count > 0 { "agent" } else { "plain" });
    let pid = keeper.pid;
    let mut scene = Scene { pid: Some(pid), name: name.clone(), inside: Some(pid), ..Scene::default() };
    scene.running.push(keeper);
    for _ in 1..count {
        let inside = ["nsenter", "-t", &pid.to_string(), "-m", "-p", "--"].map(str::to_owned);
        let inside: Vec<&str> = inside.iter().map(String::as_str).collect();
        scene.running.push(Running::start(behind(&inside, &hall.path(&name)), "agent"));
    }
    // The first to be ended is the last to have come: the first one's end ends the container.
    scene.running.reverse();
    Ok(scene)
}

fn twice(hall: &Hall, first: &str, second: &str) -> Scene {
    let name = hall.name("twins");
    let mut scene = started(hall, &[], &name, &[], first);
    scene.running.push(Running::start(Command::new(hall.path(&name)), second));
    scene
}

/// An application whose user has a directory for sockets, as `systemd` makes them.
fn run_user(hall: &Hall) -> Result<Scene, Failed> {
    rooted(hall)?;
    let dir = PathBuf::from(format!("/run/user/{NOBODY}"));
    let is_ours = !dir.exists();
    if is_ours {
        fs::create_dir_all(&dir).unwrap();
        own(&dir, NOBODY);
    }
    let mut scene = of_user(hall, &[("XDG_RUNTIME_DIR", &dir)]);
    scene.litter.0.extend(is_ours.then_some(dir));
    Ok(scene)
}

fn server(hall: &Hall, server: impl Fn(std::os::unix::net::UnixStream) + Send + 'static) -> Scene {
    let socket = hall.path(&hall.name("s"));
    servers::serve(&socket, server);
    Scene { socket, ..Scene::default() }
}
