//! A proxy on the loopback interface, which knows `CONNECT` only and keeps what it hears.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// How much is kept of what a client sends through a tunnel.
const KEPT: usize = 16 * 1024;

/// What clients sent to the proxy.
#[derive(Default)]
pub(crate) struct Heard {
    /// The heads of their requests.
    pub(crate) heads: Vec<String>,
    /// The starts of what went through the tunnels, each as it came.
    pub(crate) tunnelled: Vec<Vec<u8>>,
}

/// The proxy. It stops when it is dropped.
pub(crate) struct ConnectProxy {
    address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
}

impl ConnectProxy {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::<Mutex<Heard>>::default();
        let weak = Arc::downgrade(&heard);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Some(heard) = weak.upgrade() else { break };
                // An error means that an end hung up, which it may do.
                thread::spawn(move || client.and_then(|client| serve(client, &heard)));
            }
        });
        Self { address, heard }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what was heard since this was last asked.
    pub(crate) fn take_heard(&self) -> Heard {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.heard = Arc::default();
        // Only a connection ends the wait for connections.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(mut client: TcpStream, heard: &Mutex<Heard>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        bytes.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&bytes).into_owned();
    let target = request.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    heard.lock().unwrap().heads.push(request);
    let server = target.ok_or_else(|| io::Error::other("no CONNECT")).and_then(TcpStream::connect);
    let Ok(server) = server else { return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n") };
    server.set_nodelay(true)?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let tunnel = {
        let mut heard = heard.lock().unwrap();
        heard.tunnelled.push(Vec::new());
        heard.tunnelled.len() - 1
    };
    thread::scope(|scope| {
        scope.spawn(|| pump(&server, &client, |_| {}));
        pump(&client, &server, |bytes| {
            // The tunnel may be older than what was last taken.
            if let Some(kept) = heard.lock().unwrap().tunnelled.get_mut(tunnel) {
                kept.extend(&bytes[..bytes.len().min(KEPT.saturating_sub(kept.len()))]);
            }
        });
    });
    Ok(())
}

/// Passes bytes on until an end hangs up.
fn pump(mut from: &TcpStream, mut to: &TcpStream, mut look: impl FnMut(&[u8])) {
    let mut buffer = [0; 16 * 1024];
    let how = loop {
        match from.read(&mut buffer) {
            Ok(0) => break Shutdown::Write,
            Ok(count) if to.write_all(&buffer[..count]).is_ok() => look(&buffer[..count]),
            Ok(_) | Err(_) => {
                let _ = from.shutdown(Shutdown::Both);
                break Shutdown::Both;
            }
        }
    };
    let _ = to.shutdown(how);
}
