// One end of connections and datagrams whose other end is the host. The first argument
// says what it does, the next one says where or how often.
#define WORLD peer
#include "peer.h"
#include "check.h"
#include "net.h"

#define TCP(name) wasi_sockets_tcp_method_tcp_socket_##name
#define UDP(name) wasi_sockets_udp_method_udp_socket_##name
#define IN(name) wasi_io_streams_method_input_stream_##name
#define OUT(name) wasi_io_streams_method_output_stream_##name
#define RECEIVE(name) wasi_sockets_udp_method_incoming_datagram_stream_##name
#define SEND(name) wasi_sockets_udp_method_outgoing_datagram_stream_##name

typedef wasi_sockets_tcp_own_tcp_socket_t tcp_t;
typedef wasi_sockets_udp_own_udp_socket_t udp_t;
typedef wasi_sockets_tcp_tuple2_own_input_stream_own_output_stream_t streams_t;
typedef wasi_sockets_udp_tuple2_own_incoming_datagram_stream_own_outgoing_datagram_stream_t
    datagrams_t;

static wasi_io_streams_stream_error_t error;

static wasi_sockets_tcp_borrow_tcp_socket_t lent(tcp_t socket) {
  return wasi_sockets_tcp_borrow_tcp_socket(socket);
}

static wasi_sockets_udp_borrow_udp_socket_t lent_udp(udp_t socket) {
  return wasi_sockets_udp_borrow_udp_socket(socket);
}

static void drop(streams_t streams) {
  wasi_io_streams_input_stream_drop_own(streams.f0);
  wasi_io_streams_output_stream_drop_own(streams.f1);
}

static void print_line(uint64_t number) {
  print_number(number);
  print("\n");
}

static tcp_t new_tcp(void) {
  tcp_t socket;
  if (!wasi_sockets_tcp_create_socket_create_tcp_socket(V4, &socket, &code))
    __builtin_trap();
  return socket;
}

// Accepts connections one after the other, and sends back what each one sends.
static void serve(uint64_t count) {
  tcp_t socket = new_tcp();
  address_t address = local(0);
  if (!TCP(start_bind)(lent(socket), network(), &address, &code) ||
      !TCP(finish_bind)(lent(socket), &code) || !TCP(start_listen)(lent(socket), &code) ||
      !TCP(finish_listen)(lent(socket), &code) ||
      !TCP(local_address)(lent(socket), &address, &code))
    __builtin_trap();
  print_line(port_of(address));
  while (count > 0) {
    wasi_sockets_tcp_tuple3_own_tcp_socket_own_input_stream_own_output_stream_t accepted;
    wait_for(TCP(subscribe)(lent(socket)));
    if (!TCP(accept)(lent(socket), &accepted, &code))
      continue;
    count--;
    // The connection outlives its socket.
    wasi_sockets_tcp_tcp_socket_drop_own(accepted.f0);
    streams_t streams = {accepted.f1, accepted.f2};
    bytes_t bytes;
    while (IN(blocking_read)(wasi_io_streams_borrow_input_stream(streams.f0), 4096, &bytes,
                             &error)) {
      OUT(blocking_write_and_flush)
      (wasi_io_streams_borrow_output_stream(streams.f1), &bytes, &error);
      if (bytes.len > 0)
        free(bytes.ptr);
    }
    drop(streams);
  }
}

// A connection to a port, or why there is none.
static bool connects(uint16_t port, streams_t *streams) {
  tcp_t socket = new_tcp();
  address_t address = local(port);
  if (!TCP(start_connect)(lent(socket), network(), &address, &code))
    return false;
  bool succeeded;
  while (!(succeeded = TCP(finish_connect)(lent(socket), streams, &code)) &&
         code == ERR(WOULD_BLOCK))
    wait_for(TCP(subscribe)(lent(socket)));
  return succeeded;
}

// Prints the code of the error, or what a server sends after a greeting.
static void greet(uint16_t port) {
  streams_t streams;
  if (!connects(port, &streams)) {
    print_line(code);
    return;
  }
  bytes_t bytes = {(uint8_t *)"hello", 5};
  OUT(blocking_write_and_flush)
  (wasi_io_streams_borrow_output_stream(streams.f1), &bytes, &error);
  while (IN(blocking_read)(wasi_io_streams_borrow_input_stream(streams.f0), 4096, &bytes, &error))
    print_bytes(bytes.ptr, bytes.len);
  print(error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED ? " closed\n" : " failed\n");
}

// Sends as much as there is room for, and never waits; then as much as the next wait
// makes room for.
static void fill(uint16_t port) {
  static uint8_t block[65536];
  streams_t streams;
  uint64_t permit, sent = 0;
  if (!connects(port, &streams))
    __builtin_trap();
  wasi_io_streams_borrow_output_stream_t to = wasi_io_streams_borrow_output_stream(streams.f1);
  while (OUT(check_write)(to, &permit, &error) && permit > 0) {
    bytes_t bytes = {block, permit};
    if (!OUT(write)(to, &bytes, &error))
      __builtin_trap();
    sent += permit;
  }
  print_line(sent);
  drop(streams);
}

static udp_t new_udp(void) {
  udp_t socket;
  address_t address = local(0);
  if (!wasi_sockets_udp_create_socket_create_udp_socket(V4, &socket, &code) ||
      !UDP(start_bind)(lent_udp(socket), network(), &address, &code) ||
      !UDP(finish_bind)(lent_udp(socket), &code))
    __builtin_trap();
  return socket;
}

// Sends datagrams back to where they come from, as many as it is told.
static void reflect(uint64_t count) {
  udp_t socket = new_udp();
  datagrams_t streams;
  address_t address;
  if (!UDP(stream)(lent_udp(socket), NULL, &streams, &code) ||
      !UDP(local_address)(lent_udp(socket), &address, &code))
    __builtin_trap();
  print_line(port_of(address));
  while (count > 0) {
    wasi_sockets_udp_borrow_incoming_datagram_stream_t in =
        wasi_sockets_udp_borrow_incoming_datagram_stream(streams.f0);
    wasi_sockets_udp_borrow_outgoing_datagram_stream_t to =
        wasi_sockets_udp_borrow_outgoing_datagram_stream(streams.f1);
    wait_for(RECEIVE(subscribe)(in));
    wasi_sockets_udp_list_incoming_datagram_t got;
    if (!RECEIVE(receive)(in, count, &got, &code))
      __builtin_trap();
    for (size_t n = 0; n < got.len; n++, count--) {
      wasi_sockets_udp_outgoing_datagram_t back = {.data = {got.ptr[n].data.ptr,
                                                            got.ptr[n].data.len}};
      back.remote_address.is_some = true;
      back.remote_address.val = got.ptr[n].remote_address;
      wasi_sockets_udp_list_outgoing_datagram_t list = {&back, 1};
      uint64_t sent;
      if (!SEND(check_send)(to, &sent, &code))
        __builtin_trap();
      if (!SEND(send)(to, &list, &sent, &code))
        print_line(code);
    }
  }
}

// Sends more datagrams than it may.
static void overrun(void) {
  udp_t socket = new_udp();
  datagrams_t streams;
  static wasi_sockets_udp_outgoing_datagram_t many[1000];
  uint64_t permit;
  if (!UDP(stream)(lent_udp(socket), NULL, &streams, &code))
    __builtin_trap();
  wasi_sockets_udp_borrow_outgoing_datagram_stream_t to =
      wasi_sockets_udp_borrow_outgoing_datagram_stream(streams.f1);
  if (!SEND(check_send)(to, &permit, &code))
    __builtin_trap();
  wasi_sockets_udp_list_outgoing_datagram_t list = {many, permit + 1};
  SEND(send)(to, &list, &permit, &code);
}

// Makes sockets until there are none left, and prints how many there were.
static void hoard(void) {
  uint64_t count = 0;
  tcp_t socket;
  while (wasi_sockets_tcp_create_socket_create_tcp_socket(V4, &socket, &code))
    count++;
  print_line(count);
  print_line(code);
}

static void checks(void) {
  peer_list_string_t arguments;
  wasi_cli_environment_get_arguments(&arguments);
  if (arguments.len != 2)
    __builtin_trap();
  uint64_t number = 0;
  for (size_t n = 0; n < arguments.ptr[1].len; n++)
    number = number * 10 + arguments.ptr[1].ptr[n] - '0';
  switch (arguments.ptr[0].ptr[0]) {
  case 's': serve(number); break;
  case 'g': greet(number); break;
  case 'f': fill(number); break;
  case 'r': reflect(number); break;
  case 'o': overrun(); break;
  case 'h': hoard(); break;
  default: __builtin_trap();
  }
}
