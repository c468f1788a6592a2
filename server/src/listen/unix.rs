//! The file of a Unix socket.
//!
//! It is made in a directory of its own and then moved to its place, so that nobody can connect before its mode is what was
//! asked for. A file that another server left is taken over, if nobody listens there any more. When this one ends it removes its
//! file, and only its own.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A Unix socket that listens, and its file.
#[derive(Debug)]
pub struct UnixDoor {
    listener: UnixListener,
    file: SocketFile,
    mode: u32,
}

/// The file, removed with this.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode: which file it was.
    made: (u64, u64),
}

impl UnixDoor {
    /// Listens at `path`; those may connect whom the bits of `mode` allow to write.
    pub fn open(path: &Path, mode: u32) -> io::Result<UnixDoor> {
        take_over(path)?;
        let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let making = tempfile::Builder::new().prefix(".s").rand_bytes(4).tempdir_in(parent)?;
        let made = making.path().join("s");
        let listener = UnixListener::bind(&made)?;
        fs::set_permissions(&made, Permissions::from_mode(mode))?;
        let is = fs::symlink_metadata(&made)?;
        fs::rename(&made, path)?;
        let file = SocketFile { path: path.to_owned(), made: (is.dev(), is.ino()) };
        Ok(UnixDoor { listener, file, mode })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Who may connect.
    pub fn mode(&self) -> u32 {
        self.mode
    }

    /// The socket, and what removes its file.
    pub(super) fn into_parts(self) -> (UnixListener, SocketFile) {
        (self.listener, self.file)
    }
}

/// Fails unless the path is free, or has what a server left there that is gone.
fn take_over(path: &Path) -> io::Result<()> {
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !there.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "a server listens there")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another server may have its own there by now.
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|is| (is.dev(), is.ino()) == self.made);
        if is_ours {
            _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_left_is_taken_over_and_one_in_use_is_not() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("door");
        // std does not remove the file.
        drop(UnixListener::bind(&path).unwrap());
        let door = UnixDoor::open(&path, 0o640).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        UnixStream::connect(&path).unwrap();
        let second = UnixDoor::open(&path, 0o600).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), 1, "what it was made in is gone");
        drop(door);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_socket_is_left_alone_and_so_is_the_socket_of_another() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("door");
        fs::write(&path, "kept").unwrap();
        assert_eq!(UnixDoor::open(&path, 0o600).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
        fs::remove_file(&path).unwrap();

        let door = UnixDoor::open(&path, 0o600).unwrap();
        fs::remove_file(&path).unwrap();
        let another = UnixDoor::open(&path, 0o600).unwrap();
        drop(door);
        assert!(path.exists());
        drop(another);
        assert!(!path.exists());
    }
}
