//! Where an export goes: nothing that exists is written over unasked, and nothing half is left behind.
//!
//! A file is written beside its place under a name of its own and takes its place when it is complete. What is no file (a device, a
//! pipe) is written to as it is.

use super::super::{Exit, Failure};
use loopscope_inspector::model::words;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Where an export goes.
#[derive(Debug)]
pub(super) struct Output {
    sink: Sink,
    /// As it was typed.
    path: Option<PathBuf>,
}

#[derive(Debug)]
enum Sink {
    Stdout(BufWriter<io::Stdout>),
    /// A device or a pipe.
    Direct(BufWriter<File>),
    File {
        writer: BufWriter<File>,
        draft: Draft,
        force: bool,
    },
}

/// A file that is not complete; it goes when this goes.
#[derive(Debug)]
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        // It may have taken its place already.
        let _ = fs::remove_file(&self.0);
    }
}

impl Output {
    /// Makes sure that it can be written before anything is read.
    ///
    /// # Errors
    ///
    /// If it exists and `force` is not given, or cannot be made.
    pub(super) fn open(path: Option<&Path>, force: bool) -> Result<Self, Failure> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self { sink: Sink::Stdout(BufWriter::new(io::stdout())), path: None });
        };
        let sink = match fs::metadata(path) {
            Ok(there) if there.is_dir() => {
                return Err(failed(format!("{} is a directory; name a file in it", shown(path))));
            }
            Ok(there) if !there.is_file() => {
                let file = OpenOptions::new().write(true).open(path).map_err(|error| cannot(path, &error))?;
                Sink::Direct(BufWriter::new(file))
            }
            Ok(_) if !force => return Err(exists(path)),
            _ => {
                let (writer, draft) = draft(path)?;
                Sink::File { writer, draft, force }
            }
        };
        Ok(Self { sink, path: Some(path.to_owned()) })
    }

    /// What is done here, for a message.
    pub(super) fn what(&self) -> String {
        self.path
            .as_deref()
            .map_or_else(|| "writing the output".into(), |path| format!("writing {}", shown(path)))
    }

    /// Puts a complete file into its place.
    ///
    /// # Errors
    ///
    /// If it cannot be written to the end, or somebody else has put a file there meanwhile.
    pub(super) fn keep(mut self) -> Result<(), Failure> {
        let written = self.flush();
        let (Some(path), Sink::File { writer, draft, force }) = (&self.path, &self.sink) else {
            return written.map_err(|error| cannot(self.path.as_deref().unwrap_or(Path::new("-")), &error));
        };
        // A disk that is full may say so only now.
        written.and_then(|()| writer.get_ref().sync_all()).map_err(|error| cannot(path, &error))?;
        let placed = if *force { fs::rename(&draft.0, path) } else { place(&draft.0, path) };
        placed.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(path),
            _ => cannot(path, &error),
        })
    }
}

/// Gives a file its name unless the name is taken.
fn place(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        // Not every file system has a second name for a file; then there is a moment in which another could be written over.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && fs::symlink_metadata(path).is_err() => {
            fs::rename(draft, path)
        }
        linked => linked,
    }
}

/// A new file beside the place of the one that is to be.
fn draft(path: &Path) -> Result<(BufWriter<File>, Draft), Failure> {
    let Some(name) = path.file_name() else {
        return Err(failed(format!("{} is no name of a file", shown(path))));
    };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !directory.is_dir() {
        return Err(failed(format!(
            "cannot write {}: there is no directory {}",
            shown(path),
            shown(directory)
        )));
    }
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    draft.push(format!(".{}.part", std::process::id()));
    let draft = directory.join(draft);
    let file = OpenOptions::new().write(true).create_new(true).open(&draft);
    let file = file.map_err(|error| cannot(path, &error))?;
    Ok((BufWriter::new(file), Draft(draft)))
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Stdout(out) => out.write(bytes),
            Sink::Direct(out) | Sink::File { writer: out, .. } => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Stdout(out) => out.flush(),
            Sink::Direct(out) | Sink::File { writer: out, .. } => out.flush(),
        }
    }
}

fn exists(path: &Path) -> Failure {
    failed(format!("{} exists; --force writes over it", shown(path)))
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    failed(format!("cannot write {}: {error}", shown(path)))
}

fn failed(message: String) -> Failure {
    Failure::new(Exit::Failed, message)
}

fn shown(path: &Path) -> String {
    words::escape(&path.to_string_lossy(), usize::MAX).into_owned()
}
