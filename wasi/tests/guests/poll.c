// Checks waiting: for timers, for standard input, for several things at once. The
// argument says where standard input comes from: `pipe`, into which the host writes
// one byte when it sees the line `a time may come first`, or `empty`, for a list of nothing, which traps.
#define WORLD poll
#include "poll.h"
#include "check.h"

enum { MILLISECOND = 1000000 };

typedef wasi_io_poll_own_pollable_t pollable_t;

static wasi_io_poll_borrow_pollable_t lent(pollable_t pollable) {
  return wasi_io_poll_borrow_pollable(pollable);
}

static pollable_t after(uint64_t milliseconds) {
  return wasi_clocks_monotonic_clock_subscribe_duration(milliseconds * MILLISECOND);
}

static poll_list_u32_t wait_for(pollable_t *pollables, size_t len) {
  wasi_io_poll_list_borrow_pollable_t list = {malloc(len * sizeof *list.ptr), len};
  for (size_t n = 0; n < len; n++)
    list.ptr[n] = lent(pollables[n]);
  poll_list_u32_t ready;
  wasi_io_poll_poll(&list, &ready);
  return ready;
}

static bool are(poll_list_u32_t ready, size_t len, const uint32_t *expected) {
  return ready.len == len && memcmp(ready.ptr, expected, len * sizeof *expected) == 0;
}

static uint64_t milliseconds_since(uint64_t start) {
  return (wasi_clocks_monotonic_clock_now() - start) / MILLISECOND;
}

static void timers(void) {
  uint64_t start = wasi_clocks_monotonic_clock_now();
  pollable_t now = after(0), soon = after(30), never = wasi_clocks_monotonic_clock_subscribe_duration(
                                                   UINT64_MAX);
  check("a time that has come is ready", wasi_io_poll_method_pollable_ready(lent(now)));
  check("one to come is not", !wasi_io_poll_method_pollable_ready(lent(soon)));
  check("nor one that never comes", !wasi_io_poll_method_pollable_ready(lent(never)));
  wasi_io_poll_method_pollable_block(lent(soon));
  check("it is waited for", milliseconds_since(start) >= 30);
  check("and then ready", wasi_io_poll_method_pollable_ready(lent(soon)));
  wasi_io_poll_method_pollable_block(lent(soon));
  check("and stays ready", wasi_io_poll_method_pollable_ready(lent(soon)));
}

static void lists(void) {
  pollable_t never = after(1000000), now = after(0);
  pollable_t twice[] = {never, now, never, now, now};
  check("all that are ready are told, each as often as it is asked for",
        are(wait_for(twice, 5), 3, (uint32_t[]){1, 3, 4}));
  uint64_t start = wasi_clocks_monotonic_clock_now();
  pollable_t race[] = {never, after(30), never};
  check("the first that is ready ends the wait", are(wait_for(race, 3), 1, (uint32_t[]){1}));
  uint64_t time = milliseconds_since(start);
  check("and no earlier than it is", time >= 30 && time < 10000);
  pollable_t many[1000];
  for (size_t n = 0; n < 1000; n++)
    many[n] = n == 777 ? now : never;
  check("a thousand are waited for", are(wait_for(many, 1000), 1, (uint32_t[]){777}));
}

static void standard_input(void) {
  wasi_io_streams_borrow_input_stream_t in =
      wasi_io_streams_borrow_input_stream(wasi_cli_stdin_get_stdin());
  pollable_t input = wasi_io_streams_method_input_stream_subscribe(in);
  bytes_t got;
  wasi_io_streams_stream_error_t error;
  check("a pipe is not ready before it is written",
        !wasi_io_poll_method_pollable_ready(lent(input)));
  check("and gives nothing without waiting",
        wasi_io_streams_method_input_stream_read(in, 1, &got, &error) && got.len == 0);
  pollable_t both[] = {after(10), input};
  check("a time may come first", are(wait_for(both, 2), 1, (uint32_t[]){0}));
  pollable_t either[] = {after(60000), input};
  check("or input", are(wait_for(either, 2), 1, (uint32_t[]){1}));
  check("which is there", wasi_io_streams_method_input_stream_read(in, 10, &got, &error) &&
                              got.len == 1 && got.ptr[0] == '!');
  wasi_io_poll_method_pollable_block(lent(input));
  check("the end is waited for, too",
        !wasi_io_streams_method_input_stream_read(in, 10, &got, &error) &&
            error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED);
}

static void checks(void) {
  poll_list_string_t arguments;
  wasi_cli_environment_get_arguments(&arguments);
  if (arguments.len > 0 && arguments.ptr[0].ptr[0] == 'e')
    wait_for(NULL, 0);
  timers();
  lists();
  standard_input();
}
