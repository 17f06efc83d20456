// Short names for `wasi:sockets`, of version 4 of the Internet protocol. Include it
// after check.h.

#define NET(name) wasi_sockets_network_##name
#define ERR(name) WASI_SOCKETS_NETWORK_ERROR_CODE_##name

enum { V4 = WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4, V6 };

typedef NET(ip_socket_address_t) address_t;

// Why the last call failed.
static NET(error_code_t) code;

static NET(borrow_network_t) network(void) {
  static NET(own_network_t) network;
  if (network.__handle == 0)
    network = wasi_sockets_instance_network_instance_network();
  return NET(borrow_network)(network);
}

static address_t v4(uint8_t first, uint8_t last, uint16_t port) {
  return (address_t){.tag = WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV4,
                     .val.ipv4 = {port, {first, 0, 0, last}}};
}

// This machine.
static address_t local(uint16_t port) { return v4(127, 1, port); }

static address_t v6_local(uint16_t port) {
  return (address_t){.tag = WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV6,
                     .val.ipv6 = {.port = port, .address = {.f7 = 1}}};
}

static bool is_v4(address_t address, uint16_t port) {
  return address.tag == WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV4 &&
         address.val.ipv4.address.f0 == 127 && address.val.ipv4.address.f3 == 1 &&
         address.val.ipv4.port == port;
}

static uint16_t port_of(address_t address) { return address.val.ipv4.port; }

static void wait_for(wasi_io_poll_own_pollable_t pollable) {
  wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(pollable));
  wasi_io_poll_pollable_drop_own(pollable);
}
