// Checks the three sources of random numbers. With the argument `more` it asks each
// time for one byte more than the host gives, which traps.
#define WORLD random
#include "random.h"
#include "check.h"

enum { MOST = 65536 };

// Whether bytes look as if each value were as likely as any other.
static bool look_random(bytes_t bytes) {
  int counts[256] = {0};
  for (size_t n = 0; n < bytes.len; n++)
    counts[bytes.ptr[n]]++;
  for (int n = 0; n < 256; n++)
    if (counts[n] < MOST / 512 || counts[n] > MOST / 128)
      return false;
  return bytes.len == MOST;
}

static void checks(void) {
  random_list_string_t arguments;
  wasi_cli_environment_get_arguments(&arguments);
  bytes_t one, two;
  if (arguments.len > 0)
    wasi_random_random_get_random_bytes(MOST + 1, &one);
  wasi_random_random_get_random_bytes(0, &one);
  check_number("no byte is given", one.len, 0);
  wasi_random_random_get_random_bytes(1, &one);
  check_number("one byte is given", one.len, 1);
  wasi_random_random_get_random_bytes(MOST, &one);
  check("many are, all sorts of them", look_random(one));
  wasi_random_random_get_random_bytes(MOST, &two);
  check("and others the next time", memcmp(one.ptr, two.ptr, MOST) != 0);
  check("numbers differ", wasi_random_random_get_random_u64() !=
                              wasi_random_random_get_random_u64());

  wasi_random_insecure_get_insecure_random_bytes(0, &one);
  check_number("no insecure byte is given", one.len, 0);
  wasi_random_insecure_get_insecure_random_bytes(MOST, &one);
  check("many are, all sorts of them", look_random(one));
  wasi_random_insecure_get_insecure_random_bytes(MOST, &two);
  check("and others the next time", memcmp(one.ptr, two.ptr, MOST) != 0);
  check("insecure numbers differ", wasi_random_insecure_get_insecure_random_u64() !=
                                       wasi_random_insecure_get_insecure_random_u64());
  random_tuple2_u64_u64_t seed;
  wasi_random_insecure_seed_insecure_seed(&seed);
  check("a seed has two numbers", seed.f0 != seed.f1);
}
