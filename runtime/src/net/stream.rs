//! What TCP and Unix streams have in common.

/// Implements reading and writing for a stream type with a field `evented: Evented<…>` whose descriptor can be read and
/// written through a shared reference.
macro_rules! stream {
    ($stream:ident, $std:ty) => {
        impl $stream {
            /// Reads into `buffer`. Zero bytes mean that the peer is done, or that the buffer is empty.
            ///
            /// # Errors
            ///
            /// What the OS says, `ConnectionReset` for example.
            ///
            /// # Cancel safety
            ///
            /// When the future is dropped, nothing was read.
            ///
            /// # Panics
            ///
            /// On another loop than the one it was made on.
            #[doc(alias = "asyncio.StreamReader.read")]
            pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
                let asked = Some(buffer.len());
                self.evented.run(Operation::read(asked), move |mut io: &'a $std| io.read(buffer))
            }

            /// Reads into several buffers, the first one first.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// When the future is dropped, nothing was read.
            pub fn read_vectored<'a>(
                &'a self,
                buffers: &'a mut [IoSliceMut<'a>],
            ) -> impl Future<Output = io::Result<usize>> + 'a {
                let asked = Some(buffers.iter().map(|buffer| buffer.len()).sum());
                self.evented.run(Operation::read(asked), move |mut io: &'a $std| io.read_vectored(buffers))
            }

            /// Writes some of `bytes` and returns how many.
            ///
            /// # Errors
            ///
            /// What the OS says, `BrokenPipe` for example.
            ///
            /// # Cancel safety
            ///
            /// When the future is dropped, nothing was written.
            ///
            /// # Panics
            ///
            /// On another loop than the one it was made on.
            pub fn write<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
                let asked = Some(bytes.len());
                self.evented.run(Operation::write(asked), move |mut io: &'a $std| io.write(bytes))
            }

            /// Writes some of several buffers with one call and returns how many bytes.
            ///
            /// # Errors
            ///
            /// As [`write`](Self::write).
            ///
            /// # Cancel safety
            ///
            /// When the future is dropped, nothing was written.
            pub fn write_vectored<'a>(
                &'a self,
                buffers: &'a [IoSlice<'a>],
            ) -> impl Future<Output = io::Result<usize>> + 'a {
                let asked = Some(buffers.iter().map(|buffer| buffer.len()).sum());
                self.evented.run(Operation::write(asked), move |mut io: &'a $std| io.write_vectored(buffers))
            }

            /// Writes all of `bytes`.
            ///
            /// # Errors
            ///
            /// What the OS says; `WriteZero` when it takes nothing more.
            ///
            /// # Cancel safety
            ///
            /// When the future is dropped, any part of `bytes` may have been written.
            #[doc(alias = "asyncio.StreamWriter.write")]
            #[doc(alias = "asyncio.StreamWriter.drain")]
            pub fn write_all<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<()>> + 'a {
                let mut rest = bytes;
                Plain(self.evented.run(Operation::write(None), move |mut io: &'a $std| {
                    if rest.is_empty() {
                        return Ok(Uncounted(()));
                    }
                    match io.write(rest)? {
                        0 => return Err(io::ErrorKind::WriteZero.into()),
                        written => {
                            self.evented.source().moved(Direction::Write, written);
                            rest = &rest[written..];
                        }
                    }
                    // Comes back for the rest, if the task's budget lets it: a peer that is fast must not keep others waiting.
                    if rest.is_empty() { Ok(Uncounted(())) } else { Err(io::ErrorKind::Interrupted.into()) }
                }))
            }

            /// Reads exactly as many bytes as `buffer` has room for.
            ///
            /// # Errors
            ///
            /// `UnexpectedEof` when the peer is done earlier, and what the OS says.
            ///
            /// # Cancel safety
            ///
            /// When the future is dropped, any number of bytes may have been read and are lost.
            #[doc(alias = "asyncio.StreamReader.readexactly")]
            pub fn read_exact<'a>(
                &'a self,
                buffer: &'a mut [u8],
            ) -> impl Future<Output = io::Result<()>> + 'a {
                let mut filled = 0;
                Plain(self.evented.run(Operation::read(None), move |mut io: &'a $std| {
                    if filled == buffer.len() {
                        return Ok(Uncounted(()));
                    }
                    match io.read(&mut buffer[filled..])? {
                        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                        read => {
                            self.evented.source().moved(Direction::Read, read);
                            filled += read;
                        }
                    }
                    // As in `write_all`.
                    let is_full = filled == buffer.len();
                    if is_full { Ok(Uncounted(())) } else { Err(io::ErrorKind::Interrupted.into()) }
                }))
            }

            /// Waits until reading may succeed.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub fn readable(&self) -> impl Future<Output = ()> + '_ {
                self.evented.ready(Operation::read(None))
            }

            /// Waits until writing may succeed.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub fn writable(&self) -> impl Future<Output = ()> + '_ {
                self.evented.ready(Operation::write(None))
            }

            /// Shuts down one direction or both, at once. Half-closing with [`Shutdown::Write`] tells the peer that no more
            /// bytes come.
            ///
            /// # Errors
            ///
            /// `NotConnected` when the peer is gone already.
            #[doc(alias = "asyncio.StreamWriter.write_eof")]
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.evented.io().shutdown(how)
            }

            /// Two references, for reading and for writing at once.
            pub fn split(&self) -> (&Self, &Self) {
                (self, self)
            }

            /// Two owned halves for two tasks of this loop; dropping the write half shuts that direction down.
            pub fn into_split(self) -> (ReadHalf<Self>, WriteHalf<Self>) {
                split::halves(self)
            }

            fn poll_read_at(
                &self,
                cx: &Context<'_>,
                at: &'static Location<'static>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let operation = Operation::read(Some(buffer.len()));
                self.evented.poll(operation, cx, at, |mut io| io.read(buffer))
            }

            fn poll_write_at(
                &self,
                cx: &Context<'_>,
                at: &'static Location<'static>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                let operation = Operation::write(Some(bytes.len()));
                self.evented.poll(operation, cx, at, |mut io| io.write(bytes))
            }

            fn poll_close_at(&self) -> Poll<io::Result<()>> {
                match self.evented.io().shutdown(Shutdown::Write) {
                    // The peer was faster: nothing is left to close.
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
                    other => Poll::Ready(other),
                }
            }
        }

        stream!(@traits $stream);
        stream!(@traits &$stream);

        impl AsFd for $stream {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.evented.io().as_fd()
            }
        }

        impl AsRawFd for $stream {
            fn as_raw_fd(&self) -> RawFd {
                self.evented.io().as_raw_fd()
            }
        }
    };
    (@traits $stream:ty) => {
        /// One task at a time may read through the trait.
        impl futures_io::AsyncRead for $stream {
            #[track_caller]
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.poll_read_at(cx, Location::caller(), buffer)
            }
        }

        /// One task at a time may write through the trait.
        impl futures_io::AsyncWrite for $stream {
            #[track_caller]
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                self.poll_write_at(cx, Location::caller(), bytes)
            }

            #[track_caller]
            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let asked = Some(buffers.iter().map(|buffer| buffer.len()).sum());
                let at = Location::caller();
                self.evented.poll(Operation::write(asked), cx, at, |mut io| io.write_vectored(buffers))
            }

            /// Nothing is buffered here.
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_close_at()
            }
        }
    };
}

pub(super) use stream;
