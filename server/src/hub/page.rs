//! Up to 256 rows of the mirror, in the order of their sockets.

use std::sync::Arc;

use sockwright_engine::id::SocketId;

use super::mirror::Row;

/// The rows of sockets whose identifiers have all bits but the low eight in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    /// The low eight bits, ascending. They lie together, for the rows do not: a search would touch several of them.
    low: Vec<u8>,
    rows: Vec<Arc<Row>>,
}

impl Page {
    /// The rows, ascending.
    pub(super) fn rows(&self) -> &[Arc<Row>] {
        &self.rows
    }

    pub(super) fn get(&self, socket: SocketId) -> Option<&Arc<Row>> {
        self.rows.get(self.place(socket).ok()?)
    }

    pub(super) fn get_mut(&mut self, socket: SocketId) -> Option<&mut Arc<Row>> {
        let index = self.place(socket).ok()?;
        self.rows.get_mut(index)
    }

    /// Puts a row in, in place of the one that its socket has.
    pub(super) fn insert(&mut self, row: Arc<Row>) {
        match self.place(row.socket) {
            Ok(index) => self.rows[index] = row,
            Err(index) => {
                self.low.insert(index, low(row.socket));
                self.rows.insert(index, row);
            }
        }
    }

    pub(super) fn remove(&mut self, socket: SocketId) -> Option<Arc<Row>> {
        let index = self.place(socket).ok()?;
        self.low.remove(index);
        Some(self.rows.remove(index))
    }

    /// Where the socket's row is, or would be.
    fn place(&self, socket: SocketId) -> Result<usize, usize> {
        self.low.binary_search(&low(socket))
    }
}

/// The number of the page that a socket's row is on.
pub(super) fn page_of(socket: SocketId) -> u64 {
    socket.0 >> u8::BITS
}

fn low(socket: SocketId) -> u8 {
    socket.0 as u8
}
