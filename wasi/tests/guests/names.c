// Checks `wasi:sockets/ip-name-lookup`.
#define WORLD names
#include "names.h"
#include "check.h"

#define ERR(name) WASI_SOCKETS_NETWORK_ERROR_CODE_##name
#define LOOKUP(name) wasi_sockets_ip_name_lookup_##name

static wasi_sockets_network_error_code_t code;
static wasi_sockets_network_borrow_network_t network;

// What an answer holds.
static int v4, v6, loopback;

// Looks a name up, and waits for all its addresses.
static bool look_up(const char *name) {
  string_t text = string(name);
  LOOKUP(own_resolve_address_stream_t) stream;
  if (!LOOKUP(resolve_addresses)(network, &text, &stream, &code))
    return false;
  LOOKUP(borrow_resolve_address_stream_t) lent = LOOKUP(borrow_resolve_address_stream)(stream);
  v4 = v6 = loopback = 0;
  for (;;) {
    LOOKUP(option_ip_address_t) address;
    if (!LOOKUP(method_resolve_address_stream_resolve_next_address)(lent, &address, &code)) {
      if (code != ERR(WOULD_BLOCK))
        return false;
      wasi_io_poll_own_pollable_t ready = LOOKUP(method_resolve_address_stream_subscribe)(lent);
      wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(ready));
      wasi_io_poll_pollable_drop_own(ready);
    } else if (!address.is_some) {
      LOOKUP(resolve_address_stream_drop_own)(stream);
      return true;
    } else if (address.val.tag == WASI_SOCKETS_NETWORK_IP_ADDRESS_IPV4) {
      v4++;
      loopback += address.val.val.ipv4.f0 == 127;
    } else {
      v6++;
      loopback += address.val.val.ipv6.f0 == 0 && address.val.val.ipv6.f7 == 1;
    }
  }
}

static void checks(void) {
  network = wasi_sockets_network_borrow_network(wasi_sockets_instance_network_instance_network());
  check_ok("an address is its own name", look_up("127.0.0.1"), &code);
  check("and the only one", v4 == 1 && v6 == 0 && loopback == 1);
  check_ok("a longer one, too", look_up("::1"), &code);
  check("and the only one", v4 == 0 && v6 == 1 && loopback == 1);
  check_ok("this machine has a name", look_up("localhost"), &code);
  check("and stands behind it", loopback > 0 && loopback == v4 + v6);
  check_error("a name with a space", look_up("no name"), &code, ERR(INVALID_ARGUMENT));
  check_error("no name", look_up(""), &code, ERR(INVALID_ARGUMENT));
  // Without a server to ask, the answer is that it might be known later.
  check("a name that nobody has",
        !look_up("nobody.invalid") &&
            (code == ERR(NAME_UNRESOLVABLE) || code == ERR(TEMPORARY_RESOLVER_FAILURE) ||
             code == ERR(PERMANENT_RESOLVER_FAILURE)));
}
