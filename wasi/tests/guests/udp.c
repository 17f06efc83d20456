// Checks `wasi:sockets/udp`: the program sends to itself.
#define WORLD udp
#include "udp.h"
#include "check.h"
#include "net.h"

#define UDP(name) wasi_sockets_udp_method_udp_socket_##name
#define IN(name) wasi_sockets_udp_method_incoming_datagram_stream_##name
#define OUT(name) wasi_sockets_udp_method_outgoing_datagram_stream_##name

typedef wasi_sockets_udp_own_udp_socket_t socket_t;
typedef wasi_sockets_udp_tuple2_own_incoming_datagram_stream_own_outgoing_datagram_stream_t
    streams_t;
typedef wasi_sockets_udp_outgoing_datagram_t datagram_t;

static wasi_sockets_udp_borrow_udp_socket_t lent(socket_t socket) {
  return wasi_sockets_udp_borrow_udp_socket(socket);
}

static socket_t new_socket(void) {
  socket_t socket;
  if (!wasi_sockets_udp_create_socket_create_udp_socket(V4, &socket, &code)) {
    check_ok("a socket is made", false, &code);
    __builtin_trap();
  }
  return socket;
}

static bool bind_to(socket_t socket, address_t address) {
  if (!UDP(start_bind)(lent(socket), network(), &address, &code))
    return false;
  bool succeeded;
  while (!(succeeded = UDP(finish_bind)(lent(socket), &code)) && code == ERR(WOULD_BLOCK))
    wait_for(UDP(subscribe)(lent(socket)));
  return succeeded;
}

static uint16_t port(socket_t socket) {
  address_t address;
  return UDP(local_address)(lent(socket), &address, &code) ? port_of(address) : 0;
}

static void drop(streams_t streams) {
  wasi_sockets_udp_incoming_datagram_stream_drop_own(streams.f0);
  wasi_sockets_udp_outgoing_datagram_stream_drop_own(streams.f1);
}

// Sends once there is room; how many were sent, or UINT64_MAX.
static uint64_t send(streams_t streams, datagram_t *datagrams, size_t len) {
  wasi_sockets_udp_borrow_outgoing_datagram_stream_t out =
      wasi_sockets_udp_borrow_outgoing_datagram_stream(streams.f1);
  wait_for(OUT(subscribe)(out));
  uint64_t count;
  if (!OUT(check_send)(out, &count, &code) || count < len)
    return UINT64_MAX;
  wasi_sockets_udp_list_outgoing_datagram_t list = {datagrams, len};
  return OUT(send)(out, &list, &count, &code) ? count : UINT64_MAX;
}

static datagram_t datagram(const char *text) {
  return (datagram_t){.data = {(uint8_t *)text, strlen(text)}};
}

static datagram_t datagram_to(const char *text, address_t address) {
  datagram_t datagram = {.data = {(uint8_t *)text, strlen(text)}};
  datagram.remote_address.is_some = true;
  datagram.remote_address.val = address;
  return datagram;
}

static void check_received(const char *what, streams_t streams, const char *text, uint16_t from) {
  wasi_sockets_udp_borrow_incoming_datagram_stream_t in =
      wasi_sockets_udp_borrow_incoming_datagram_stream(streams.f0);
  wait_for(IN(subscribe)(in));
  wasi_sockets_udp_list_incoming_datagram_t got;
  if (!IN(receive)(in, 1, &got, &code) || got.len != 1)
    check(what, false);
  else if (check_text(what, got.ptr[0].data.ptr, got.ptr[0].data.len, text))
    check("from where it was sent", is_v4(got.ptr[0].remote_address, from));
}

static void states(void) {
  socket_t socket = new_socket(), second = new_socket();
  address_t address, far = v6_local(0), to = local(9);
  streams_t streams;
  check_number("a socket has a family", UDP(address_family)(lent(socket)), V4);
  check_error("it is nowhere", UDP(local_address)(lent(socket), &address, &code), &code,
              ERR(INVALID_STATE));
  check_error("nor connected", UDP(remote_address)(lent(socket), &address, &code), &code,
              ERR(INVALID_STATE));
  check_error("it has no streams yet", UDP(stream)(lent(socket), NULL, &streams, &code), &code,
              ERR(INVALID_STATE));
  check_error("nothing is to be finished", UDP(finish_bind)(lent(socket), &code), &code,
              ERR(NOT_IN_PROGRESS));
  check_error("an address of another family",
              UDP(start_bind)(lent(socket), network(), &far, &code), &code, ERR(INVALID_ARGUMENT));
  check_ok("a socket is bound", bind_to(socket, local(0)), &code);
  check("to a port", port(socket) != 0);
  check_error("but once", bind_to(socket, local(0)), &code, ERR(INVALID_STATE));
  check_error("a port is taken", bind_to(second, local(port(socket))), &code,
              ERR(ADDRESS_IN_USE));
  check_ok("a socket gets streams", UDP(stream)(lent(socket), &to, &streams, &code), &code);
  check("to where it is connected", UDP(remote_address)(lent(socket), &address, &code) &&
                                        is_v4(address, 9));
  drop(streams);
  address_t nowhere = local(0), many = v6_local(9);
  check_error("port 0 is no other end", UDP(stream)(lent(socket), &nowhere, &streams, &code), &code,
              ERR(INVALID_ARGUMENT));
  check_error("nor is another family", UDP(stream)(lent(socket), &many, &streams, &code), &code,
              ERR(INVALID_ARGUMENT));
  check_ok("streams may be asked for again", UDP(stream)(lent(socket), NULL, &streams, &code),
           &code);
  check_error("and then nothing is connected",
              UDP(remote_address)(lent(socket), &address, &code), &code, ERR(INVALID_STATE));
  drop(streams);
}

static void talking(void) {
  socket_t one = new_socket(), two = new_socket();
  streams_t first, second;
  if (!bind_to(one, local(0)) || !bind_to(two, local(0)) ||
      !UDP(stream)(lent(one), NULL, &first, &code) || !UDP(stream)(lent(two), NULL, &second, &code))
    __builtin_trap();
  wasi_sockets_udp_list_incoming_datagram_t got;
  check("nothing has been sent",
        IN(receive)(wasi_sockets_udp_borrow_incoming_datagram_stream(second.f0), 9, &got, &code) &&
            got.len == 0);
  datagram_t ping = datagram_to("ping", local(port(two)));
  check_number("a datagram is sent", send(first, &ping, 1), 1);
  check_received("and arrives", second, "ping", port(one));
  datagram_t empty = datagram_to("", local(port(one)));
  check_number("an empty one is sent back", send(second, &empty, 1), 1);
  check_received("and arrives", first, "", port(two));
  datagram_t both[] = {datagram_to("a", local(port(two))), datagram_to("b", local(port(two)))};
  check_number("two are sent at once", send(first, both, 2), 2);
  check_received("one arrives", second, "a", port(one));
  check_received("and the other", second, "b", port(one));
  datagram_t lost = datagram("lost");
  check_number("one to nobody is not sent", send(first, &lost, 1), UINT64_MAX);
  check_number("as it says", code, ERR(INVALID_ARGUMENT));
  datagram_t far = datagram_to("far", v6_local(9));
  check_number("nor one to another family", send(first, &far, 1), UINT64_MAX);
  check_number("as it says", code, ERR(INVALID_ARGUMENT));
  datagram_t zero = datagram_to("zero", local(0));
  check_number("nor one to port 0", send(first, &zero, 1), UINT64_MAX);
  check_number("as it says", code, ERR(INVALID_ARGUMENT));
  static uint8_t most[70000];
  datagram_t large = {.data = {most, sizeof most}};
  large.remote_address.is_some = true, large.remote_address.val = local(port(two));
  check_number("nor one of 70000 bytes", send(first, &large, 1), UINT64_MAX);
  check_number("as it says", code, ERR(DATAGRAM_TOO_LARGE));
  wasi_sockets_udp_list_outgoing_datagram_t none = {NULL, 0};
  uint64_t count;
  check("none at all may be sent",
        OUT(send)(wasi_sockets_udp_borrow_outgoing_datagram_stream(first.f1), &none, &count,
                  &code) && count == 0);
  drop(first), drop(second);
}

static void connected(void) {
  socket_t one = new_socket(), two = new_socket(), other = new_socket();
  bind_to(one, local(0)), bind_to(two, local(0)), bind_to(other, local(0));
  address_t to_one = local(port(one)), to_two = local(port(two));
  streams_t first, second, third;
  if (!UDP(stream)(lent(one), &to_two, &first, &code) ||
      !UDP(stream)(lent(two), &to_one, &second, &code) ||
      !UDP(stream)(lent(other), NULL, &third, &code))
    __builtin_trap();
  datagram_t plain = datagram("plain"), same = datagram_to("same", to_two);
  datagram_t stranger = datagram_to("stranger", to_one), away = datagram_to("away", local(9));
  check_number("a connected socket needs no address", send(first, &plain, 1), 1);
  check_received("to send", second, "plain", port(one));
  check_number("nor minds its own", send(first, &same, 1), 1);
  check_received("which arrives", second, "same", port(one));
  check_number("but no other", send(first, &away, 1), UINT64_MAX);
  check_number("as it says", code, ERR(INVALID_ARGUMENT));
  check_number("others may send to it", send(third, &stranger, 1), 1);
  send(second, &plain, 1);
  check_received("and are not heard", first, "plain", port(two));
  drop(first), drop(second), drop(third);
}

static void options(void) {
  socket_t socket = new_socket();
  uint8_t hops;
  uint64_t size;
  check_ok("the hop limit is set", UDP(set_unicast_hop_limit)(lent(socket), 42, &code), &code);
  check("as it says", UDP(unicast_hop_limit)(lent(socket), &hops, &code) && hops == 42);
  check_error("but not to 0", UDP(set_unicast_hop_limit)(lent(socket), 0, &code), &code,
              ERR(INVALID_ARGUMENT));
  check_ok("the room for what is received is set",
           UDP(set_receive_buffer_size)(lent(socket), 65536, &code), &code);
  check("to that or more", UDP(receive_buffer_size)(lent(socket), &size, &code) && size >= 65536);
  check_error("but not to 0", UDP(set_receive_buffer_size)(lent(socket), 0, &code), &code,
              ERR(INVALID_ARGUMENT));
  check_ok("the room for what is sent is set",
           UDP(set_send_buffer_size)(lent(socket), 65536, &code), &code);
  check("to that or more", UDP(send_buffer_size)(lent(socket), &size, &code) && size >= 65536);
  check_error("but not to 0", UDP(set_send_buffer_size)(lent(socket), 0, &code), &code,
              ERR(INVALID_ARGUMENT));
}

static void checks(void) {
  states();
  talking();
  connected();
  options();
}
