//! A server in a process of its own, which answers with the same bytes always.

use std::env;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
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
    let success = br#"{"code":"OK","message":"Properties successfully updated"}"#.to_vec();
    let replies = Arc::new([page::user_data(), page::page(), success].map(|body| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length:";
        [format!("{head} {}\r\n\r\n", body.len()).into_bytes(), body].concat()
    }));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let replies = Arc::clone(&replies);
            thread::spawn(move || answer(&stream, &replies));
        }
    });
    io::stdin().read_line(&mut String::new())?;
    Ok(true)
}

fn answer(stream: &TcpStream, [user, page, success]: &[Vec<u8>; 3]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let reply = match line.split_once('?').map_or(&*line, |(path, _)| path) {
            "GET /api/v1/user" => user,
            "GET /api/v1/users" => page,
            _ => success,
        };
        let mut body = 0;
        while line.trim() != "" {
            line.clear();
            lines.read_line(&mut line)?;
            if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                body = length.trim().parse().map_err(io::Error::other)?;
            }
        }
        io::copy(&mut lines.by_ref().take(body), &mut io::sink())?;
        (&mut &*stream).write_all(reply)?;
    }
}
