//! A mail server that takes everything at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::Outcome;

/// How often each address was mailed, and what its last mail said.
type Taken = HashMap<String, (u32, String)>;

/// Gone when dropped.
pub struct Sink {
    /// For `mail.smtp_url`.
    pub url: String,
    taken: Arc<Mutex<Taken>>,
    listens: JoinHandle<()>,
}

impl Sink {
    /// On a free port.
    pub async fn open() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("smtp://{}", listener.local_addr()?);
        let taken = Arc::<Mutex<Taken>>::default();
        let counted = taken.clone();
        let listens = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, counted.clone()));
            }
        });
        Ok(Self { url, taken, listens })
    }

    /// What was taken so far.
    pub fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Addresses that were mailed, and how many of them more than once.
    pub fn counted(&self) -> (i64, i64) {
        let taken = self.taken();
        let doubled = taken.values().filter(|(count, _)| *count > 1).count();
        (taken.len() as i64, doubled as i64)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.listens.abort();
    }
}

async fn converse(stream: TcpStream, taken: Arc<Mutex<Taken>>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 sink\r\n").await.ok()?;
    let mut to = String::new();
    while let Some(line) = lines.next_line().await.ok()? {
        let answer: &[u8] = match line.get(..4).unwrap_or_default() {
            "RCPT" => {
                line.clone_into(&mut to);
                b"250 ok\r\n"
            }
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await.ok()?;
                let mut text = String::new();
                loop {
                    match &*lines.next_line().await.ok()?? {
                        "." => break,
                        line => text = text + line + "\n",
                    }
                }
                let mut taken = taken.lock().ok()?;
                let entry = taken.entry(to.clone()).or_default();
                *entry = (entry.0 + 1, text);
                b"250 taken\r\n"
            }
            "QUIT" => {
                writer.write_all(b"221 bye\r\n").await.ok()?;
                return None;
            }
            _ => b"250 ok\r\n",
        };
        writer.write_all(answer).await.ok()?;
    }
    Some(())
}
