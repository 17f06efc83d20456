//! What requests and responses may use at most.

use std::time::Duration;

/// What the requests that guests answer and make may use at most.
///
/// What one instance may use of memory and fuel is a matter of its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpLimits {
    /// Bytes of the names and values of one set of fields; 128 KiB.
    pub header_bytes: usize,
    /// Fields of one set, at most 24 000; 100.
    pub header_count: usize,
    /// Bytes of the body of a request that a guest answers; 64 MiB.
    pub request_body_bytes: u64,
    /// Bytes of the body of a response that a guest gets; 1 GiB.
    pub response_body_bytes: u64,
    /// Bytes that a guest may have written of one body and that nobody has taken yet;
    /// 64 KiB.
    pub buffered_bytes: usize,
    /// Bytes that the host holds for one guest at a time: fields that the guest has
    /// made or got from others, and buffers of bodies that it writes; 16 MiB.
    pub held_bytes: usize,
    /// Requests that one guest makes at a time; 64.
    pub outgoing_requests: usize,
    /// The time for connecting to another server, for the first byte of its response
    /// and between any two, if the guest sets no other: at most these; 10 minutes.
    pub outgoing_time: Duration,
    /// The time in which a guest has to answer a request and to end; 30 seconds.
    pub request_time: Duration,
    /// Requests that are answered at a time, each with an instance and a thread; 64.
    /// The runtime has to have as many threads for what blocks.
    pub concurrent_requests: usize,
    /// Requests that wait for their turn; those beyond get the status 503. 1024.
    pub waiting_requests: usize,
    /// How long they wait before they get the status 503; 10 seconds.
    pub waiting_time: Duration,
    /// Connections to a [`Server`](super::Server) at a time; more wait in the system's
    /// queue. 4096.
    pub connections: usize,
    /// How long a connection may take to send the head of a request, the first one or
    /// the next; 30 seconds.
    pub head_time: Duration,
    /// How long a connection may take nothing of a response; 30 seconds.
    pub write_time: Duration,
    /// How long a server that is shut down waits for its requests to end; 10 seconds.
    pub grace_time: Duration,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits {
            header_bytes: 128 << 10,
            header_count: 100,
            request_body_bytes: 64 << 20,
            response_body_bytes: 1 << 30,
            buffered_bytes: 64 << 10,
            held_bytes: 16 << 20,
            outgoing_requests: 64,
            outgoing_time: Duration::from_secs(600),
            request_time: Duration::from_secs(30),
            concurrent_requests: 64,
            waiting_requests: 1024,
            waiting_time: Duration::from_secs(10),
            connections: 4096,
            head_time: Duration::from_secs(30),
            write_time: Duration::from_secs(30),
            grace_time: Duration::from_secs(10),
        }
    }
}
