//! `GetStreamingEvents`: one question, an answer that goes on for up to half an hour.

use std::collections::VecDeque;

use super::event::Notification;
use super::pull::read_notifications;
use super::split::Splitter;
use crate::error::{ReadError, WriteError};
use crate::failure::Failure;
use crate::soap::{Gaps, Operation, Reply, answer};
use crate::version::{ServerBuild, ServerVersion};
use crate::xml::{Element, Scanner, Writer, decode};

/// Most subscriptions of one stream (SEMANTICS C-09).
pub const MOST_IDS: usize = 200;

/// Longest life of a stream in minutes (XSD `StreamingSubscriptionConnectionTimeoutType`).
pub const MOST_MINUTES: u16 = 30;

/// Opens a stream for subscriptions of one group ([`super::affinity`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetStreamingEvents {
    /// The subscriptions, at most [`MOST_IDS`].
    pub subscriptions: Vec<String>,
    /// After how many minutes the server ends it, 1 to [`MOST_MINUTES`].
    pub minutes: u16,
}

impl Operation for GetStreamingEvents {
    type Reply = StreamAnswer;
    const NAME: &'static str = "GetStreamingEvents";
    const SINCE: ServerVersion = ServerVersion::Exchange2010Sp1;

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        if self.subscriptions.is_empty() {
            return Err(WriteError::Nothing { operation: Self::NAME });
        }
        if self.subscriptions.len() > MOST_IDS {
            return Err(WriteError::invalid("subscriptions", "a stream takes 200 of them at most"));
        }
        xml.element("m:GetStreamingEvents", |xml| {
            xml.element::<WriteError>("m:SubscriptionIds", |xml| {
                self.subscriptions.iter().for_each(|id| xml.text("t:SubscriptionId", id));
                Ok(())
            })?;
            xml.text("m:ConnectionTimeout", &self.minutes.clamp(1, MOST_MINUTES).to_string());
            Ok(())
        })
    }
}

/// One message of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamAnswer {
    /// What subscriptions tell.
    pub notifications: Vec<Notification>,
    /// Subscriptions that the message refuses.
    pub refused: Vec<String>,
    /// Whether the server ends the stream.
    pub closed: bool,
}

impl Reply for StreamAnswer {
    fn read_part(&mut self, xml: &mut Scanner<'_>, part: &Element<'_>) -> Result<bool, ReadError> {
        match part.name() {
            "ErrorSubscriptionIds" => {
                let ids = xml.texts("SubscriptionId")?;
                self.refused.extend(ids.iter().map(|id| id.trim().to_owned()));
            }
            "ConnectionStatus" => self.closed = xml.word()?.eq_ignore_ascii_case("Closed"),
            _ => return read_notifications(&mut self.notifications, xml, part),
        }
        Ok(true)
    }
}

/// What a stream tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// The stream lives and nothing happened. Servers say so at the beginning and then about once a minute.
    Heartbeat,
    /// Something happened.
    Notification(Notification),
    /// Subscriptions that the server refuses; the others of the stream go on. None means all of them.
    Lost {
        /// Their ids.
        subscriptions: Vec<String>,
        /// Why; [`super::Remedy`] says what to do.
        failure: Failure,
    },
    /// The server ends the stream, because its time is over: nothing is wrong.
    Closed,
}

/// Reads a stream from the pieces of its body as they come.
///
/// After an error nothing more is read: what followed is unknown, so the stream is opened again, and the mailboxes of
/// its group are read by their sync states (SEMANTICS C-09). Events that came before the error are given first.
///
/// ```
/// use calport_ews_protocol::operation::notifications::{Stream, StreamEvent};
///
/// let mut stream = Stream::new();
/// stream.receive(b"<Envelope><Body><GetStreamingEventsResponse><ResponseMessages><GetStreamingEventsResponseMessage ");
/// assert!(stream.next_event().is_none());
/// stream.receive(b"ResponseClass='Success'><ConnectionStatus>OK</ConnectionStatus></GetStreamingEventsResponseMessage>");
/// stream.receive(b"</ResponseMessages></GetStreamingEventsResponse></Body></Envelope>");
/// assert_eq!(stream.next_event(), Some(Ok(StreamEvent::Heartbeat)));
/// ```
#[derive(Debug)]
pub struct Stream {
    splitter: Splitter,
    events: VecDeque<Result<StreamEvent, ReadError>>,
    server: Option<ServerBuild>,
    over: bool,
}

impl Default for Stream {
    fn default() -> Self {
        Self::new()
    }
}

impl Stream {
    /// Before the first byte.
    pub const fn new() -> Self {
        Self { splitter: Splitter::new(), events: VecDeque::new(), server: None, over: false }
    }

    /// Takes a piece of the body, however it was cut.
    pub fn receive(&mut self, piece: &[u8]) {
        for byte in piece {
            if self.over {
                return;
            }
            let read = self.splitter.take(*byte).and_then(|document| document.map_or(Ok(()), |document| self.read(&document)));
            if let Err(error) = read {
                self.over = true;
                self.events.push_back(Err(error));
            }
        }
    }

    /// The end of the body. A stream that ends without [`StreamEvent::Closed`] was cut, by the server's restart for instance.
    ///
    /// # Errors
    /// `Truncated` when it ends within a document.
    pub fn finish(&self) -> Result<(), ReadError> {
        match self.splitter.pending() {
            0 => Ok(()),
            _ if self.over => Ok(()),
            bytes => Err(ReadError::Truncated { bytes: bytes as u64 }),
        }
    }

    /// The next event, if one has come.
    pub fn next_event(&mut self) -> Option<Result<StreamEvent, ReadError>> {
        self.events.pop_front()
    }

    /// The build that answers, once it told.
    pub const fn server(&self) -> Option<ServerBuild> {
        self.server
    }

    fn read(&mut self, document: &[u8]) -> Result<(), ReadError> {
        let answered = answer::<GetStreamingEvents>(document)?;
        self.server = answered.server.or(self.server);
        // What a refused message says besides is read apart, because refusals have no content elsewhere.
        let beside = if answered.parts.iter().any(Result::is_err) { messages(document)? } else { Vec::new() };
        let mut beside = beside.into_iter();
        for part in answered.parts {
            let besides = beside.next();
            match part {
                Ok(message) => self.tell(message, None),
                Err(failure) => self.tell(besides.unwrap_or_default(), Some(failure)),
            }
        }
        Ok(())
    }

    fn tell(&mut self, message: StreamAnswer, failure: Option<Failure>) {
        let StreamAnswer { notifications, refused, closed } = message;
        let before = self.events.len();
        let some = notifications.into_iter().filter(|n| !n.notices.is_empty());
        self.events.extend(some.map(|notification| Ok(StreamEvent::Notification(notification))));
        if failure.is_some() || !refused.is_empty() {
            let failure = failure.unwrap_or_else(|| Failure::of_code("ErrorSubscriptionNotFound"));
            self.events.push_back(Ok(StreamEvent::Lost { subscriptions: refused, failure }));
        }
        if closed {
            self.events.push_back(Ok(StreamEvent::Closed));
        }
        if self.events.len() == before {
            self.events.push_back(Ok(StreamEvent::Heartbeat));
        }
    }
}

/// The messages of a document, whatever their class.
fn messages(document: &[u8]) -> Result<Vec<StreamAnswer>, ReadError> {
    let text = decode::text(document)?;
    let mut xml = Scanner::new(&text);
    xml.root()?;
    let mut messages = Vec::new();
    descend(&mut xml, &["Body", "GetStreamingEventsResponse", "ResponseMessages"], &mut |xml| {
        let mut message = StreamAnswer::default();
        xml.children(|xml, part| message.read_part(xml, part).map(|_| ()))?;
        messages.push(message);
        Ok(())
    })?;
    Ok(messages)
}

/// Calls `each` for every child of the elements on this path.
pub(super) fn descend(
    xml: &mut Scanner<'_>,
    path: &[&str],
    each: &mut dyn FnMut(&mut Scanner<'_>) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    xml.children(|xml, child| match path {
        [] => each(xml),
        [name, rest @ ..] if child.name() == *name => descend(xml, rest, each),
        _ => Ok(()),
    })
}
