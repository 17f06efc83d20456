// What the checking programs share: a line for each thing checked, and whether all of
// it held. Include it after the header of the world.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
// The names that the bindings give to strings and lists of bytes.
typedef JOIN(WORLD, _string_t) string_t;
typedef JOIN(WORLD, _list_u8_t) bytes_t;

static wasi_cli_stdout_own_output_stream_t out;
static bool all_held = true;

static void print_bytes(const void *bytes, size_t len) {
  bytes_t text = {(uint8_t *)bytes, len};
  wasi_io_streams_stream_error_t error;
  if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(
          wasi_io_streams_borrow_output_stream(out), &text, &error))
    __builtin_trap();
}

static void print(const char *text) { print_bytes(text, strlen(text)); }

static void print_number(uint64_t number) {
  char digits[20];
  size_t start = sizeof digits;
  do
    digits[--start] = '0' + number % 10;
  while (number /= 10);
  print_bytes(digits + start, sizeof digits - start);
}

static void failed(const char *what) {
  all_held = false;
  print("FAILED: ");
  print(what);
}

// Whether something holds.
static bool check(const char *what, bool holds) {
  if (holds)
    print("ok: ");
  else
    failed("");
  print(what);
  print("\n");
  return holds;
}

// Whether a number is the one expected.
static bool check_number(const char *what, uint64_t got, uint64_t expected) {
  if (got == expected)
    return check(what, true);
  failed(what);
  print(": expected ");
  print_number(expected);
  print(", got ");
  print_number(got);
  print("\n");
  return false;
}

// Whether some bytes are the text expected.
static bool check_text(const char *what, const void *got, size_t len, const char *expected) {
  if (len == strlen(expected) && memcmp(got, expected, len) == 0)
    return check(what, true);
  failed(what);
  print(": expected `");
  print(expected);
  print("`, got `");
  print_bytes(got, len);
  print("`\n");
  return false;
}

// Whether a call succeeded; otherwise `code` says why not.
static bool check_ok(const char *what, bool succeeded, const uint8_t *code) {
  if (succeeded)
    return check(what, true);
  failed(what);
  print(": expected success, got the error ");
  print_number(*code);
  print("\n");
  return false;
}

// Whether a call failed with the code expected.
static bool check_error(const char *what, bool succeeded, const uint8_t *code, uint8_t expected) {
  if (!succeeded)
    return check_number(what, *code, expected);
  failed(what);
  print(": expected the error ");
  print_number(expected);
  print(", got success\n");
  return false;
}

static string_t string(const char *text) {
  return (string_t){(uint8_t *)text, strlen(text)};
}

// The checks of one program.
static void checks(void);

bool exports_wasi_cli_run_run(void) {
  out = wasi_cli_stdout_get_stdout();
  checks();
  return all_held;
}
