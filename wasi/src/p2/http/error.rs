//! Which error code of `wasi:http` a failure is, and which status a client gets for
//! it.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use http::StatusCode;

use super::bindings::wasi::http::types::{DnsErrorPayload, ErrorCode};

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorCode::InternalError(Some(text)) => f.write_str(text),
            ErrorCode::HttpRequestBodySize(Some(bytes)) => {
                write!(
                    f,
                    "the body of the request has the wrong size: {bytes} bytes"
                )
            }
            ErrorCode::HttpResponseBodySize(Some(bytes)) => {
                write!(
                    f,
                    "the body of the response has the wrong size: {bytes} bytes"
                )
            }
            // The names of the cases are words.
            code => write!(f, "HTTP failed: {code:?}"),
        }
    }
}

impl StdError for ErrorCode {}

/// Which way a message goes that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Request,
    Response,
}

impl Message {
    /// The body is longer than it may be, or has not the length that was announced.
    pub(super) fn body_size(self, bytes: u64) -> ErrorCode {
        match self {
            Message::Request => ErrorCode::HttpRequestBodySize(Some(bytes)),
            Message::Response => ErrorCode::HttpResponseBodySize(Some(bytes)),
        }
    }

    /// The head is longer than it may be.
    pub(super) fn header_section_size(self) -> ErrorCode {
        match self {
            Message::Request => ErrorCode::HttpRequestHeaderSectionSize(None),
            Message::Response => ErrorCode::HttpResponseHeaderSectionSize(None),
        }
    }

    /// The trailers are longer than they may be.
    pub(super) fn trailer_section_size(self) -> ErrorCode {
        match self {
            Message::Request => ErrorCode::HttpRequestTrailerSectionSize(None),
            Message::Response => ErrorCode::HttpResponseTrailerSectionSize(None),
        }
    }

    /// The other side went away in the middle.
    fn incomplete(self) -> ErrorCode {
        match self {
            Message::Request => ErrorCode::ConnectionTerminated,
            Message::Response => ErrorCode::HttpResponseIncomplete,
        }
    }

    /// What a failure of a body or a connection means.
    pub(super) fn code(self, error: Box<dyn StdError + Send + Sync>) -> ErrorCode {
        let error = match error.downcast::<ErrorCode>() {
            Ok(code) => return *code,
            Err(error) => error,
        };
        let mut cause: &(dyn StdError + 'static) = &*error;
        loop {
            if let Some(code) = cause.downcast_ref::<ErrorCode>() {
                return code.clone();
            }
            if let Some(error) = cause.downcast_ref::<io::Error>() {
                if error.kind() == io::ErrorKind::UnexpectedEof {
                    return self.incomplete();
                }
                if let Some(code) = io_code(error) {
                    return code;
                }
            }
            if let Some(error) = cause.downcast_ref::<hyper::Error>()
                && let Some(code) = self.hyper_code(error)
            {
                return code;
            }
            match cause.source() {
                Some(source) => cause = source,
                None => return ErrorCode::InternalError(Some(error.to_string())),
            }
        }
    }

    fn hyper_code(self, error: &hyper::Error) -> Option<ErrorCode> {
        Some(match error {
            error if error.is_parse_too_large() => self.header_section_size(),
            error if error.is_parse() => ErrorCode::HttpProtocolError,
            error if error.is_incomplete_message() => self.incomplete(),
            error if error.is_timeout() => ErrorCode::ConnectionReadTimeout,
            error if error.is_canceled() || error.is_closed() => ErrorCode::ConnectionTerminated,
            _ => return None,
        })
    }
}

fn io_code(error: &io::Error) -> Option<ErrorCode> {
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => ErrorCode::ConnectionRefused,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => ErrorCode::ConnectionTerminated,
        io::ErrorKind::TimedOut => ErrorCode::ConnectionTimeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            ErrorCode::DestinationIpUnroutable
        }
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::NetworkDown => {
            ErrorCode::DestinationUnavailable
        }
        _ => return None,
    })
}

/// Why no connection was made.
pub(super) fn connect_code(error: &io::Error) -> ErrorCode {
    io_code(error).unwrap_or_else(|| ErrorCode::InternalError(Some(error.to_string())))
}

/// A name that could not be looked up. Systems do not tell the code of the answer.
pub(super) fn dns_code() -> ErrorCode {
    ErrorCode::DnsError(DnsErrorPayload {
        rcode: None,
        info_code: None,
    })
}

/// What a client gets if a guest answers with an error.
pub(super) fn status(code: &ErrorCode) -> StatusCode {
    match code {
        ErrorCode::HttpRequestDenied => StatusCode::FORBIDDEN,
        ErrorCode::HttpRequestLengthRequired => StatusCode::LENGTH_REQUIRED,
        ErrorCode::HttpRequestBodySize(_) => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::HttpRequestMethodInvalid => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::HttpRequestUriInvalid => StatusCode::BAD_REQUEST,
        ErrorCode::HttpRequestUriTooLong => StatusCode::URI_TOO_LONG,
        ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        ErrorCode::LoopDetected => StatusCode::LOOP_DETECTED,
        ErrorCode::ConnectionLimitReached => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTerminated
        | ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError
        | ErrorCode::TlsAlertReceived(_)
        | ErrorCode::HttpResponseIncomplete
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseTrailerSectionSize(_)
        | ErrorCode::HttpResponseTrailerSize(_)
        | ErrorCode::HttpResponseTransferCoding(_)
        | ErrorCode::HttpResponseContentCoding(_) => StatusCode::BAD_GATEWAY,
        ErrorCode::HttpUpgradeFailed
        | ErrorCode::HttpProtocolError
        | ErrorCode::ConfigurationError
        | ErrorCode::InternalError(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
