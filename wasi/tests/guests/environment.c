// Checks what a program is told, and its end. The second argument says which one:
// `ok`, `error`, `code` or, without one, that of the function `run`.
#define WORLD environment
#include "environment.h"
#include "check.h"

static void checks(void) {
  environment_list_string_t arguments;
  wasi_cli_environment_get_arguments(&arguments);
  if (!check("there are arguments", arguments.len > 0))
    return;
  check_text("the program's name is the first", arguments.ptr[0].ptr, arguments.ptr[0].len,
             "environment");
  environment_list_tuple2_string_string_t variables;
  wasi_cli_environment_get_environment(&variables);
  if (check_number("two variables are set", variables.len, 2)) {
    check_text("one has a name", variables.ptr[0].f0.ptr, variables.ptr[0].f0.len, "GREETING");
    check_text("and a value", variables.ptr[0].f1.ptr, variables.ptr[0].f1.len, "Gr\xc3\xbc\xc3\x9f"
                                                                                "e");
    check_text("the other is there", variables.ptr[1].f0.ptr, variables.ptr[1].f0.len, "EMPTY");
    check_number("and empty", variables.ptr[1].f1.len, 0);
  }
  string_t directory;
  check("no directory is the current one", !wasi_cli_environment_initial_cwd(&directory));
  wasi_cli_terminal_stdin_own_terminal_input_t terminal_in;
  wasi_cli_terminal_stdout_own_terminal_output_t terminal_out;
  check("nobody sits at standard input", !wasi_cli_terminal_stdin_get_terminal_stdin(&terminal_in));
  check("nor at standard output", !wasi_cli_terminal_stdout_get_terminal_stdout(&terminal_out));
  check("nor at standard error", !wasi_cli_terminal_stderr_get_terminal_stderr(&terminal_out));
  bytes_t text = {(uint8_t *)"an error\n", 9};
  wasi_io_streams_stream_error_t error;
  check("standard error takes text",
        wasi_io_streams_method_output_stream_blocking_write_and_flush(
            wasi_io_streams_borrow_output_stream(wasi_cli_stderr_get_stderr()), &text, &error));
  bytes_t got;
  check("standard input is at its end",
        !wasi_io_streams_method_input_stream_blocking_read(
            wasi_io_streams_borrow_input_stream(wasi_cli_stdin_get_stdin()), 1, &got, &error));
  if (arguments.len < 2)
    return;
  switch (arguments.ptr[1].ptr[0]) {
  case 'o':
    wasi_cli_exit_exit(&(wasi_cli_exit_result_void_void_t){.is_err = false});
    break;
  case 'e':
    wasi_cli_exit_exit(&(wasi_cli_exit_result_void_void_t){.is_err = true});
    break;
  default:
    wasi_cli_exit_exit_with_code(42);
  }
  check("nothing happens after the end", false);
}
