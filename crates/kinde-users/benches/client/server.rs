//! A server in a process of its own, which answers with the same bytes always.

use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use super::page;

/// It ends with this one.
pub(crate) struct Server {
    process: Child,
    pub(crate) origin: String,
}

impl Server {
    /// Runs this very program, which has to call [`serve_if_told`] first.
    pub(crate) fn start() -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new(env::current_exe()?)
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut origin = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut origin)?;
        Ok(Self { process, origin: origin.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Is the server until standard input ends, if this program runs as one.
pub(crate) fn serve_if_told() -> Result<bool, Box<dyn Error>> {
    if env::args().all(|argument| argument != "--serve") {
        return Ok(false);
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}", listener.local_addr()?);
    let replies = Arc::new([page::user_data(), page::page()].map(|body| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length:";
        [format!("{head} {}\r\n\r\n", body.len()).into_bytes(), body].concat()
    }));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let replies = Arc::clone(&replies);
            thread::spawn(move || answer(&stream, &replies));
        }
    });
    std::io::stdin().read_line(&mut String::new())?;
    Ok(true)
}

/// Requests have no body here, so that each ends with an empty line.
fn answer(stream: &TcpStream, [user, page]: &[Vec<u8>; 2]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let reply = if line.starts_with("GET /api/v1/users?") { page } else { user };
        while line.trim() != "" {
            line.clear();
            lines.read_line(&mut line)?;
        }
        (&mut &*stream).write_all(reply)?;
    }
}
