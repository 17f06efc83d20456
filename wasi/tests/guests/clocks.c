// Checks the clocks.
#define WORLD clocks
#include "clocks.h"
#include "check.h"

#define CLOCK(name) wasi_clocks_monotonic_clock_##name

static bool ready(wasi_io_poll_own_pollable_t pollable) {
  return wasi_io_poll_method_pollable_ready(wasi_io_poll_borrow_pollable(pollable));
}

static void checks(void) {
  uint64_t resolution = CLOCK(resolution)();
  check("the monotonic clock has a resolution", resolution > 0 && resolution <= 1000000000);
  bool goes = true;
  uint64_t start = CLOCK(now)(), last = start;
  for (int n = 0; n < 1000; n++) {
    uint64_t now = CLOCK(now)();
    goes = goes && now >= last;
    last = now;
  }
  check("it never goes back", goes);
  check("an instant in the past is ready", ready(CLOCK(subscribe_instant)(0)));
  check("the present is ready", ready(CLOCK(subscribe_instant)(CLOCK(now)())));
  check("the end of time is not", !ready(CLOCK(subscribe_instant)(UINT64_MAX)));
  uint64_t when = CLOCK(now)() + 20000000;
  wasi_io_poll_own_pollable_t instant = CLOCK(subscribe_instant)(when);
  check("nor what is to come", !ready(instant));
  wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(instant));
  check("until it has come", CLOCK(now)() >= when && ready(instant));
  check("no time is ready at once", ready(CLOCK(subscribe_duration)(0)));

  wasi_clocks_wall_clock_datetime_t time, step;
  wasi_clocks_wall_clock_now(&time);
  check("the wall clock knows that it is past 2024", time.seconds > 1704067200);
  check("and a second has nanoseconds", time.nanoseconds < 1000000000);
  wasi_clocks_wall_clock_resolution(&step);
  check("it has a resolution", step.nanoseconds < 1000000000 &&
                                   (step.seconds > 0 || step.nanoseconds > 0));
}
