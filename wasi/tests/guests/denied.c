// Asks for the network where nothing of it is granted. With the argument `addresses`
// sockets are, but no address and no name.
#define WORLD denied
#include "denied.h"
#include "check.h"
#include "net.h"

#define TCP(name) wasi_sockets_tcp_method_tcp_socket_##name
#define UDP(name) wasi_sockets_udp_method_udp_socket_##name

static bool look_up(const char *name) {
  string_t text = string(name);
  wasi_sockets_ip_name_lookup_own_resolve_address_stream_t stream;
  return wasi_sockets_ip_name_lookup_resolve_addresses(network(), &text, &stream, &code);
}

static void nothing(void) {
  wasi_sockets_tcp_own_tcp_socket_t tcp;
  wasi_sockets_udp_own_udp_socket_t udp;
  check_error("no name is looked up", look_up("localhost"), &code, ERR(ACCESS_DENIED));
  check_error("no stream socket is made",
              wasi_sockets_tcp_create_socket_create_tcp_socket(V4, &tcp, &code), &code,
              ERR(ACCESS_DENIED));
  check_error("no datagram socket is made",
              wasi_sockets_udp_create_socket_create_udp_socket(V6, &udp, &code), &code,
              ERR(ACCESS_DENIED));
}

static void no_address(void) {
  wasi_sockets_tcp_own_tcp_socket_t tcp;
  wasi_sockets_udp_own_udp_socket_t udp;
  check_error("no name is looked up", look_up("localhost"), &code, ERR(ACCESS_DENIED));
  if (!check_ok("a stream socket is made",
                wasi_sockets_tcp_create_socket_create_tcp_socket(V4, &tcp, &code), &code) ||
      !check_ok("a datagram socket is made",
                wasi_sockets_udp_create_socket_create_udp_socket(V4, &udp, &code), &code))
    return;
  wasi_sockets_tcp_borrow_tcp_socket_t stream = wasi_sockets_tcp_borrow_tcp_socket(tcp);
  wasi_sockets_udp_borrow_udp_socket_t packet = wasi_sockets_udp_borrow_udp_socket(udp);
  address_t any = local(0), other = local(9);
  // A start may leave the answer to its finish.
  check_error("a stream is not bound",
              TCP(start_bind)(stream, network(), &any, &code) && TCP(finish_bind)(stream, &code),
              &code, ERR(ACCESS_DENIED));
  wasi_sockets_tcp_tuple2_own_input_stream_own_output_stream_t streams;
  check_error("nor connected",
              TCP(start_connect)(stream, network(), &other, &code) &&
                  TCP(finish_connect)(stream, &streams, &code),
              &code, ERR(ACCESS_DENIED));
  check_error("datagrams are not bound",
              UDP(start_bind)(packet, network(), &any, &code) && UDP(finish_bind)(packet, &code),
              &code, ERR(ACCESS_DENIED));
}

static void checks(void) {
  denied_list_string_t arguments;
  wasi_cli_environment_get_arguments(&arguments);
  if (arguments.len > 0)
    no_address();
  else
    nothing();
}
