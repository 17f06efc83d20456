// Checks streams of `wasi:io`: reading, skipping, writing, zeros, splicing, flushing,
// the end, and what errors tell. Standard input holds `0123456789` and ends; standard
// error takes 10 bytes.
#define WORLD streams
#include "streams.h"
#include "check.h"
#include "fs.h"

#define IN(name) wasi_io_streams_method_input_stream_##name
#define OUT(name) wasi_io_streams_method_output_stream_##name

typedef wasi_io_streams_borrow_input_stream_t in_t;
typedef wasi_io_streams_borrow_output_stream_t out_t;

static wasi_io_streams_stream_error_t error;

static bool is_closed(void) { return error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED; }

static bytes_t bytes(const char *text) { return (bytes_t){(uint8_t *)text, strlen(text)}; }

static in_t reading(const char *path, uint64_t at) {
  fd_t fd = must_open(path, 0, READ);
  FS(own_input_stream_t) stream;
  FS(method_descriptor_read_via_stream)(lent(fd), at, &stream, &code);
  // A stream outlives the descriptor that it was made of.
  close(fd);
  return wasi_io_streams_borrow_input_stream(stream);
}

static out_t writing(const char *path, uint64_t at) {
  fd_t fd = must_open(path, OPEN(CREATE) | OPEN(TRUNCATE), WRITE);
  FS(own_output_stream_t) stream;
  FS(method_descriptor_write_via_stream)(lent(fd), at, &stream, &code);
  close(fd);
  return wasi_io_streams_borrow_output_stream(stream);
}

static void check_file(const char *what, const char *path, const char *expected, size_t len) {
  fd_t fd = must_open(path, 0, READ);
  streams_tuple2_list_u8_bool_t got;
  check(what, FS(method_descriptor_read)(lent(fd), 60000, 0, &got, &code) && got.f0.len == len &&
                  memcmp(got.f0.ptr, expected, len) == 0);
  close(fd);
}

static void check_read(const char *what, bool succeeded, bytes_t got, const char *expected) {
  if (succeeded)
    check_text(what, got.ptr, got.len, expected);
  else
    check(what, false);
}

static void input(void) {
  in_t in = wasi_io_streams_borrow_input_stream(wasi_cli_stdin_get_stdin());
  bytes_t got;
  bool read = IN(read)(in, 0, &got, &error);
  check_read("nothing is asked for", read, got, "");
  read = IN(read)(in, 3, &got, &error);
  check_read("some bytes are read", read, got, "012");
  read = IN(blocking_read)(in, 2, &got, &error);
  check_read("and more, with waiting", read, got, "34");
  uint64_t count;
  check("some are skipped", IN(skip)(in, 2, &count, &error) && count == 2);
  check("and more, with waiting", IN(blocking_skip)(in, 1, &count, &error) && count == 1);
  wasi_io_streams_own_pollable_t ready = IN(subscribe)(in);
  check("the rest is there", wasi_io_poll_method_pollable_ready(wasi_io_poll_borrow_pollable(ready)));
  in_t again = wasi_io_streams_borrow_input_stream(wasi_cli_stdin_get_stdin());
  read = IN(read)(again, 100, &got, &error);
  check_read("for every stream of standard input", read, got, "89");
  check("the end is told", !IN(read)(in, 1, &got, &error) && is_closed());
  check("and stays", !IN(blocking_read)(in, 1, &got, &error) && is_closed());
  check("for skipping, too", !IN(skip)(in, 1, &count, &error) && is_closed());
  check("and waiting for it ends", wasi_io_poll_method_pollable_ready(
                                       wasi_io_poll_borrow_pollable(IN(subscribe)(in))));
}

static void output(void) {
  out_t to = writing("out", 0);
  uint64_t permit;
  check("a stream says what it takes", OUT(check_write)(to, &permit, &error) && permit >= 4096);
  bytes_t text = bytes("hello");
  check("and takes it", OUT(write)(to, &text, &error));
  check("and still takes it", OUT(write)(to, &text, &error));
  check("it is flushed", OUT(flush)(to, &error));
  check("with waiting, too", OUT(blocking_flush)(to, &error));
  check_file("and has arrived", "out", "hellohello", 10);
  check("zeros are written", OUT(check_write)(to, &permit, &error) &&
                                 OUT(write_zeroes)(to, 3, &error) &&
                                 OUT(blocking_write_zeroes_and_flush)(to, 2, &error));
  check_file("and have arrived", "out", "hellohello\0\0\0\0\0", 15);
  static uint8_t most[4096];
  memset(most, 'm', sizeof most);
  bytes_t block = {most, sizeof most};
  check("4096 bytes are taken at once", OUT(blocking_write_and_flush)(writing("out", 0), &block,
                                                                    &error));
  check_file("and have arrived", "out", (char *)most, sizeof most);
  wasi_io_streams_own_pollable_t room = OUT(subscribe)(to);
  check("there is room for more",
        wasi_io_poll_method_pollable_ready(wasi_io_poll_borrow_pollable(room)));
  bytes_t none = bytes("");
  check("nothing may be written", OUT(blocking_write_and_flush)(to, &none, &error));
}

static void splices(void) {
  make("from", "0123456789");
  out_t to = writing("to", 0);
  in_t from = reading("from", 2);
  uint64_t count = 0;
  check("bytes move from stream to stream", OUT(splice)(to, from, 3, &count, &error) && count == 3);
  check("with waiting, too", OUT(blocking_splice)(to, from, 2, &count, &error) && count == 2);
  check("all that is there", OUT(splice)(to, from, UINT64_MAX, &count, &error) && count == 3);
  check_file("and arrive", "to", "23456789", 8);
  check("the end is told", !OUT(blocking_splice)(to, from, 1, &count, &error) && is_closed());
  check("nothing may move", OUT(splice)(to, reading("from", 0), 0, &count, &error) && count == 0);
}

static void errors(void) {
  out_t limited = wasi_io_streams_borrow_output_stream(wasi_cli_stderr_get_stderr());
  bytes_t text = bytes("0123456789");
  check("a limited stream takes what it may", OUT(blocking_write_and_flush)(limited, &text, &error));
  check("and then fails", !OUT(blocking_write_and_flush)(limited, &text, &error) &&
                              error.tag == WASI_IO_STREAMS_STREAM_ERROR_LAST_OPERATION_FAILED);
  wasi_io_error_borrow_error_t failure =
      wasi_io_error_borrow_error(error.val.last_operation_failed);
  string_t message;
  wasi_io_error_method_error_to_debug_string(failure, &message);
  check("its error says something", message.len > 0);
  check("but nothing of files", !FS(filesystem_error_code)(failure, &code));
  uint64_t permit;
  check("the stream is closed", !OUT(check_write)(limited, &permit, &error) && is_closed());
  check("for writing", !OUT(blocking_write_and_flush)(limited, &text, &error) && is_closed());
  check("and flushing", !OUT(flush)(limited, &error) && is_closed());

  bytes_t got;
  check("a position that is none fails", !IN(read)(reading("from", UINT64_MAX), 1, &got, &error) &&
                                           !is_closed());
  failure = wasi_io_error_borrow_error(error.val.last_operation_failed);
  check("with an error of files", FS(filesystem_error_code)(failure, &code));
  check_number("that says why", code, ERR(INVALID));
}

static void checks(void) {
  find_preopens();
  input();
  output();
  splices();
  errors();
}
