// Checks `wasi:sockets/tcp`: the program is both ends of its connections.
#define WORLD tcp
#include "tcp.h"
#include "check.h"
#include "net.h"

#define TCP(name) wasi_sockets_tcp_method_tcp_socket_##name
#define IN(name) wasi_io_streams_method_input_stream_##name
#define OUT(name) wasi_io_streams_method_output_stream_##name

typedef wasi_sockets_tcp_own_tcp_socket_t socket_t;
typedef wasi_io_streams_borrow_input_stream_t in_t;
typedef wasi_io_streams_borrow_output_stream_t out_t;

// One end of a connection.
typedef struct {
  socket_t socket;
  wasi_io_streams_own_input_stream_t in;
  wasi_io_streams_own_output_stream_t out;
} end_t;

static wasi_io_streams_stream_error_t error;

static wasi_sockets_tcp_borrow_tcp_socket_t lent(socket_t socket) {
  return wasi_sockets_tcp_borrow_tcp_socket(socket);
}

static in_t in_of(end_t end) { return wasi_io_streams_borrow_input_stream(end.in); }

static out_t out_of(end_t end) { return wasi_io_streams_borrow_output_stream(end.out); }

static socket_t new_socket(void) {
  socket_t socket;
  if (!wasi_sockets_tcp_create_socket_create_tcp_socket(V4, &socket, &code)) {
    check_ok("a socket is made", false, &code);
    __builtin_trap();
  }
  return socket;
}

// Goes on with what has been started until it is finished.
#define FINISH(socket, call)                                                                       \
  ({                                                                                               \
    bool succeeded;                                                                                \
    while (!(succeeded = (call)) && code == ERR(WOULD_BLOCK))                                      \
      wait_for(TCP(subscribe)(lent(socket)));                                                      \
    succeeded;                                                                                     \
  })

static bool bind_to(socket_t socket, address_t address) {
  return TCP(start_bind)(lent(socket), network(), &address, &code) &&
         FINISH(socket, TCP(finish_bind)(lent(socket), &code));
}

static bool listens(socket_t socket) {
  return TCP(start_listen)(lent(socket), &code) &&
         FINISH(socket, TCP(finish_listen)(lent(socket), &code));
}

static bool connect_to(end_t *end, address_t address) {
  wasi_sockets_tcp_tuple2_own_input_stream_own_output_stream_t streams;
  if (!TCP(start_connect)(lent(end->socket), network(), &address, &code) ||
      !FINISH(end->socket, TCP(finish_connect)(lent(end->socket), &streams, &code)))
    return false;
  end->in = streams.f0, end->out = streams.f1;
  return true;
}

static bool accept_from(socket_t listener, end_t *end) {
  wasi_sockets_tcp_tuple3_own_tcp_socket_own_input_stream_own_output_stream_t accepted;
  if (!FINISH(listener, TCP(accept)(lent(listener), &accepted, &code)))
    return false;
  *end = (end_t){accepted.f0, accepted.f1, accepted.f2};
  return true;
}

static void drop(end_t end) {
  wasi_io_streams_input_stream_drop_own(end.in);
  wasi_io_streams_output_stream_drop_own(end.out);
  wasi_sockets_tcp_tcp_socket_drop_own(end.socket);
}

static bool sends(end_t end, const char *text) {
  bytes_t bytes = {(uint8_t *)text, strlen(text)};
  return OUT(blocking_write_and_flush)(out_of(end), &bytes, &error);
}

static void check_received(const char *what, end_t end, const char *expected) {
  char got[64];
  size_t len = 0;
  bytes_t bytes;
  while (len < strlen(expected) && IN(blocking_read)(in_of(end), 64 - len, &bytes, &error)) {
    memcpy(got + len, bytes.ptr, bytes.len);
    len += bytes.len;
  }
  check_text(what, got, len, expected);
}

static bool is_closed(void) { return error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED; }

// A socket that listens, and where.
static socket_t listener(uint16_t *port) {
  socket_t socket = new_socket();
  address_t address;
  if (!bind_to(socket, local(0)) || !listens(socket) ||
      !TCP(local_address)(lent(socket), &address, &code))
    __builtin_trap();
  *port = port_of(address);
  return socket;
}

static void listening(void) {
  socket_t socket = new_socket();
  address_t address = local(0), far = v6_local(0), many = v4(224, 1, 0);
  check_number("a socket has a family", TCP(address_family)(lent(socket)), V4);
  check("it does not listen", !TCP(is_listening)(lent(socket)));
  check_error("it is nowhere", TCP(local_address)(lent(socket), &address, &code), &code,
              ERR(INVALID_STATE));
  check_error("nor connected", TCP(remote_address)(lent(socket), &address, &code), &code,
              ERR(INVALID_STATE));
  check_error("nothing is to be finished", TCP(finish_bind)(lent(socket), &code), &code,
              ERR(NOT_IN_PROGRESS));
  check_error("nor listened", TCP(finish_listen)(lent(socket), &code), &code,
              ERR(NOT_IN_PROGRESS));
  check_error("an address of another family",
              TCP(start_bind)(lent(socket), network(), &far, &code), &code, ERR(INVALID_ARGUMENT));
  check_error("an address of many", TCP(start_bind)(lent(socket), network(), &many, &code), &code,
              ERR(INVALID_ARGUMENT));
  check_error("listening comes after binding", TCP(start_listen)(lent(socket), &code), &code,
              ERR(INVALID_STATE));
  check_ok("a socket is bound", bind_to(socket, local(0)), &code);
  check("to a port", TCP(local_address)(lent(socket), &address, &code) && port_of(address) != 0 &&
                         is_v4(address, port_of(address)));
  check_error("but once", TCP(start_bind)(lent(socket), network(), &address, &code), &code,
              ERR(INVALID_STATE));
  check_ok("it listens", listens(socket), &code);
  check("as it says", TCP(is_listening)(lent(socket)));
  check_error("but once", TCP(start_listen)(lent(socket), &code), &code, ERR(INVALID_STATE));
  wasi_sockets_tcp_tuple3_own_tcp_socket_own_input_stream_own_output_stream_t accepted;
  check_error("nobody has come", TCP(accept)(lent(socket), &accepted, &code), &code,
              ERR(WOULD_BLOCK));
  socket_t second = new_socket();
  check_error("a port is taken", bind_to(second, address), &code, ERR(ADDRESS_IN_USE));
  check_ok("another one is free", bind_to(second, local(0)), &code);
  check_error("who does not listen accepts nobody", TCP(accept)(lent(second), &accepted, &code),
              &code, ERR(INVALID_STATE));
}

static void talking(void) {
  uint16_t port;
  socket_t socket = listener(&port);
  end_t client = {.socket = new_socket()}, server;
  check_ok("a connection is made", connect_to(&client, local(port)), &code);
  check_ok("and accepted", accept_from(socket, &server), &code);
  address_t near, far;
  check("one end knows the other",
        TCP(local_address)(lent(client.socket), &near, &code) &&
            TCP(remote_address)(lent(server.socket), &far, &code) && is_v4(far, port_of(near)));
  check("and the other way round", TCP(remote_address)(lent(client.socket), &far, &code) &&
                                       is_v4(far, port));
  check_error("a connected socket does not listen", TCP(start_listen)(lent(client.socket), &code),
              &code, ERR(INVALID_STATE));
  check_error("nor connect again",
              TCP(start_connect)(lent(client.socket), network(), &far, &code), &code,
              ERR(INVALID_STATE));
  bytes_t got;
  check("nothing has been sent", IN(read)(in_of(server), 10, &got, &error) && got.len == 0);
  check("bytes are sent", sends(client, "ping"));
  check_received("and arrive", server, "ping");
  check("bytes are sent back", sends(server, "pong"));
  check_received("and arrive", client, "pong");
  check_ok("an end is shut down",
           TCP(shutdown)(lent(client.socket), WASI_SOCKETS_TCP_SHUTDOWN_TYPE_SEND, &code), &code);
  check("it sends no more", !sends(client, "x") && is_closed());
  check("the other end is told",
        !IN(blocking_read)(in_of(server), 10, &got, &error) && is_closed());
  check("and may still send", sends(server, "bye"));
  check_received("which arrives", client, "bye");
  check_ok("it is shut down, too",
           TCP(shutdown)(lent(server.socket), WASI_SOCKETS_TCP_SHUTDOWN_TYPE_BOTH, &code), &code);
  check("which ends it all", !IN(blocking_read)(in_of(client), 10, &got, &error) && is_closed());
  drop(client), drop(server);
  wasi_sockets_tcp_tcp_socket_drop_own(socket);
}

// Sends more than fits on the way, while the same program reads.
static void much(void) {
  enum { BYTES = 4 << 20 };
  uint16_t port;
  socket_t socket = listener(&port);
  end_t client = {.socket = new_socket()}, server;
  if (!connect_to(&client, local(port)) || !accept_from(socket, &server))
    __builtin_trap();
  static uint8_t block[65536];
  size_t sent = 0, received = 0, right = 0;
  while (received < BYTES) {
    uint64_t permit = 0;
    if (sent < BYTES && OUT(check_write)(out_of(client), &permit, &error) && permit > 0) {
      size_t len = permit < sizeof block ? permit : sizeof block;
      len = len < BYTES - sent ? len : BYTES - sent;
      for (size_t n = 0; n < len; n++)
        block[n] = (sent + n) % 251;
      bytes_t bytes = {block, len};
      if (!OUT(write)(out_of(client), &bytes, &error))
        break;
      sent += len;
    }
    bytes_t got;
    if (!IN(read)(in_of(server), 65536, &got, &error))
      break;
    for (size_t n = 0; n < got.len; n++)
      right += got.ptr[n] == (received + n) % 251;
    received += got.len;
    if (got.len > 0)
      free(got.ptr);
  }
  check_number("many bytes arrive", received, BYTES);
  check_number("in their order", right, BYTES);
  drop(client), drop(server);
  wasi_sockets_tcp_tcp_socket_drop_own(socket);
}

static void failing(void) {
  uint16_t port;
  wasi_sockets_tcp_tcp_socket_drop_own(listener(&port));
  end_t end = {.socket = new_socket()};
  check_error("where nobody listens", connect_to(&end, local(port)), &code,
              ERR(CONNECTION_REFUSED));
  end = (end_t){.socket = new_socket()};
  check_error("port 0", connect_to(&end, local(0)), &code, ERR(INVALID_ARGUMENT));
  check_error("no address", connect_to(&end, v4(0, 0, 80)), &code, ERR(INVALID_ARGUMENT));
  check_error("an address of many", connect_to(&end, v4(224, 1, 80)), &code,
              ERR(INVALID_ARGUMENT));
  check_error("an address of another family", connect_to(&end, v6_local(80)), &code,
              ERR(INVALID_ARGUMENT));
  check_error("nothing is to be finished", TCP(finish_connect)(lent(end.socket), &(
                  wasi_sockets_tcp_tuple2_own_input_stream_own_output_stream_t){}, &code),
              &code, ERR(NOT_IN_PROGRESS));
  check_error("nothing is to be shut down",
              TCP(shutdown)(lent(end.socket), WASI_SOCKETS_TCP_SHUTDOWN_TYPE_BOTH, &code), &code,
              ERR(INVALID_STATE));
}

#define CHECK_OPTION(what, type, name, value)                                                      \
  do {                                                                                             \
    type got;                                                                                      \
    check_ok(what, TCP(set_##name)(lent(socket), value, &code), &code);                            \
    check("as it says", TCP(name)(lent(socket), &got, &code) && got == (value));                   \
    check_error("but not 0", TCP(set_##name)(lent(socket), 0, &code), &code,                       \
                ERR(INVALID_ARGUMENT));                                                            \
  } while (0)

static void options(void) {
  socket_t socket = new_socket();
  CHECK_OPTION("the hop limit is set", uint8_t, hop_limit, 42);
  bool alive;
  check("nothing is kept alive", TCP(keep_alive_enabled)(lent(socket), &alive, &code) && !alive);
  check_ok("unless it is asked for", TCP(set_keep_alive_enabled)(lent(socket), true, &code), &code);
  check("as it says", TCP(keep_alive_enabled)(lent(socket), &alive, &code) && alive);
  CHECK_OPTION("the idle time is set", uint64_t, keep_alive_idle_time, 3000000000);
  CHECK_OPTION("the interval is set", uint64_t, keep_alive_interval, 2000000000);
  CHECK_OPTION("the count is set", uint32_t, keep_alive_count, 5);
  check_ok("more than there can be is cut",
           TCP(set_keep_alive_idle_time)(lent(socket), UINT64_MAX, &code) &&
               TCP(set_keep_alive_count)(lent(socket), UINT32_MAX, &code) &&
               TCP(set_receive_buffer_size)(lent(socket), UINT64_MAX, &code),
           &code);
  uint64_t size;
  check_ok("the room for what is received is set",
           TCP(set_receive_buffer_size)(lent(socket), 65536, &code), &code);
  check("to that or more", TCP(receive_buffer_size)(lent(socket), &size, &code) && size >= 65536);
  check_error("but not to 0", TCP(set_receive_buffer_size)(lent(socket), 0, &code), &code,
              ERR(INVALID_ARGUMENT));
  check_ok("the room for what is sent is set",
           TCP(set_send_buffer_size)(lent(socket), 65536, &code), &code);
  check("to that or more", TCP(send_buffer_size)(lent(socket), &size, &code) && size >= 65536);
  check_error("but not to 0", TCP(set_send_buffer_size)(lent(socket), 0, &code), &code,
              ERR(INVALID_ARGUMENT));
  check_ok("a queue is hinted at", TCP(set_listen_backlog_size)(lent(socket), 10, &code), &code);
  check_error("but not of 0", TCP(set_listen_backlog_size)(lent(socket), 0, &code), &code,
              ERR(INVALID_ARGUMENT));
}

static void checks(void) {
  listening();
  talking();
  much();
  failing();
  options();
}
