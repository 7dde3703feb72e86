//! What UDP and Unix datagram sockets have in common.

/// Implements what needs no address for a socket type with a field `evented: Evented<…>`.
macro_rules! datagram {
    ($socket:ident, $std:ty) => {
        impl $socket {
            /// Sends a datagram to the peer that the socket is connected to, and returns how many bytes were sent: all.
            ///
            /// # Errors
            ///
            /// What the OS says: `NotConnected` without a peer, a datagram that is larger than the socket can send
            /// (`EMSGSIZE`), or what became of an earlier datagram (`ConnectionRefused`). The socket stays usable.
            ///
            /// # Cancel safety
            ///
            /// When the future is dropped, nothing was sent.
            ///
            /// # Panics
            ///
            /// On another loop than the one it was made on.
            #[doc(alias = "asyncio.DatagramTransport.sendto")]
            pub fn send<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
                self.evented.run(Operation::write(None), move |io: &'a $std| io.send(bytes))
            }

            /// Receives a datagram and returns its length; an empty one is a datagram too and no end.
            ///
            /// A datagram longer than `buffer` is cut; the rest is lost, and the OS does not say so.
            ///
            /// # Errors
            ///
            /// What the OS says, such as `ConnectionRefused` when an earlier datagram found nobody. The socket stays usable.
            ///
            /// # Cancel safety
            ///
            /// When the future is dropped, nothing was received.
            ///
            /// # Panics
            ///
            /// On another loop than the one it was made on.
            #[doc(alias = "asyncio.DatagramProtocol.datagram_received")]
            pub fn recv<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
                self.evented.run(Operation::read(None), move |io: &'a $std| io.recv(buffer))
            }

            /// Sends to the connected peer if that is possible now.
            ///
            /// # Errors
            ///
            /// As [`send`](Self::send), and `WouldBlock`.
            pub fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
                self.evented.attempt(Operation::write(None), |io| io.send(bytes))
            }

            /// Receives a datagram if there is one.
            ///
            /// # Errors
            ///
            /// As [`recv`](Self::recv), and `WouldBlock`.
            pub fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
                self.evented.attempt(Operation::read(None), |io| io.recv(buffer))
            }

            /// [`send`](Self::send) for those who implement a trait's `poll_…`: one task at a time.
            ///
            /// # Errors
            ///
            /// As [`send`](Self::send).
            #[track_caller]
            pub fn poll_send(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                self.evented.poll(Operation::write(None), cx, Location::caller(), |io| io.send(bytes))
            }

            /// [`recv`](Self::recv) for those who implement a trait's `poll_…`: one task at a time.
            ///
            /// # Errors
            ///
            /// As [`recv`](Self::recv).
            #[track_caller]
            pub fn poll_recv(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
                self.evented.poll(Operation::read(None), cx, Location::caller(), |io| io.recv(buffer))
            }

            /// Waits until receiving may succeed.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub fn readable(&self) -> impl Future<Output = ()> + '_ {
                self.evented.ready(Operation::read(None))
            }

            /// Waits until sending may succeed.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub fn writable(&self) -> impl Future<Output = ()> + '_ {
                self.evented.ready(Operation::write(None))
            }

            /// Takes what the OS has noted as gone wrong, if anything.
            ///
            /// # Errors
            ///
            /// When the OS does not tell.
            #[doc(alias = "asyncio.DatagramProtocol.error_received")]
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.evented.io().take_error()
            }

            /// Takes a socket made elsewhere; it is set to non-blocking.
            ///
            /// # Errors
            ///
            /// When the OS refuses.
            ///
            /// # Panics
            ///
            /// Outside of a loop.
            #[track_caller]
            pub fn from_std(socket: $std) -> io::Result<Self> {
                socket.set_nonblocking(true)?;
                Self::register(socket, Location::caller())
            }

            /// Takes the socket off the loop. It stays non-blocking.
            pub fn into_std(self) -> $std {
                self.evented.into_inner()
            }
        }

        impl AsFd for $socket {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.evented.io().as_fd()
            }
        }

        impl AsRawFd for $socket {
            fn as_raw_fd(&self) -> RawFd {
                self.evented.io().as_raw_fd()
            }
        }
    };
}

pub(super) use datagram;
