//! An SMTP server of our own, in a real conversation, that refuses, fails and vanishes as it is told.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What the sink does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// 250.
    Accepts,
    /// 550 after RCPT TO.
    Refuses,
    /// 550 after RCPT TO, which says nothing of the mailbox.
    Dislikes,
    /// 451 after RCPT TO, for the first so many messages.
    IsBusy(usize),
    /// Says nothing after RCPT TO.
    HangsBefore,
    /// Takes the whole message and hangs up without an answer.
    Vanishes,
    /// Takes the connection and says nothing.
    Hangs,
    /// Takes the whole message and says nothing.
    HangsAtTheEnd,
    /// By the address: `bad…` is refused, `busy…` may come again until there were eight, `gone…` is taken without an answer.
    ByAddress,
    /// Takes the first message and says so only when it is told to; by the same connection it takes no other.
    IsLate,
}

/// A listening sink.
pub struct Sink {
    /// `smtp://127.0.0.1:PORT`.
    pub url: String,
    /// Whole messages that were accepted or taken.
    pub messages: Arc<Mutex<Vec<String>>>,
    /// Envelope senders, as they were said.
    pub senders: Arc<Mutex<Vec<String>>>,
    /// How often somebody tried, whatever came of it.
    pub tries: Arc<Mutex<usize>>,
    /// Connections so far.
    pub connections: Arc<Mutex<usize>>,
    /// Tells one that is late to speak.
    pub speaks: Arc<Notify>,
}

impl Sink {
    /// Starts one.
    pub async fn open(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("smtp://{}", listener.local_addr().expect("its address"));
        let (messages, tries) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let (speaks, connections) = (Arc::new(Notify::new()), Arc::new(Mutex::new(0)));
        let came = connections.clone();
        let senders = Arc::new(Mutex::new(Vec::new()));
        let (kept, counted, told) = (messages.clone(), tries.clone(), speaks.clone());
        let said = senders.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *came.lock().expect("no panic") += 1;
                tokio::spawn(converse(
                    stream,
                    manner,
                    kept.clone(),
                    counted.clone(),
                    told.clone(),
                    said.clone(),
                ));
            }
        });
        Self { url, messages, senders, tries, connections, speaks }
    }

    /// Messages taken so far.
    pub fn taken(&self) -> Vec<String> {
        self.messages.lock().expect("no panic").clone()
    }
}

async fn converse(
    stream: TcpStream,
    manner: Manner,
    messages: Arc<Mutex<Vec<String>>>,
    tries: Arc<Mutex<usize>>,
    told: Arc<Notify>,
    senders: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    if manner == Manner::Hangs {
        *tries.lock().expect("no panic") += 1;
        let _open = stream;
        return std::future::pending().await;
    }
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let mut is_late = false;
    writer.write_all(b"220 sink\r\n").await.ok()?;
    while let Some(line) = lines.next_line().await.ok()? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer: &str = match verb.as_str() {
            "EHLO" | "HELO" => "250 sink",
            "MAIL" => noted(&senders, &line),
            "RCPT" if manner == Manner::HangsBefore => {
                *tries.lock().expect("no panic") += 1;
                return std::future::pending().await;
            }
            "RCPT" => &to_recipient(manner, &tries, &line),
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await.ok()?;
                let message = whole(&mut lines).await?;
                if is_late {
                    writer.write_all(b"554 5.7.1 not by this way\r\n").await.ok()?;
                    continue;
                }
                messages.lock().expect("no panic").push(message);
                let of_gone = manner == Manner::ByAddress && is_of_gone(&messages);
                if manner == Manner::Vanishes || of_gone {
                    return None;
                }
                if manner == Manner::HangsAtTheEnd {
                    return std::future::pending().await;
                }
                is_late = manner == Manner::IsLate && messages.lock().expect("no panic").len() == 1;
                if is_late {
                    told.notified().await;
                }
                "250 taken"
            }
            "QUIT" => {
                writer.write_all(b"221 bye\r\n").await.ok()?;
                return None;
            }
            _ => "250 ok",
        };
        writer.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
    Some(())
}

fn to_recipient(manner: Manner, tries: &Mutex<usize>, line: &str) -> String {
    let mut tries = tries.lock().expect("no panic");
    *tries += 1;
    // As real ones do: with the address in their words.
    let refusal = format!("550 5.1.1 nobody here: {line}");
    let answer = match manner {
        Manner::Refuses => return refusal,
        Manner::ByAddress if line.contains("<bad") => return refusal,
        Manner::Dislikes => "550 5.7.1 we don't like you",
        // Until everyone had a turn.
        Manner::ByAddress if line.contains("<busy") && *tries < 8 => "451 4.7.1 come again",
        Manner::IsBusy(times) if *tries <= times => "451 4.7.1 come again",
        _ => "250 ok",
    };
    answer.to_owned()
}

fn is_of_gone(messages: &Mutex<Vec<String>>) -> bool {
    messages.lock().expect("no panic").last().is_some_and(|message| message.contains("To: gone"))
}

fn noted(senders: &Mutex<Vec<String>>, line: &str) -> &'static str {
    let sender = line.split(['<', '>']).nth(1).unwrap_or_default();
    senders.lock().expect("no panic").push(sender.to_owned());
    "250 ok"
}

/// A message up to its end.
async fn whole(lines: &mut Lines<BufReader<OwnedReadHalf>>) -> Option<String> {
    let mut message = String::new();
    loop {
        let line = lines.next_line().await.ok()??;
        if line == "." {
            return Some(message);
        }
        message.push_str(line.strip_prefix('.').unwrap_or(&line));
        message.push('\n');
    }
}
