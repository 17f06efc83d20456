// Makes a request: the arguments are an authority, a path, and perhaps a body to post;
// it prints the answer. Without arguments it checks what `wasi:http/types` says of
// requests, responses and fields before anything is sent.
#define WORLD outgoing
#include "outgoing.h"
#include "check.h"

#define HTTP(name) wasi_http_types_##name
#define REQUEST(name) wasi_http_types_method_outgoing_request_##name
#define FIELDS(name) wasi_http_types_method_fields_##name

static HTTP(error_code_t) code;
static HTTP(header_error_t) refused;
static wasi_io_streams_stream_error_t error;

static HTTP(borrow_fields_t) lent(HTTP(own_fields_t) fields) { return HTTP(borrow_fields)(fields); }

static bool append(HTTP(own_fields_t) fields, const char *name, const char *value) {
  string_t key = string(name);
  bytes_t bytes = {(uint8_t *)value, strlen(value)};
  return FIELDS(append)(lent(fields), &key, (HTTP(field_value_t) *)&bytes, &refused);
}

static size_t count(HTTP(own_fields_t) fields, const char *name) {
  string_t key = string(name);
  HTTP(list_field_value_t) values;
  FIELDS(get)(lent(fields), &key, &values);
  return values.len;
}

static void fields(void) {
  HTTP(own_fields_t) fields = HTTP(constructor_fields)();
  string_t one = string("x-one");
  check("a field is appended", append(fields, "X-One", "1") && append(fields, "x-one", "2"));
  check_number("and found, whatever its case", count(fields, "x-ONE"), 2);
  check("as it says", FIELDS(has)(lent(fields), &one));
  HTTP(field_value_t) value = {(uint8_t *)"3", 1};
  HTTP(list_field_value_t) values = {&value, 1};
  check("a field is set", FIELDS(set)(lent(fields), &one, &values, &refused) &&
                              count(fields, "x-one") == 1);
  HTTP(own_fields_t) copy = FIELDS(clone)(lent(fields));
  check("a field is removed", FIELDS(delete)(lent(fields), &one, &refused) &&
                                  !FIELDS(has)(lent(fields), &one));
  check_number("and stays in a copy", count(copy, "x-one"), 1);
  check("a name with a space", !append(copy, "x one", "1") &&
                                   refused.tag == WASI_HTTP_TYPES_HEADER_ERROR_INVALID_SYNTAX);
  check("no name", !append(copy, "", "1") &&
                       refused.tag == WASI_HTTP_TYPES_HEADER_ERROR_INVALID_SYNTAX);
  check("a value of two lines", !append(copy, "x-two", "1\r\n2") &&
                                    refused.tag == WASI_HTTP_TYPES_HEADER_ERROR_INVALID_SYNTAX);
  check("a field of the connection's", !append(copy, "Connection", "close") &&
                                           refused.tag == WASI_HTTP_TYPES_HEADER_ERROR_FORBIDDEN);
  check("a field of the encoding's", !append(copy, "transfer-encoding", "chunked") &&
                                         refused.tag == WASI_HTTP_TYPES_HEADER_ERROR_FORBIDDEN);
  HTTP(list_tuple2_field_name_field_value_t) entries;
  FIELDS(entries)(lent(copy), &entries);
  check_number("nothing of it is in the fields", entries.len, 1);
  HTTP(own_fields_t) made;
  check("fields are made of a list", HTTP(static_fields_from_list)(&entries, &made, &refused) &&
                                         count(made, "x-one") == 1);
}

static void requests(void) {
  HTTP(own_outgoing_request_t) owned =
      HTTP(constructor_outgoing_request)(HTTP(constructor_fields)());
  HTTP(borrow_outgoing_request_t) request = HTTP(borrow_outgoing_request)(owned);
  HTTP(method_t) method;
  string_t text;
  HTTP(scheme_t) scheme;
  REQUEST(method)(request, &method);
  check_number("a request is a GET", method.tag, WASI_HTTP_TYPES_METHOD_GET);
  check("of no path", !REQUEST(path_with_query)(request, &text));
  check("no scheme", !REQUEST(scheme)(request, &scheme));
  check("and no authority", !REQUEST(authority)(request, &text));
  method = (HTTP(method_t)){.tag = WASI_HTTP_TYPES_METHOD_OTHER, .val.other = string("a b")};
  check("a method with a space", !REQUEST(set_method)(request, &method));
  method.val.other = string("BREW");
  check("a method of one's own", REQUEST(set_method)(request, &method));
  text = string("/a b");
  check("a path with a space", !REQUEST(set_path_with_query)(request, &text));
  text = string("/a?b=c");
  check("a path with a query", REQUEST(set_path_with_query)(request, &text));
  text = string("a b:80");
  check("an authority with a space", !REQUEST(set_authority)(request, &text));
  text = string("example.org:80");
  check("an authority", REQUEST(set_authority)(request, &text));
  if (check("is kept", REQUEST(authority)(request, &text)))
    check_text("as it was", text.ptr, text.len, "example.org:80");
  check("its fields stay", !append(REQUEST(headers)(request), "x-one", "1") &&
                               refused.tag == WASI_HTTP_TYPES_HEADER_ERROR_IMMUTABLE);
  HTTP(own_outgoing_body_t) body, again;
  check("it has a body", REQUEST(body)(request, &body));
  check("but one", !REQUEST(body)(request, &again));
  HTTP(own_output_stream_t) stream, more;
  check("which has a stream",
        HTTP(method_outgoing_body_write)(HTTP(borrow_outgoing_body)(body), &stream));
  check("but one", !HTTP(method_outgoing_body_write)(HTTP(borrow_outgoing_body)(body), &more));

  HTTP(borrow_request_options_t) options =
      HTTP(borrow_request_options)(HTTP(constructor_request_options)());
  HTTP(duration_t) time = 1000;
  check("no time is limited", !HTTP(method_request_options_connect_timeout)(options, &time));
  check("unless it is asked for", HTTP(method_request_options_set_connect_timeout)(options, &time) &&
                                      HTTP(method_request_options_connect_timeout)(options, &time));
}

static void responses(void) {
  HTTP(borrow_outgoing_response_t) response = HTTP(borrow_outgoing_response)(
      HTTP(constructor_outgoing_response)(HTTP(constructor_fields)()));
  check_number("a response is fine", HTTP(method_outgoing_response_status_code)(response), 200);
  check("or not", HTTP(method_outgoing_response_set_status_code)(response, 404));
  check_number("as it says", HTTP(method_outgoing_response_status_code)(response), 404);
  check("but not 1000", !HTTP(method_outgoing_response_set_status_code)(response, 1000));
  check("its fields stay",
        !append(HTTP(method_outgoing_response_headers)(response), "x-one", "1") &&
            refused.tag == WASI_HTTP_TYPES_HEADER_ERROR_IMMUTABLE);
}

static void print_fields(HTTP(own_fields_t) fields) {
  HTTP(list_tuple2_field_name_field_value_t) entries;
  FIELDS(entries)(lent(fields), &entries);
  for (size_t n = 0; n < entries.len; n++) {
    print_bytes(entries.ptr[n].f0.ptr, entries.ptr[n].f0.len);
    print(": ");
    print_bytes(entries.ptr[n].f1.ptr, entries.ptr[n].f1.len);
    print("\n");
  }
}

static void print_error(void) {
  print("error ");
  print_number(code.tag);
  print("\n");
  all_held = false;
}

static bool send(string_t authority, string_t path, const string_t *body,
                 HTTP(own_future_incoming_response_t) *future) {
  HTTP(own_fields_t) headers = HTTP(constructor_fields)();
  append(headers, "x-guest", "outgoing");
  HTTP(own_outgoing_request_t) owned = HTTP(constructor_outgoing_request)(headers);
  HTTP(borrow_outgoing_request_t) request = HTTP(borrow_outgoing_request)(owned);
  HTTP(method_t) post = {.tag = WASI_HTTP_TYPES_METHOD_POST};
  HTTP(scheme_t) scheme = {.tag = WASI_HTTP_TYPES_SCHEME_HTTP};
  HTTP(own_outgoing_body_t) to;
  if (!REQUEST(set_authority)(request, &authority) ||
      !REQUEST(set_path_with_query)(request, &path) || !REQUEST(set_scheme)(request, &scheme) ||
      (body && !REQUEST(set_method)(request, &post)) || !REQUEST(body)(request, &to))
    __builtin_trap();
  HTTP(own_output_stream_t) stream;
  HTTP(method_outgoing_body_write)(HTTP(borrow_outgoing_body)(to), &stream);
  if (!wasi_http_outgoing_handler_handle(owned, NULL, future, &code))
    return false;
  bytes_t bytes = {body ? body->ptr : NULL, body ? body->len : 0};
  // Who refuses the request may refuse its body.
  wasi_io_streams_method_output_stream_blocking_write_and_flush(
      wasi_io_streams_borrow_output_stream(stream), &bytes, &error);
  wasi_io_streams_output_stream_drop_own(stream);
  HTTP(static_outgoing_body_finish)(to, NULL, &code);
  return true;
}

static void print_body(HTTP(borrow_incoming_response_t) response) {
  HTTP(own_incoming_body_t) body;
  HTTP(own_input_stream_t) stream;
  if (!HTTP(method_incoming_response_consume)(response, &body) ||
      !HTTP(method_incoming_body_stream)(HTTP(borrow_incoming_body)(body), &stream))
    __builtin_trap();
  bytes_t bytes;
  while (wasi_io_streams_method_input_stream_blocking_read(
      wasi_io_streams_borrow_input_stream(stream), 4096, &bytes, &error)) {
    print_bytes(bytes.ptr, bytes.len);
    free(bytes.ptr);
  }
  if (error.tag != WASI_IO_STREAMS_STREAM_ERROR_CLOSED) {
    wasi_io_error_borrow_error_t failure =
        wasi_io_error_borrow_error(error.val.last_operation_failed);
    if (!HTTP(http_error_code)(failure, &code))
      __builtin_trap();
    print_error();
  }
  wasi_io_streams_input_stream_drop_own(stream);
  HTTP(borrow_future_trailers_t) future =
      HTTP(borrow_future_trailers)(HTTP(static_incoming_body_finish)(body));
  wasi_io_poll_method_pollable_block(
      wasi_io_poll_borrow_pollable(HTTP(method_future_trailers_subscribe)(future)));
  HTTP(result_result_option_own_trailers_error_code_void_t) trailers;
  if (HTTP(method_future_trailers_get)(future, &trailers) && !trailers.is_err &&
      !trailers.val.ok.is_err && trailers.val.ok.val.ok.is_some) {
    print("\n");
    print_fields(trailers.val.ok.val.ok.val);
  }
}

static void request(string_t authority, string_t path, const string_t *body) {
  HTTP(own_future_incoming_response_t) owned;
  if (!send(authority, path, body, &owned)) {
    print_error();
    return;
  }
  HTTP(borrow_future_incoming_response_t) future = HTTP(borrow_future_incoming_response)(owned);
  wasi_io_poll_method_pollable_block(
      wasi_io_poll_borrow_pollable(HTTP(method_future_incoming_response_subscribe)(future)));
  HTTP(result_result_own_incoming_response_error_code_void_t) result;
  if (!HTTP(method_future_incoming_response_get)(future, &result) || result.is_err)
    __builtin_trap();
  if (result.val.ok.is_err) {
    code = result.val.ok.val.err;
    print_error();
    return;
  }
  HTTP(borrow_incoming_response_t) response =
      HTTP(borrow_incoming_response)(result.val.ok.val.ok);
  print("status ");
  print_number(HTTP(method_incoming_response_status)(response));
  print("\n");
  print_fields(HTTP(method_incoming_response_headers)(response));
  print("\n");
  print_body(response);
}

static void checks(void) {
  outgoing_list_string_t arguments;
  wasi_cli_environment_get_arguments(&arguments);
  string_t *ptr = arguments.ptr;
  if (arguments.len >= 2) {
    request(ptr[0], ptr[1], arguments.len > 2 ? &ptr[2] : NULL);
    return;
  }
  fields();
  requests();
  responses();
}
