//! What can go wrong with an answer as a whole, with one item of it, and with a request before it is sent.

use crate::failure::Failure;
use crate::version::ServerVersion;

/// Why an answer cannot be used. None of these texts quotes content of an item.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// More bytes than [`crate::MAX_ANSWER_BYTES`].
    #[error("the answer has {bytes} bytes; more than {limit} are refused. Ask for a smaller window or fewer items")]
    TooLarge {
        /// What came.
        bytes: usize,
        /// What is taken.
        limit: usize,
    },
    /// No bytes at all.
    #[error("the answer is empty where a SOAP envelope was expected")]
    Empty,
    /// Bytes that are not text in the encoding that the answer declares, or an encoding that is not read.
    #[error("the answer's encoding `{encoding}` is not read or does not fit its bytes; UTF-8, UTF-16 and ISO-8859-1 are read")]
    Encoding {
        /// Its name.
        encoding: String,
    },
    /// A web page: a login form or a proxy stands before the server (SEMANTICS B-49).
    #[error("an HTML page came where SOAP was expected: a login form or a publishing proxy stands before EWS, or the URL is wrong")]
    Html,
    /// Some other XML, or no XML.
    #[error("`{root}` came where a SOAP envelope was expected: check the URL of EWS")]
    NotSoap {
        /// The name of the first element, shortened; empty when there is none.
        root: String,
    },
    /// The answer ends in the middle.
    #[error("the answer ends in the middle, after {bytes} bytes: the connection was cut, or a proxy shortened it")]
    Truncated {
        /// Where it ends.
        bytes: u64,
    },
    /// Not XML.
    #[error("the answer is not well-formed XML at byte {position}: {reason}")]
    Syntax {
        /// Where.
        position: u64,
        /// What the parser says.
        reason: String,
    },
    /// A document type definition, which SOAP forbids (SOAP 1.1, section 3): entity bombs begin with one.
    #[error("the answer declares a document type, which SOAP forbids; it is refused unread")]
    DocumentType,
    /// An entity beyond the five of XML.
    #[error("the answer uses the entity `{name}`, which XML does not define")]
    Entity {
        /// Its name, shortened.
        name: String,
    },
    /// Elements within elements beyond any real answer.
    #[error("the answer nests more than {limit} elements")]
    TooDeep {
        /// What is taken.
        limit: usize,
    },
    /// An answer to another question.
    #[error("`{got}` came where `{expected}` was expected")]
    OtherAnswer {
        /// The element that was expected.
        expected: String,
        /// The element that came, shortened.
        got: String,
    },
    /// The server refused the request as a whole.
    #[error("the server refused the request: {0}")]
    Fault(Failure),
}

/// Why a request cannot be written. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The server's version has no such operation.
    #[error("{operation} needs {needed} or later; the connection speaks {version}")]
    Version {
        /// The operation.
        operation: &'static str,
        /// The first version that has it.
        needed: ServerVersion,
        /// What is spoken.
        version: ServerVersion,
    },
    /// A value that EWS cannot hold.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// Why; without its content.
        reason: &'static str,
    },
    /// A change that holds nothing but what the server's version lacks.
    #[error("nothing is left of the request, because the server's version lacks it: {missing}")]
    LeftOut {
        /// What it lacks, and since when others have it.
        missing: &'static str,
    },
    /// A request that would do nothing: the schema does not know it.
    #[error("{operation} with nothing to do")]
    Nothing {
        /// The operation.
        operation: &'static str,
    },
}

impl WriteError {
    pub(crate) const fn invalid(field: &'static str, reason: &'static str) -> Self {
        Self::Invalid { field, reason }
    }
}

/// An item that was set aside: the others of its page are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its id, or empty when it has none.
    pub id: String,
    /// Why it cannot be read; names of elements, never their content.
    pub reason: String,
}
