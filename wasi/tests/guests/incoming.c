// Answers HTTP requests. The path says how:
//   /echo     method, path and headers as text, then the body as it came
//   /mirror   the request's body and trailers, streamed back
//   /status   the status after `?`
//   /body     as many bytes as `?` says
//   /slow     a byte, a pause of 300 milliseconds, and another byte
//   /trailers a body with a trailer
//   /trap /never /spin /huge-headers /short /error: mistakes, each its own
#include "incoming.h"
#include <stdlib.h>
#include <string.h>

typedef exports_wasi_http_incoming_handler_own_response_outparam_t answer_t;
typedef wasi_http_types_own_incoming_request_t request_t;
typedef wasi_http_types_own_outgoing_body_t body_t;
typedef wasi_io_streams_own_output_stream_t stream_t;

static wasi_http_types_error_code_t code;
static wasi_io_streams_stream_error_t error;

static void append(wasi_http_types_own_fields_t fields, const char *name, const char *value) {
  incoming_string_t key = {(uint8_t *)name, strlen(name)};
  wasi_http_types_field_value_t bytes = {(uint8_t *)value, strlen(value)};
  wasi_http_types_header_error_t refused;
  if (!wasi_http_types_method_fields_append(
          wasi_http_types_borrow_fields(fields), &key, &bytes, &refused))
    __builtin_trap();
}

// Starts the answer: its head is on the way, its body is to be written.
static body_t answer_with(answer_t answer, uint16_t status, wasi_http_types_own_fields_t headers) {
  wasi_http_types_own_outgoing_response_t response =
      wasi_http_types_constructor_outgoing_response(headers);
  if (!wasi_http_types_method_outgoing_response_set_status_code(
          wasi_http_types_borrow_outgoing_response(response), status))
    __builtin_trap();
  body_t body;
  wasi_http_types_method_outgoing_response_body(
      wasi_http_types_borrow_outgoing_response(response), &body);
  wasi_http_types_result_own_outgoing_response_error_code_t result = {.val.ok = response};
  wasi_http_types_static_response_outparam_set(answer, &result);
  return body;
}

static body_t answer_ok(answer_t answer) {
  return answer_with(answer, 200, wasi_http_types_constructor_fields());
}

static stream_t stream_of(body_t body) {
  stream_t stream;
  if (!wasi_http_types_method_outgoing_body_write(
          wasi_http_types_borrow_outgoing_body(body), &stream))
    __builtin_trap();
  return stream;
}

// Writes all bytes; false if nobody takes them.
static bool write_all(stream_t stream, const uint8_t *bytes, size_t len) {
  while (len > 0) {
    incoming_list_u8_t some = {(uint8_t *)bytes, len < 4096 ? len : 4096};
    if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(
            wasi_io_streams_borrow_output_stream(stream), &some, &error))
      return false;
    bytes += some.len;
    len -= some.len;
  }
  return true;
}

static void write_text(stream_t stream, const char *text) {
  write_all(stream, (const uint8_t *)text, strlen(text));
}

static void finish(body_t body, stream_t stream, wasi_http_types_own_trailers_t *trailers) {
  wasi_io_streams_output_stream_drop_own(stream);
  wasi_http_types_static_outgoing_body_finish(body, trailers, &code);
}

static void write_method(stream_t stream, request_t request) {
  static const char *const names[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                      "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  wasi_http_types_method_t method;
  wasi_http_types_method_incoming_request_method(
      wasi_http_types_borrow_incoming_request(request), &method);
  if (method.tag == WASI_HTTP_TYPES_METHOD_OTHER)
    write_all(stream, method.val.other.ptr, method.val.other.len);
  else
    write_text(stream, names[method.tag]);
}

// A line `name: value` for each header, in the host's order. Drops the headers.
static void write_fields(stream_t stream, wasi_http_types_own_fields_t fields) {
  wasi_http_types_list_tuple2_field_name_field_value_t entries;
  wasi_http_types_method_fields_entries(wasi_http_types_borrow_fields(fields), &entries);
  for (size_t n = 0; n < entries.len; n++) {
    write_all(stream, entries.ptr[n].f0.ptr, entries.ptr[n].f0.len);
    write_text(stream, ": ");
    write_all(stream, entries.ptr[n].f1.ptr, entries.ptr[n].f1.len);
    write_text(stream, "\n");
  }
  wasi_http_types_list_tuple2_field_name_field_value_free(&entries);
  wasi_http_types_fields_drop_own(fields);
}

// Copies the request's body, and returns its trailers if there are any.
static bool copy_body(
    stream_t stream, request_t request, wasi_http_types_own_trailers_t *trailers) {
  wasi_http_types_own_incoming_body_t body;
  wasi_io_streams_own_input_stream_t input;
  if (!wasi_http_types_method_incoming_request_consume(
          wasi_http_types_borrow_incoming_request(request), &body) ||
      !wasi_http_types_method_incoming_body_stream(
          wasi_http_types_borrow_incoming_body(body), &input))
    __builtin_trap();
  incoming_list_u8_t bytes;
  while (wasi_io_streams_method_input_stream_blocking_read(
      wasi_io_streams_borrow_input_stream(input), 65536, &bytes, &error)) {
    if (!write_all(stream, bytes.ptr, bytes.len))
      break;
    free(bytes.ptr);
  }
  wasi_io_streams_input_stream_drop_own(input);
  wasi_http_types_own_future_trailers_t future = wasi_http_types_static_incoming_body_finish(body);
  wasi_http_types_own_pollable_t ready = wasi_http_types_method_future_trailers_subscribe(
      wasi_http_types_borrow_future_trailers(future));
  wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(ready));
  wasi_io_poll_pollable_drop_own(ready);
  wasi_http_types_result_result_option_own_trailers_error_code_void_t result;
  bool some = wasi_http_types_method_future_trailers_get(
      wasi_http_types_borrow_future_trailers(future), &result);
  if (!some || result.is_err)
    __builtin_trap();
  wasi_http_types_future_trailers_drop_own(future);
  if (result.val.ok.is_err || !result.val.ok.val.ok.is_some)
    return false;
  *trailers = result.val.ok.val.ok.val;
  return true;
}

static void echo(answer_t answer, request_t request, incoming_string_t path) {
  wasi_http_types_own_fields_t headers = wasi_http_types_constructor_fields();
  append(headers, "content-type", "text/plain");
  append(headers, "x-twice", "one");
  append(headers, "x-twice", "two");
  body_t body = answer_with(answer, 200, headers);
  stream_t stream = stream_of(body);
  write_method(stream, request);
  write_text(stream, " ");
  write_all(stream, path.ptr, path.len);
  write_text(stream, "\n");
  write_fields(stream, wasi_http_types_method_incoming_request_headers(
                           wasi_http_types_borrow_incoming_request(request)));
  write_text(stream, "\n");
  wasi_http_types_own_trailers_t trailers;
  if (copy_body(stream, request, &trailers))
    wasi_http_types_fields_drop_own(trailers);
  finish(body, stream, NULL);
}

static void mirror(answer_t answer, request_t request) {
  body_t body = answer_ok(answer);
  stream_t stream = stream_of(body);
  wasi_http_types_own_trailers_t trailers;
  bool some = copy_body(stream, request, &trailers);
  finish(body, stream, some ? &trailers : NULL);
}

static void many_bytes(answer_t answer, uint64_t count) {
  static uint8_t bytes[65536];
  memset(bytes, 'x', sizeof bytes);
  body_t body = answer_ok(answer);
  stream_t stream = stream_of(body);
  wasi_io_streams_own_pollable_t room = wasi_io_streams_method_output_stream_subscribe(
      wasi_io_streams_borrow_output_stream(stream));
  while (count > 0) {
    uint64_t permit;
    wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(room));
    if (!wasi_io_streams_method_output_stream_check_write(
            wasi_io_streams_borrow_output_stream(stream), &permit, &error))
      break;
    uint64_t len = permit < count ? permit : count;
    incoming_list_u8_t some = {bytes, len < sizeof bytes ? len : sizeof bytes};
    if (!wasi_io_streams_method_output_stream_write(
            wasi_io_streams_borrow_output_stream(stream), &some, &error))
      break;
    count -= some.len;
  }
  wasi_io_streams_method_output_stream_blocking_flush(
      wasi_io_streams_borrow_output_stream(stream), &error);
  wasi_io_poll_pollable_drop_own(room);
  finish(body, stream, NULL);
}

static void slow(answer_t answer) {
  body_t body = answer_ok(answer);
  stream_t stream = stream_of(body);
  write_text(stream, "a");
  wasi_io_poll_own_pollable_t pause = wasi_clocks_monotonic_clock_subscribe_duration(300000000);
  wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(pause));
  wasi_io_poll_pollable_drop_own(pause);
  write_text(stream, "b");
  finish(body, stream, NULL);
}

static void with_trailers(answer_t answer) {
  body_t body = answer_ok(answer);
  stream_t stream = stream_of(body);
  write_text(stream, "body");
  wasi_http_types_own_fields_t trailers = wasi_http_types_constructor_fields();
  append(trailers, "x-after", "all is said");
  finish(body, stream, &trailers);
}

static void huge_headers(answer_t answer) {
  char *value = malloc(65537);
  memset(value, 'v', 65536);
  value[65536] = 0;
  wasi_http_types_own_fields_t headers = wasi_http_types_constructor_fields();
  for (int n = 0; n < 1024; n++)
    append(headers, "x-huge", value);
  free(value);
  body_t body = answer_with(answer, 200, headers);
  finish(body, stream_of(body), NULL);
}

// Promises ten bytes and writes four.
static void too_short(answer_t answer) {
  wasi_http_types_own_fields_t headers = wasi_http_types_constructor_fields();
  append(headers, "content-length", "10");
  body_t body = answer_with(answer, 200, headers);
  stream_t stream = stream_of(body);
  write_text(stream, "four");
  finish(body, stream, NULL);
}

static void no_response(answer_t answer) {
  wasi_http_types_result_own_outgoing_response_error_code_t result = {
      .is_err = true, .val.err.tag = WASI_HTTP_TYPES_ERROR_CODE_LOOP_DETECTED};
  wasi_http_types_static_response_outparam_set(answer, &result);
}

static void not_found(answer_t answer) {
  body_t body = answer_with(answer, 404, wasi_http_types_constructor_fields());
  finish(body, stream_of(body), NULL);
}

void exports_wasi_http_incoming_handler_handle(request_t request, answer_t answer) {
  incoming_string_t path;
  if (!wasi_http_types_method_incoming_request_path_with_query(
          wasi_http_types_borrow_incoming_request(request), &path))
    path = (incoming_string_t){(uint8_t *)"/", 1};
  uint64_t number = 0;
  size_t end = 0;
  while (end < path.len && path.ptr[end] != '?')
    end++;
  for (size_t n = end; n < path.len; n++)
    if (path.ptr[n] >= '0' && path.ptr[n] <= '9')
      number = number * 10 + (path.ptr[n] - '0');
#define IS(text) (end == sizeof text - 1 && memcmp(path.ptr, text, end) == 0)
  if (IS("/echo"))
    echo(answer, request, path);
  else if (IS("/mirror"))
    mirror(answer, request);
  else if (IS("/status")) {
    body_t body = answer_with(answer, (uint16_t)number, wasi_http_types_constructor_fields());
    finish(body, stream_of(body), NULL);
  } else if (IS("/body"))
    many_bytes(answer, number);
  else if (IS("/slow"))
    slow(answer);
  else if (IS("/trailers"))
    with_trailers(answer);
  else if (IS("/trap"))
    __builtin_trap();
  else if (IS("/never"))
    return;
  else if (IS("/spin"))
    for (volatile int n = 0;; n++) {
    }
  else if (IS("/huge-headers"))
    huge_headers(answer);
  else if (IS("/short"))
    too_short(answer);
  else if (IS("/error"))
    no_response(answer);
  else
    not_found(answer);
  // An instance may serve many requests.
  wasi_http_types_incoming_request_drop_own(request);
}
