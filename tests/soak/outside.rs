//! The world outside: a mail server and a webhook whose manners change, and which remember all that reached them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How it behaves just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Fine,
    /// 550; 500.
    Refuses,
    /// Takes the connection and says nothing.
    Hangs,
    /// Takes the whole message and says nothing.
    HangsAtTheEnd,
    /// Takes the whole message and hangs up.
    Drops,
}

/// A server, and what came: for each name how often it was taken, and how often that was answered with yes.
pub struct Outside {
    /// `127.0.0.1:PORT`.
    pub address: String,
    manner: watch::Sender<Manner>,
    came: Arc<Mutex<HashMap<String, Came>>>,
}

/// What came under one name.
#[derive(Debug, Clone, Default)]
pub struct Came {
    /// How often all of it was there.
    pub taken: i32,
    /// How often it was answered with yes.
    pub agreed: i32,
    /// Whom it was about, each once.
    pub about: Vec<String>,
}

type Book = Arc<Mutex<HashMap<String, Came>>>;

impl Outside {
    /// A mail server: names and what they are about are the order in the subject.
    pub async fn mail() -> Self {
        Self::open(|stream, book, manner| tokio::spawn(smtp(stream, book, manner))).await
    }

    /// A webhook: names are idempotency keys, they are about the order in the body.
    pub async fn hook() -> Self {
        Self::open(|stream, book, manner| tokio::spawn(http(stream, book, manner))).await
    }

    async fn open<T>(serve: impl Fn(TcpStream, Book, watch::Receiver<Manner>) -> T + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let (manner, seen) = watch::channel(Manner::Fine);
        let came = Book::default();
        let book = came.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, book.clone(), seen.clone());
            }
        });
        Self { address, manner, came }
    }

    /// From now on.
    pub fn behaves(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }

    /// As if it had come once more.
    pub fn came_again(&self, name: &str) {
        note(&self.came, name, name, false);
    }

    /// All that came.
    pub fn came(&self) -> HashMap<String, Came> {
        self.came.lock().expect("no panic").clone()
    }
}

fn note(book: &Book, name: &str, about: &str, agreed: bool) {
    let mut book = book.lock().expect("no panic");
    let came = book.entry(name.to_owned()).or_default();
    came.taken += i32::from(!agreed);
    came.agreed += i32::from(agreed);
    if !came.about.iter().any(|other| other == about) {
        came.about.push(about.to_owned());
    }
}

/// What hangs does so until the manner is another, and then hangs up.
async fn hang(mut manner: watch::Receiver<Manner>) {
    let was = *manner.borrow();
    let _ = tokio::time::timeout(Duration::from_secs(60), manner.wait_for(|now| *now != was)).await;
}

async fn smtp(stream: TcpStream, book: Book, manner: watch::Receiver<Manner>) -> Option<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let now = || *manner.borrow();
    if now() == Manner::Hangs {
        hang(manner.clone()).await;
        return None;
    }
    writer.write_all(b"220 sink\r\n").await.ok()?;
    while let Some(line) = lines.next_line().await.ok()? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match (verb.as_str(), now()) {
            ("RCPT", Manner::Refuses) => "550 5.1.1 nobody here",
            (_, Manner::Hangs) => {
                hang(manner.clone()).await;
                return None;
            }
            ("DATA", _) => {
                writer.write_all(b"354 go on\r\n").await.ok()?;
                let mut name = String::new();
                loop {
                    let line = lines.next_line().await.ok()??;
                    if let Some(subject) = line.strip_prefix("Subject: ") {
                        name = subject.trim().to_owned();
                    }
                    if line == "." {
                        break;
                    }
                }
                note(&book, &name, &name, false);
                match now() {
                    Manner::Drops => return None,
                    Manner::HangsAtTheEnd => {
                        hang(manner.clone()).await;
                        return None;
                    }
                    _ => {}
                }
                note(&book, &name, &name, true);
                "250 taken"
            }
            ("QUIT", _) => {
                writer.write_all(b"221 bye\r\n").await.ok()?;
                return None;
            }
            _ => "250 ok",
        };
        writer.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
    Some(())
}

async fn http(stream: TcpStream, book: Book, manner: watch::Receiver<Manner>) -> Option<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let (mut key, mut length) = (String::new(), 0usize);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("idempotency-key:") {
                key = value.trim().to_owned();
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0u8; length.min(100_000)];
        reader.read_exact(&mut body).await.ok()?;
        let body = String::from_utf8_lossy(&body).into_owned();
        note(&book, &key, &body, false);
        let now = *manner.borrow();
        let answer = match now {
            Manner::Refuses => "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
            Manner::Hangs | Manner::HangsAtTheEnd | Manner::Drops => {
                hang(manner.clone()).await;
                return None;
            }
            Manner::Fine => {
                note(&book, &key, &body, true);
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
            }
        };
        writer.write_all(answer.as_bytes()).await.ok()?;
    }
}
